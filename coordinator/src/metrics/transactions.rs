//! The life of transactions: begun, decided, ended.

use std::sync::Arc;
use std::time::Duration;

use tercet_core::{CancelReason, Decision, GlobalTransaction, Timestamp, TransactionState};
use tercet_service::Metrics;
use tercet_service::metrics::{Histogram, IntCounter, IntCounterVec};

use super::definitions::{BEGUN, DECIDED, DURATION, ENDED};

/// Counts over all transactions of a coordinator.
#[derive(Debug)]
pub(crate) struct TransactionMeters {
    begun: IntCounter,
    confirm: Histogram,
    cancel: Histogram,
    ended: IntCounterVec,
    confirmed: Histogram,
    cancelled: Histogram,
}

impl TransactionMeters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let decided = metrics.histograms(&DECIDED);
        let duration = metrics.histograms(&DURATION);
        let ended = metrics.counters(&ENDED);
        // All series are there from the start: a rate over one that appears with its first event misses that event.
        ended.with_label_values(&["confirmed", "none"]);
        for reason in REASONS {
            ended.with_label_values(&["cancelled", reason_name(reason)]);
        }
        Self {
            begun: metrics.counter(&BEGUN),
            confirm: decided.with_label_values(&["confirm"]),
            cancel: decided.with_label_values(&["cancel"]),
            ended,
            confirmed: duration.with_label_values(&["confirmed"]),
            cancelled: duration.with_label_values(&["cancelled"]),
        }
    }
}

/// How many there were since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) begun: u64,
    pub(crate) confirmed: u64,
    pub(crate) cancelled: u64,
}

impl TransactionMeters {
    /// How many were begun and have ended since the start.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            begun: self.begun.get(),
            confirmed: self.confirmed.get_sample_count(),
            cancelled: self.cancelled.get_sample_count(),
        }
    }
}

const REASONS: [CancelReason; 5] = [
    CancelReason::Refused,
    CancelReason::InDoubt,
    CancelReason::Deadline,
    CancelReason::Requested,
    CancelReason::Initiator,
];

/// A reason as a label and in the log.
pub(crate) const fn reason_name(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Refused => "refused",
        CancelReason::InDoubt => "in_doubt",
        CancelReason::Deadline => "deadline",
        CancelReason::Requested => "requested",
        CancelReason::Initiator => "initiator",
    }
}

/// What has been counted of one transaction so far.
#[derive(Debug)]
pub(crate) struct Observed {
    meters: Arc<TransactionMeters>,
    /// The state that has been counted; none before the begin is durable.
    state: Option<TransactionState>,
}

impl Observed {
    /// Nothing has been counted.
    pub(crate) fn new(meters: Arc<TransactionMeters>) -> Self {
        Self {
            meters,
            state: None,
        }
    }

    /// The log held it in this state: whatever led there was counted when it happened.
    pub(crate) fn known(&mut self, state: TransactionState) {
        self.state = Some(state);
    }

    /// Counts what is new; the decision, where it is. The begin must be durable.
    pub(crate) fn look(&mut self, transaction: &GlobalTransaction) -> Option<Decision> {
        if self.state.is_none() {
            self.meters.begun.inc();
            self.state = Some(TransactionState::Trying);
        }
        let is_decided = self.state == Some(TransactionState::Trying)
            && transaction.state != TransactionState::Trying;
        if !is_decided {
            return None;
        }
        let (decision, state, histogram) = match transaction.state {
            TransactionState::Trying => return None,
            TransactionState::Confirming | TransactionState::Confirmed => (
                Decision::Confirm,
                TransactionState::Confirming,
                &self.meters.confirm,
            ),
            TransactionState::Cancelling | TransactionState::Cancelled => (
                Decision::Cancel,
                TransactionState::Cancelling,
                &self.meters.cancel,
            ),
        };
        self.state = Some(state);
        histogram.observe(since_begin(transaction, transaction.decided_at).as_secs_f64());
        Some(decision)
    }

    /// Its end is durable.
    pub(crate) fn ended(&mut self, transaction: &GlobalTransaction) {
        if self.state == Some(transaction.state) {
            return;
        }
        self.state = Some(transaction.state);
        let reason = transaction.cancel_cause.as_ref().map(|cause| cause.reason);
        let (outcome, reason, duration) = match transaction.state {
            TransactionState::Confirmed => ("confirmed", "none", &self.meters.confirmed),
            _ => (
                "cancelled",
                reason.map_or("requested", reason_name),
                &self.meters.cancelled,
            ),
        };
        self.meters
            .ended
            .with_label_values(&[outcome, reason])
            .inc();
        duration.observe(since_begin(transaction, transaction.ended_at).as_secs_f64());
    }
}

fn since_begin(transaction: &GlobalTransaction, at: Option<Timestamp>) -> Duration {
    at.unwrap_or(transaction.begun_at)
        .saturating_since(transaction.begun_at)
}
