//! Batches of the log.

use tercet_log::{BatchObserver, BatchReport};
use tercet_service::Metrics;
use tercet_service::metrics::{Histogram, IntCounter};

use super::definitions::{APPEND_SECONDS, BATCH_ENTRIES, BATCH_SECONDS, ENTRIES};

/// Counts what the log's writers do.
#[derive(Debug)]
pub(crate) struct LogMeters {
    batch_entries: Histogram,
    batch_seconds: Histogram,
    append_seconds: Histogram,
    entries: IntCounter,
}

impl LogMeters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            batch_entries: metrics.histogram(&BATCH_ENTRIES),
            batch_seconds: metrics.histogram(&BATCH_SECONDS),
            append_seconds: metrics.histogram(&APPEND_SECONDS),
            entries: metrics.counter(&ENTRIES),
        }
    }
}

/// Forced appends since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appends {
    /// One for each batch that had any.
    pub(crate) count: u64,
    /// From the append to its verdict, all of them together.
    pub(crate) seconds: f64,
}

impl LogMeters {
    /// How many forced appends there were, and how long they took.
    pub(crate) fn appends(&self) -> Appends {
        Appends {
            count: self.append_seconds.get_sample_count(),
            seconds: self.append_seconds.get_sample_sum(),
        }
    }
}

impl BatchObserver for LogMeters {
    fn batch(&self, report: &BatchReport) {
        let entries = u32::try_from(report.entries).unwrap_or(u32::MAX);
        self.batch_entries.observe(f64::from(entries));
        self.batch_seconds.observe(report.took.as_secs_f64());
        if let Some(took) = report.forced_took {
            self.append_seconds.observe(took.as_secs_f64());
        }
        let written = u64::try_from(report.written).unwrap_or(u64::MAX);
        self.entries.inc_by(written);
    }
}
