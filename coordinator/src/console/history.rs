//! How things were in the last minutes, for the plots. Bounded, in memory, gone with the process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tercet_core::TransactionState;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::metrics::LogMeters;
use crate::transactions::Shared;

/// Between two samples.
const EVERY: Duration = Duration::from_secs(5);
/// Half an hour.
const SAMPLES_MAX: usize = 361;

/// Counters and gauges at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Since the first sample.
    pub(super) at: Duration,
    pub(super) begun: u64,
    pub(super) confirmed: u64,
    pub(super) cancelled: u64,
    pub(super) open: u64,
    pub(super) attention: u64,
    pub(super) in_flight: u64,
    pub(super) batches: u64,
    pub(super) entries: u64,
    pub(super) appends: u64,
    /// Time from an append to its verdict, over all of them, in seconds.
    pub(super) append_seconds: f64,
}

/// The samples of one coordinator.
#[derive(Debug)]
pub(super) struct History {
    log_meters: Arc<LogMeters>,
    start: Instant,
    samples: Mutex<VecDeque<Sample>>,
}

impl History {
    pub(super) fn new(log_meters: Arc<LogMeters>) -> Self {
        Self {
            log_meters,
            start: Instant::now(),
            samples: Mutex::default(),
        }
    }

    /// Takes a sample again and again; never ends.
    pub(super) async fn keep(&self, shared: &Shared) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.push(self.now(shared));
        }
    }

    /// How it is now. Reads atomics alone.
    pub(super) fn now(&self, shared: &Shared) -> Sample {
        let open = [
            TransactionState::Trying,
            TransactionState::Confirming,
            TransactionState::Cancelling,
        ];
        let life = shared.telemetry.meters.totals();
        let log = shared.log.metrics();
        let appends = self.log_meters.appends();
        Sample {
            at: self.start.elapsed(),
            begun: life.begun,
            confirmed: life.confirmed,
            cancelled: life.cancelled,
            open: open.map(|state| shared.gauges.count(state)).iter().sum(),
            attention: shared.gauges.attention(),
            in_flight: shared.participants.iter().map(|it| it.in_flight()).sum(),
            batches: log.batches,
            entries: log.appended,
            appends: appends.count,
            append_seconds: appends.seconds,
        }
    }

    fn push(&self, sample: Sample) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// All that is kept, oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().collect()
    }
}

/// What lies between two samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    from: Sample,
    to: Sample,
}

/// From each sample to the next.
pub(super) fn steps(samples: &[Sample]) -> Vec<Step> {
    let pairs = samples.windows(2);
    pairs
        .map(|pair| Step {
            from: pair[0],
            to: pair[1],
        })
        .collect()
}

impl Step {
    /// How often that happened in a second.
    pub(super) fn rate(&self, counter: impl Fn(&Sample) -> u64) -> f64 {
        let seconds = self.to.at.saturating_sub(self.from.at).as_secs_f64();
        ratio(self.growth(counter), seconds)
    }

    /// Entries of a batch, on average; 0 where none was written.
    pub(super) fn batch_size(&self) -> f64 {
        ratio(
            self.growth(|sample| sample.entries),
            self.growth(|sample| sample.batches),
        )
    }

    /// Milliseconds from an append to its verdict, on average; 0 where there was none.
    pub(super) fn append_millis(&self) -> f64 {
        let seconds = self.to.append_seconds - self.from.append_seconds;
        1_000.0 * ratio(seconds, self.growth(|sample| sample.appends))
    }

    /// Whether it is much shorter than the others.
    pub(super) fn is_short(&self) -> bool {
        self.to.at.saturating_sub(self.from.at) < EVERY / 2
    }

    fn growth(&self, counter: impl Fn(&Sample) -> u64) -> f64 {
        number(counter(&self.to).saturating_sub(counter(&self.from)))
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A count as a plot takes it.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of what a process holds stay far below 2^52"
)]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
