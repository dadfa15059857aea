//! Where a participant listens: one lazy channel for each endpoint, in turn, leaving out those that fail.
//!
//! Not tonic's balancer: with one dead endpoint of three it fails a quarter of all calls.
//!
//! A connection whose other side has silently gone looks well for as long as TCP retransmits, a quarter of an hour or
//! more, and pings are too rare to find it. So a call that ran out of time finds it: when nothing at all has come over the
//! channel since that call began, the next call gets a new one.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint as Target};

use crate::Connect;
use crate::config::ParticipantConfig;

/// How long an endpoint is left out after its first failure; doubles with each further one in a row.
const EJECTED_MIN: Duration = Duration::from_millis(200);
const EJECTED_MAX: Duration = Duration::from_secs(10);
/// The longest wait for a connection.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(2);
/// Stock gRPC servers close a connection that is pinged more often than this while idle.
const PING_EVERY: Duration = Duration::from_mins(5);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// An address that no channel can be made for.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {source}")]
pub(crate) struct AddressError {
    address: String,
    source: tonic::transport::Error,
}

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    target: Target,
    channel: RwLock<Channel>,
    /// Microseconds after [`Endpoints::start`] at which anything was last heard over the channel, or it was made.
    heard_at: AtomicU64,
    failures: AtomicU32,
    /// Microseconds after [`Endpoints::start`] before which it isn't picked; 0 when it is well.
    ejected_until: AtomicU64,
}

/// All endpoints of a participant.
#[derive(Debug)]
pub(crate) struct Endpoints {
    all: Vec<Endpoint>,
    next: AtomicUsize,
    start: Instant,
    connect: Connect,
}

/// What a call says about the endpoint that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An answer, whatever it says.
    Answer,
    /// The connection couldn't be made, or has broken: tonic makes another by itself.
    Failure,
    /// Nothing in time, for a call that began then.
    Silence {
        /// When the call began.
        since: Instant,
    },
}

