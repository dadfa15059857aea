//! One address: its channel, and whether calls to it are answered.
//!
//! Times are microseconds after [`Endpoints::start`](super::Endpoints), never 0.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tonic::transport::{Channel, Endpoint as Target};

use crate::Connect;

/// Where it isn't ejected.
const WELL: u64 = 0;

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The address that its name was resolved to; none where that has not been done.
    pub(super) address: Option<SocketAddr>,
    /// The configured endpoint that it belongs to, by number.
    pub(super) name: usize,
    target: Target,
    /// Where it is, as people are told: the URL that calls go to.
    label: Arc<str>,
    channel: RwLock<Channel>,
    /// When anything was last heard over the channel, or it was made.
    heard_at: AtomicU64,
    failures: AtomicU32,
    /// When it is tried again; [`WELL`] when it isn't ejected.
    ejected_until: AtomicU64,
}

impl Endpoint {
    /// Opens no connection yet.
    pub(super) fn new(
        name: usize,
        address: Option<SocketAddr>,
        target: Target,
        connect: &Connect,
        now: u64,
    ) -> Self {
        Self {
            address,
            name,
            channel: RwLock::new(connect.channel(&target)),
            label: target.uri().to_string().trim_end_matches('/').into(),
            target,
            heard_at: AtomicU64::new(now),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(WELL),
        }
    }

    /// A channel to it; cheap.
    pub(crate) fn channel(&self) -> Channel {
        self.channel
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The URL that calls to it go to.
    pub(crate) fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(super) fn is_well(&self) -> bool {
        self.ejected_until() == WELL
    }

    pub(super) fn ejected_until(&self) -> u64 {
        self.ejected_until.load(Ordering::Relaxed)
    }

    /// Whether it was ejected and this call is the one that tries it again. Nobody else does before `until`.
    pub(super) fn try_anew(&self, now: u64, until: u64) -> bool {
        let ejected_until = self.ejected_until();
        let (all, is_due) = (
            Ordering::Relaxed,
            ejected_until != WELL && ejected_until <= now,
        );
        is_due
            && self
                .ejected_until
                .compare_exchange(ejected_until, until, all, all)
                .is_ok()
    }

    /// Something came over its channel.
    pub(super) fn heard(&self, now: u64) {
        self.heard_at.store(now, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, now: u64) {
        self.heard(now);
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.ejected_until.store(WELL, Ordering::Relaxed);
        }
    }

    /// Counts a failure, and says how many there were in a row before.
    pub(super) fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn eject(&self, until: u64) {
        self.ejected_until.store(until, Ordering::Relaxed);
    }

    /// Calls that are under way keep the old channel. Of many that run out of time together, one makes the new one.
    pub(super) fn renew_if_silent(&self, since: u64, now: u64, connect: &Connect) {
        let heard_at = self.heard_at.load(Ordering::Relaxed);
        let is_first = || {
            let (all, heard) = (Ordering::Relaxed, &self.heard_at);
            heard.compare_exchange(heard_at, now, all, all).is_ok()
        };
        if heard_at <= since && is_first() {
            let new = connect.channel(&self.target);
            *self.channel.write().unwrap_or_else(PoisonError::into_inner) = new;
            tracing::debug!(endpoint = %self.target.uri(), "silent, the connection is made anew");
        }
    }
}
