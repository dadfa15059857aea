//! How the coordinator is now, read from memory.

use std::time::Duration;

use jiff::Timestamp;
use tercet_core::TransactionState;
use tercet_log::LogMetrics;

use super::words;
use crate::transactions::{Handle, Shared};

/// One look at everything.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) trying: u64,
    pub(super) confirming: u64,
    pub(super) cancelling: u64,
    pub(super) attention: u64,
    pub(super) parked: u64,
    pub(super) oldest: Option<Timestamp>,
    pub(super) in_flight: u64,
    pub(super) queued: u64,
    pub(super) log: LogMetrics,
    /// Since when the log takes nothing.
    pub(super) log_failing: Option<Duration>,
    /// Coordinators that live, and fenced ones whose work is being taken over; none where the log has one at a time.
    pub(super) sessions: Option<(u64, u64)>,
}

impl Figures {
    /// Costs a short lock for each shard of the registry, and atomics.
    pub(super) fn of(shared: &Shared) -> Self {
        let now = shared.clock.now();
        let oldest = shared.registry.all().iter().map(Handle::begun_at).min();
        let count = |state| shared.gauges.count(state);
        Self {
            trying: count(TransactionState::Trying),
            confirming: count(TransactionState::Confirming),
            cancelling: count(TransactionState::Cancelling),
            attention: shared.gauges.attention(),
            parked: shared.gauges.parked(),
            oldest: oldest.map(words::of_core),
            in_flight: shared.participants.iter().map(|it| it.in_flight()).sum(),
            queued: shared.participants.iter().map(|it| it.queued()).sum(),
            log: shared.log.metrics(),
            log_failing: shared.health.failing_for(now),
            sessions: shared.cluster.as_ref().map(|it| it.sessions_seen()),
        }
    }

    /// Everything that has not ended.
    pub(super) fn open(&self) -> u64 {
        self.trying + self.confirming + self.cancelling
    }
}
