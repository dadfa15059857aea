//! This coordinator among others on the same log.
//!
//! ```text
//! Member      the task that raises this session's beat, and the one that watches the others and takes over from them
//!   Lease     how long this coordinator may go on without having raised its beat; on its own monotonic clock
//!   Leased    the store behind it: once the lease is over nothing is appended
//!   Watcher   whose beat has stood still for too long; pure
//!   Peers     channels to the others, for calls that are theirs
//! ```
//!
//! A log that has one coordinator at a time has none of this, and costs none of it. What must never happen here: a
//! comparison with another machine's clock; a fencing of a beat that wasn't the last one seen; a recovery of its own:
//! adopted transactions go the way of recovered ones.

mod lease;
mod leased;
mod member;
mod peers;
mod restored;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use lease::Lease;
pub(crate) use leased::Leased;
pub(crate) use member::{join, run_beat, run_watch};
pub(crate) use peers::{Peer, Peers};
pub(crate) use restored::take_all;

use crate::Connect;
use crate::config::ClusterConfig;

/// How often a beat is raised and looked at, and how long it may stand still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) beat_every: Duration,
    pub(crate) take_over_after: Duration,
}

impl From<&ClusterConfig> for Times {
    fn from(config: &ClusterConfig) -> Self {
        Self {
            beat_every: config.beat_every.get(),
            take_over_after: config.take_over_after.get(),
        }
    }
}

/// What this coordinator knows of itself as one of several.
#[derive(Debug)]
pub(crate) struct Cluster {
    times: Times,
    lease: Arc<Lease>,
    pub(crate) peers: Peers,
    /// Transactions taken over from others so far.
    adopted: AtomicU64,
    /// Sessions as last seen: those that live, this one included, and those that are fenced.
    alive: AtomicU64,
    fenced_seen: AtomicU64,
    /// Something may have been adopted without this process having been told.
    is_unsure: AtomicBool,
    fenced: CancellationToken,
    left: CancellationToken,
}

impl Cluster {
    pub(crate) fn new(times: Times, lease: Arc<Lease>, connect: &Connect) -> Self {
        Self {
            times,
            lease,
            peers: Peers::new(connect),
            adopted: AtomicU64::new(0),
            alive: AtomicU64::new(1),
            fenced_seen: AtomicU64::new(0),
            is_unsure: AtomicBool::new(false),
            fenced: CancellationToken::new(),
            left: CancellationToken::new(),
        }
    }

    /// Waits until others have taken over from this coordinator: its process has to end. Never ends otherwise.
    pub(crate) async fn fenced(&self) {
        self.fenced.cancelled().await;
    }

    /// The beats end here, and so does looking after others. The session is then fenced by whoever closes the log, or by
    /// the others in time.
    pub(crate) fn leave(&self) {
        self.left.cancel();
    }

    /// Transactions taken over from others so far.
    pub(crate) fn adopted(&self) -> u64 {
        self.adopted.load(Ordering::Relaxed)
    }

    /// How long ago this coordinator's last beat was raised.
    pub(crate) fn beat_age(&self) -> Duration {
        self.lease.beat_age()
    }

    /// Sessions on the log as last seen: living ones, this one included, and fenced ones.
    pub(crate) fn sessions_seen(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.alive), read(&self.fenced_seen))
    }

    /// The sessions have been looked at.
    fn saw(&self, sessions: &[tercet_log::SessionState]) {
        let fenced = sessions.iter().filter(|session| session.is_fenced).count();
        let set = |count: &AtomicU64, found: usize| {
            count.store(u64::try_from(found).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        set(&self.fenced_seen, fenced);
        set(&self.alive, sessions.len() - fenced);
    }

    /// Counts transactions that were taken over.
    pub(crate) fn count_adopted(&self, transactions: usize) {
        let more = u64::try_from(transactions).unwrap_or(u64::MAX);
        self.adopted.fetch_add(more, Ordering::Relaxed);
    }

    /// Has the log looked through for transactions of this coordinator that no task drives.
    pub(crate) fn look_through(&self) {
        self.is_unsure.store(true, Ordering::Release);
    }
}
