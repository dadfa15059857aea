//! What a log has done, for people and for back-pressure.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// A snapshot of what a log has done since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogMetrics {
    /// Entries that wait for their verdict, those of the batch under way included.
    pub queue_depth: u64,
    /// Entries of the last batch.
    pub last_batch: u64,
    /// Batches written so far.
    pub batches: u64,
    /// Entries written so far; duplicates, stale and refused ones not counted.
    pub appended: u64,
    /// From the call to the verdict, for the entry that had waited longest in the last batch. Lazy waiting counts.
    pub last_latency: Duration,
}

/// What became of one batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchReport {
    /// Its entries.
    pub entries: usize,
    /// Those that were written; duplicates, stale and refused ones not counted.
    pub written: usize,
    /// From its first statement to its last verdict.
    pub took: Duration,
    /// From the call to the verdict, for the forced entry that had waited longest; none where all were lazy.
    pub forced_took: Option<Duration>,
}

/// Is told of each batch, on the writer's task: must not wait.
pub trait BatchObserver: core::fmt::Debug + Send + Sync {
    /// A batch is over.
    fn batch(&self, report: &BatchReport);
}

/// The counters behind [`LogMetrics`]. Each is exact; together they are no snapshot of one moment.
#[derive(Debug, Default)]
pub(super) struct Counters {
    queue_depth: AtomicU64,
    last_batch: AtomicU64,
    batches: AtomicU64,
    appended: AtomicU64,
    last_latency_micros: AtomicU64,
}

impl Counters {
    pub(super) fn queued(&self) {
        self.queue_depth.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settled(&self) {
        self.queue_depth.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn batch(&self, entries: usize, written: usize, latency: Duration) {
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        self.last_batch.store(number(entries), Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.appended.fetch_add(number(written), Ordering::Relaxed);
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.last_latency_micros.store(micros, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> LogMetrics {
        LogMetrics {
            queue_depth: self.queue_depth.load(Ordering::Relaxed),
            last_batch: self.last_batch.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            appended: self.appended.load(Ordering::Relaxed),
            last_latency: Duration::from_micros(self.last_latency_micros.load(Ordering::Relaxed)),
        }
    }
}