impl Endpoints {
    /// Opens no connection yet.
    pub(crate) fn new(config: &ParticipantConfig, connect: &Connect) -> Result<Self, AddressError> {
        let timeout = config.timeout.get();
        // A connect that takes longer must fail before the call does: only then is it known as never sent.
        let connect_timeout = (timeout * 2 / 3).min(CONNECT_TIMEOUT_MAX);
        let endpoint = |address: String| {
            let target = Target::from_shared(address.clone())
                .map_err(|source| AddressError { address, source })?
                .connect_timeout(connect_timeout)
                .http2_keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT)
                .keep_alive_while_idle(true)
                .tcp_nodelay(true);
            Ok(Endpoint {
                channel: RwLock::new(connect.channel(&target)),
                target,
                heard_at: AtomicU64::new(0),
                failures: AtomicU32::new(0),
                ejected_until: AtomicU64::new(0),
            })
        };
        Ok(Self {
            all: config
                .endpoints
                .iter()
                .map(|address| endpoint(address.to_string()))
                .collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            start: Instant::now(),
            connect: connect.clone(),
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The next one in turn that is well; if none is, the one that is tried again first.
    pub(crate) fn pick(&self) -> &Endpoint {
        let [only] = self.all.as_slice() else {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let now = self.micros(Instant::now());
            let (before, after) = self.all.split_at(turn % self.all.len());
            let in_turn = || after.iter().chain(before);
            let until = |endpoint: &&Endpoint| endpoint.ejected_until.load(Ordering::Relaxed);
            // The list is never empty: the configuration refuses that.
            return in_turn()
                .find(|endpoint| until(endpoint) <= now)
                .or_else(|| in_turn().min_by_key(until))
                .unwrap_or(&self.all[0]);
        };
        only
    }

    /// What came of a call to it.
    pub(crate) fn report(&self, endpoint: &Endpoint, heard: Heard) {
        let now = self.micros(Instant::now());
        if heard == Heard::Answer {
            endpoint.heard_at.store(now, Ordering::Relaxed);
            if endpoint.failures.load(Ordering::Relaxed) != 0 {
                endpoint.failures.store(0, Ordering::Relaxed);
                endpoint.ejected_until.store(0, Ordering::Relaxed);
            }
            return;
        }
        if let Heard::Silence { since } = heard {
            self.renew_if_silent(endpoint, self.micros(since), now);
        }
        let failures = endpoint.failures.fetch_add(1, Ordering::Relaxed);
        let pause = EJECTED_MIN
            .saturating_mul(1 << failures.min(10))
            .min(EJECTED_MAX);
        let until = self.micros(Instant::now() + pause);
        endpoint.ejected_until.store(until, Ordering::Relaxed);
    }

    /// Calls that are under way keep the old channel. Of many that run out of time together, one makes the new one.
    fn renew_if_silent(&self, endpoint: &Endpoint, since: u64, now: u64) {
        let heard_at = endpoint.heard_at.load(Ordering::Relaxed);
        let is_first = || {
            let (all, heard) = (Ordering::Relaxed, &endpoint.heard_at);
            heard.compare_exchange(heard_at, now, all, all).is_ok()
        };
        if heard_at <= since && is_first() {
            let new = self.connect.channel(&endpoint.target);
            let mut channel = endpoint
                .channel
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *channel = new;
            tracing::debug!(endpoint = %endpoint.target.uri(), "silent, the connection is made anew");
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from((at - self.start).as_micros()).unwrap_or(u64::MAX)
    }
}

impl Endpoint {
    /// A channel to it; cheap.
    pub(crate) fn channel(&self) -> Channel {
        self.channel
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tercet_service::Endpoint as Address;

    use super::*;

    fn three() -> Endpoints {
        let addresses = (1..=3)
            .map(|port| Address::http("127.0.0.1", port))
            .collect();
        Endpoints::new(&ParticipantConfig::new(addresses), &Connect::tcp()).unwrap()
    }

    fn picked(endpoints: &Endpoints, times: usize) -> Vec<usize> {
        let index_of = |picked: &Endpoint| {
            endpoints
                .all
                .iter()
                .position(|endpoint| std::ptr::eq(endpoint, picked))
                .unwrap()
        };
        (0..times).map(|_| index_of(endpoints.pick())).collect()
    }

    #[tokio::test]
    async fn takes_turns_and_leaves_out_the_one_that_fails() {
        let endpoints = three();
        assert_eq!(picked(&endpoints, 4), [0, 1, 2, 0]);
        endpoints.report(&endpoints.all[1], Heard::Failure);
        assert!(!picked(&endpoints, 9).contains(&1));
        endpoints.report(&endpoints.all[1], Heard::Answer);
        assert!(picked(&endpoints, 9).contains(&1));
    }

    #[tokio::test]
    async fn with_none_well_the_one_that_failed_least_is_tried() {
        let endpoints = three();
        for (index, failures) in [(0, 3), (1, 1), (2, 2)] {
            for _ in 0..failures {
                endpoints.report(&endpoints.all[index], Heard::Failure);
            }
        }
        assert_eq!(picked(&endpoints, 3), [1, 1, 1]);
    }

    /// Endpoints that count the channels they make.
    fn counted() -> (Endpoints, std::sync::Arc<AtomicUsize>) {
        let made = std::sync::Arc::new(AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&made);
        let connect = Connect::with(move |target| {
            counter.fetch_add(1, Ordering::Relaxed);
            target.connect_lazy()
        });
        let config = ParticipantConfig::new(vec![Address::http("127.0.0.1", 1)]);
        (Endpoints::new(&config, &connect).unwrap(), made)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_made_anew_once_however_many_calls_ran_out_of_time() {
        let (endpoints, made) = counted();
        let since = Instant::now();
        tokio::time::advance(Duration::from_secs(3)).await;
        for _ in 0..10 {
            endpoints.report(&endpoints.all[0], Heard::Silence { since });
        }
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_slow_beside_others_that_are_answered_breaks_no_connection() {
        let (endpoints, made) = counted();
        let since = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        endpoints.report(&endpoints.all[0], Heard::Answer);
        tokio::time::advance(Duration::from_secs(2)).await;
        endpoints.report(&endpoints.all[0], Heard::Silence { since });
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}
