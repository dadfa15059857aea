//! Where a participant listens: one lazy channel for each address, in turn, leaving out those that fail.
//!
//! Not tonic's balancer: with one dead endpoint of three it fails a quarter of all calls.
//!
//! - **Names** are resolved again and again ([`resolve`]), so several instances behind one name are all found, and one that
//!   moves is found again. Until the first answer, and where nobody resolves, a name is one endpoint as it stands.
//! - **Ejection**: an endpoint that fails, or answers that it is UNAVAILABLE, is left out for a while, longer with each failure
//!   in a row. When that is over one call tries it, and only an answer brings it back among the others. Where none is well,
//!   calls go out all the same.
//! - **Silence**: a connection whose other side has silently gone looks well for as long as TCP retransmits, a quarter of an
//!   hour or more, and pings are too rare to find it. So a call that ran out of time finds it: when nothing at all has come
//!   over the channel since that call began, the next call gets a new one.

mod endpoint;
mod resolve;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::Endpoint as Target;

pub(crate) use endpoint::Endpoint;
pub(crate) use resolve::AddressError;
use resolve::{Name, Names};

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

/// All endpoints of a participant.
#[derive(Debug)]
pub(crate) struct Endpoints {
    all: RwLock<Arc<Vec<Arc<Endpoint>>>>,
    names: Names,
    next: AtomicUsize,
    start: Instant,
    /// How long a call may take, so for how long one that tries an ejected endpoint keeps others from doing the same.
    timeout: Duration,
    connect: Connect,
}

/// What a call says about the endpoint that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An answer, whatever it says but for the next one.
    Answer,
    /// The answer that this instance can't serve now (UNAVAILABLE), and not for how long: another one may.
    TurnedAway,
    /// The connection couldn't be made, or has broken: tonic makes another by itself.
    Failure,
    /// Nothing in time, for a call that began then.
    Silence {
        /// When the call began.
        since: Instant,
    },
}

/// How one endpoint is, for people.
#[derive(Clone, Debug)]
pub(crate) struct EndpointNow {
    /// As configured.
    pub(crate) name: String,
    /// What its name was resolved to, where it was.
    pub(crate) address: Option<SocketAddr>,
    /// Failures in a row; while there are any it is left out.
    pub(crate) failures: u32,
    /// How long it is still left out before a call tries it.
    pub(crate) tried_again_in: Duration,
}

impl Endpoints {
    /// Opens no connection yet, and resolves nothing.
    pub(crate) fn new(config: &ParticipantConfig, connect: &Connect) -> Result<Self, AddressError> {
        let timeout = config.timeout.get();
        let names = config.endpoints.iter();
        let names = names.map(|address| Name::new(address, settings(timeout)));
        let endpoints = Self {
            all: RwLock::default(),
            names: Names::new(names.collect::<Result<_, _>>()?),
            next: AtomicUsize::new(0),
            start: Instant::now(),
            timeout,
            connect: connect.clone(),
        };
        let by_name = endpoints.names.targets().enumerate();
        let by_name = by_name.map(|(name, target)| endpoints.endpoint(name, None, target));
        endpoints.set(by_name.map(Arc::new).collect());
        Ok(endpoints)
    }

    fn endpoint(&self, name: usize, address: Option<SocketAddr>, target: Target) -> Endpoint {
        let now = self.micros(Instant::now());
        Endpoint::new(name, address, target, &self.connect, now)
    }

    fn set(&self, all: Vec<Arc<Endpoint>>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
    }

    /// Those that there are now.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Endpoint>>> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }

    /// How they all are.
    pub(crate) fn now(&self) -> Vec<EndpointNow> {
        let now = self.micros(Instant::now());
        let all = self.all();
        let one = |endpoint: &Arc<Endpoint>| EndpointNow {
            name: self.names.address(endpoint.name),
            address: endpoint.address,
            failures: endpoint.failures(),
            tried_again_in: Duration::from_micros(endpoint.ejected_until().saturating_sub(now)),
        };
        all.iter().map(one).collect()
    }

    /// One that was ejected and is to be tried again; else the next one in turn that is well; if none is, the one that is
    /// tried again first. Has names resolved where it is time for that.
    pub(crate) fn pick(self: &Arc<Self>) -> Arc<Endpoint> {
        self.resolve_when_due(Instant::now());
        let all = self.all();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (first, last) = all.split_at(turn % all.len());
        let in_turn = || last.iter().chain(first);
        if all.len() > 1 {
            let now = self.micros(Instant::now());
            let until = self.micros(Instant::now() + self.timeout);
            if let Some(endpoint) = in_turn().find(|endpoint| endpoint.try_anew(now, until)) {
                return Arc::clone(endpoint);
            }
            // In turn among the well ones, so that none inherits the share of the one that is left out.
            let well: Vec<_> = all.iter().filter(|endpoint| endpoint.is_well()).collect();
            if !well.is_empty() {
                return Arc::clone(well[turn % well.len()]);
            }
        }
        // The list is never empty: the configuration refuses that, and an empty answer changes nothing.
        let first = in_turn().min_by_key(|endpoint| endpoint.ejected_until());
        Arc::clone(first.unwrap_or(&all[0]))
    }

    /// What came of a call to it.
    pub(crate) fn report(&self, endpoint: &Endpoint, heard: Heard) {
        let now = self.micros(Instant::now());
        match heard {
            Heard::Answer => return endpoint.answered(now),
            Heard::TurnedAway => endpoint.heard(now),
            Heard::Silence { since } => {
                endpoint.renew_if_silent(self.micros(since), now, &self.connect);
            }
            Heard::Failure => {}
        }
        let failures = endpoint.failed();
        let pause = EJECTED_MIN
            .saturating_mul(1 << failures.min(10))
            .min(EJECTED_MAX);
        endpoint.eject(self.micros(Instant::now() + pause));
        // It may have moved.
        self.names.doubt();
    }

    fn micros(&self, at: Instant) -> u64 {
        // 0 means well.
        u64::try_from((at - self.start).as_micros())
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

/// How a connection to an endpoint is made, where a call may take `timeout`.
fn settings(timeout: Duration) -> impl Fn(Target) -> Target {
    // A connect that takes longer must fail before the call does: only then is it known as never sent.
    let connect_timeout = (timeout * 2 / 3).min(CONNECT_TIMEOUT_MAX);
    move |target| {
        target
            .connect_timeout(connect_timeout)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
    }
}
