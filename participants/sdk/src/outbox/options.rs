//! The outbox's times and bounds, and what it counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::SEGMENTS;

/// Times and bounds of an outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxOptions {
    /// This service's name in the coordinator's configuration: whom the coordinator asks about a message in doubt.
    pub participant: String,
    /// Workers of this process, each with segments of its own, 1 to 64. 2.
    pub workers: u8,
    /// Messages claimed at once by a worker. 64.
    pub page: u32,
    /// Messages that a worker sends at once. 16.
    pub concurrency: usize,
    /// How long a claim holds: a message whose sender died is sent again after this. 30 seconds; longer than three calls
    /// may take, or two senders may be at it at once, which costs calls and changes nothing.
    pub lease: Duration,
    /// How long each of the three calls may take, all replicas together. 5 seconds.
    pub call_timeout: Duration,
    /// How long after it was begun the coordinator asks about a message that isn't decided, 100 ms to 24 h. 30 seconds.
    pub ask_after: Duration,
    /// Before a failed message is sent again the first time; doubles each time.
    pub back_off: Duration,
    /// The longest time between two attempts.
    pub back_off_max: Duration,
    /// Attempts until a person has to look. 200, which is more than a day at the longest back-off.
    pub attempts_max: u32,
    /// The age until which a message is sent by itself: less than the coordinator's `retention.ended`, since the gid of a
    /// purged transaction would be a new one. 6 days.
    pub age_max: Duration,
    /// How long a row is kept after its message was sent or aborted. 14 days.
    pub retention: Duration,
    /// The longest time between two looks at the table.
    pub idle: Duration,
}

impl OutboxOptions {
    /// The defaults for the service that the coordinator's configuration names `participant`.
    pub fn new(participant: impl Into<String>) -> Self {
        Self {
            participant: participant.into(),
            workers: 2,
            page: 64,
            concurrency: 16,
            lease: Duration::from_secs(30),
            call_timeout: Duration::from_secs(5),
            ask_after: Duration::from_secs(30),
            back_off: Duration::from_millis(200),
            back_off_max: Duration::from_mins(10),
            attempts_max: 200,
            age_max: Duration::from_hours(6 * 24),
            retention: Duration::from_hours(14 * 24),
            idle: Duration::from_secs(5),
        }
    }

    pub(super) fn workers(&self) -> u8 {
        self.workers.clamp(1, SEGMENTS)
    }

    /// How long to wait after the `attempts`th attempt (from 1).
    pub(super) fn wait_after(&self, attempts: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempts.saturating_sub(1).min(20));
        self.back_off.saturating_mul(factor).min(self.back_off_max)
    }
}

/// What an outbox has counted since the start of its process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Messages written, of which some may have been rolled back.
    pub written: u64,
    /// Messages that the coordinator has taken over.
    pub sent: u64,
    /// Attempts that failed and are made again.
    pub failed: u64,
    /// Messages given up until a person looks.
    pub attention: u64,
    /// Questions of the coordinator answered with ABORTED.
    pub aborted: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    written: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    attention: AtomicU64,
    aborted: AtomicU64,
}

impl Counters {
    pub(super) fn written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn attention(&self) {
        self.attention.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn aborted(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> OutboxCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OutboxCounts {
            written: read(&self.written),
            sent: read(&self.sent),
            failed: read(&self.failed),
            attention: read(&self.attention),
            aborted: read(&self.aborted),
        }
    }
}
