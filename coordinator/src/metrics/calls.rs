//! Calls to one participant.

use tercet_core::{CallOutcome, CallReport, Phase};
use tercet_service::Metrics;
use tercet_service::metrics::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::definitions::{CALLS, RETRIES};

/// The families that the meters of all participants are made from.
#[derive(Debug)]
pub(crate) struct CallFamilies {
    calls: HistogramVec,
    retries: IntCounterVec,
}

/// Counts finished calls to one participant.
#[derive(Debug)]
pub(crate) struct CallMeters {
    try_: PhaseMeters,
    confirm: PhaseMeters,
    cancel: PhaseMeters,
}

#[derive(Debug)]
struct PhaseMeters {
    done: Histogram,
    refused: Histogram,
    in_doubt: Histogram,
    retries: IntCounter,
}

impl CallFamilies {
    fn of_phase(&self, participant: &str, phase: Phase) -> PhaseMeters {
        let calls = |outcome| {
            let labels = [participant, phase.as_str(), outcome];
            self.calls.with_label_values(&labels)
        };
        PhaseMeters {
            done: calls("done"),
            refused: calls("refused"),
            in_doubt: calls("in_doubt"),
            retries: self
                .retries
                .with_label_values(&[participant, phase.as_str()]),
        }
    }

    /// The meters of a configured participant.
    pub(crate) fn of(&self, participant: &str) -> CallMeters {
        CallMeters {
            try_: self.of_phase(participant, Phase::Try),
            confirm: self.of_phase(participant, Phase::Confirm),
            cancel: self.of_phase(participant, Phase::Cancel),
        }
    }
}

impl CallMeters {
    /// The families of a coordinator.
    pub(crate) fn families(metrics: &Metrics) -> CallFamilies {
        CallFamilies {
            calls: metrics.histograms(&CALLS),
            retries: metrics.counters(&RETRIES),
        }
    }

    /// A call is over.
    pub(crate) fn finished(&self, report: &CallReport) {
        let phase = match report.phase {
            Phase::Try => &self.try_,
            Phase::Confirm => &self.confirm,
            Phase::Cancel => &self.cancel,
        };
        let calls = match report.outcome {
            CallOutcome::Done => &phase.done,
            CallOutcome::Refused => &phase.refused,
            CallOutcome::InDoubt => &phase.in_doubt,
        };
        calls.observe(report.took.as_secs_f64());
        if report.number > 1 {
            phase.retries.inc();
        }
    }
}
