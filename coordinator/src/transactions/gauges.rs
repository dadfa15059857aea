//! How many transactions are open, in which state, and whether a drain has to wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tercet_core::{GlobalTransaction, TransactionState};
use tokio::sync::Notify;

/// Counts over all open transactions of this coordinator.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    trying: AtomicU64,
    confirming: AtomicU64,
    cancelling: AtomicU64,
    parked: AtomicU64,
    attention: AtomicU64,
    /// Those that a drain waits for: undecided, or with something under way.
    busy: AtomicUsize,
    idle: Notify,
}

impl Gauges {
    fn of_state(&self, state: TransactionState) -> Option<&AtomicU64> {
        match state {
            TransactionState::Trying => Some(&self.trying),
            TransactionState::Confirming => Some(&self.confirming),
            TransactionState::Cancelling => Some(&self.cancelling),
            TransactionState::Confirmed | TransactionState::Cancelled => None,
        }
    }

    /// How many are in that state; 0 for end states, which aren't open.
    pub(crate) fn count(&self, state: TransactionState) -> u64 {
        self.of_state(state)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many have a parked branch.
    pub(crate) fn parked(&self) -> u64 {
        self.parked.load(Ordering::Relaxed)
    }

    /// How many a person should look at.
    pub(crate) fn attention(&self) -> u64 {
        self.attention.load(Ordering::Relaxed)
    }

    /// Waits until a drain has nothing to wait for.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// What one transaction adds to the counts, as long as it lives.
#[derive(Debug)]
pub(crate) struct Gauge {
    gauges: Arc<Gauges>,
    state: Option<TransactionState>,
    is_parked: bool,
    is_flagged: bool,
    is_busy: bool,
}

impl Gauge {
    /// Busy from the start: a drain waits for what is just beginning.
    pub(crate) fn new(gauges: Arc<Gauges>) -> Self {
        gauges.busy.fetch_add(1, Ordering::AcqRel);
        Self {
            gauges,
            state: None,
            is_parked: false,
            is_flagged: false,
            is_busy: true,
        }
    }

    /// Counts the transaction as it is now.
    pub(crate) fn update(&mut self, transaction: &GlobalTransaction, is_busy: bool) {
        self.set_state(Some(transaction.state));
        let is_parked = transaction
            .branches
            .iter()
            .any(tercet_core::Branch::is_parked);
        self.set_parked(is_parked);
        self.set_flagged(transaction.oldest_attention().is_some());
        self.set_busy(is_busy);
    }

    fn set_state(&mut self, state: Option<TransactionState>) {
        if state == self.state {
            return;
        }
        let count =
            |state: Option<TransactionState>| state.and_then(|state| self.gauges.of_state(state));
        if let Some(former) = count(self.state) {
            former.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(present) = count(state) {
            present.fetch_add(1, Ordering::Relaxed);
        }
        self.state = state;
    }

    fn set_parked(&mut self, is_parked: bool) {
        match (self.is_parked, is_parked) {
            (false, true) => self.gauges.parked.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.gauges.parked.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.is_parked = is_parked;
    }

    fn set_flagged(&mut self, is_flagged: bool) {
        match (self.is_flagged, is_flagged) {
            (false, true) => self.gauges.attention.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.gauges.attention.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.is_flagged = is_flagged;
    }

    fn set_busy(&mut self, is_busy: bool) {
        if is_busy == self.is_busy {
            return;
        }
        self.is_busy = is_busy;
        if is_busy {
            self.gauges.busy.fetch_add(1, Ordering::AcqRel);
        } else if self.gauges.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.gauges.idle.notify_waiters();
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.set_state(None);
        self.set_parked(false);
        self.set_flagged(false);
        self.set_busy(false);
    }
}
