//! What a call that waits for its turn shares with the task of its transaction, in both directions: the deadline, which
//! may be renewed meanwhile, and whether the call has gone out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tercet_core::{BranchIndex, Phase, Timestamp};

/// The deadline of a transaction as it is now: a renewal reaches the calls that wait for their turn as well.
#[derive(Clone, Debug)]
pub(crate) struct TryDeadline(Arc<AtomicI64>);

impl TryDeadline {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.as_micros())))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_micros(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// The calls of one transaction that don't wait for their turn any more: their participant isn't paused and has room. One
/// entry for each branch and phase.
#[derive(Debug, Default)]
pub(crate) struct CallsOut(BTreeMap<(BranchIndex, Phase), Leaves>);

/// Told when a call goes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves(Arc<AtomicBool>);

impl CallsOut {
    /// For the next call of that branch and phase, which isn't out yet.
    pub(crate) fn new_call(&mut self, branch: BranchIndex, phase: Phase) -> Leaves {
        let leaves = Leaves::default();
        self.0.insert((branch, phase), leaves.clone());
        leaves
    }

    /// Whether the last call of that branch and phase has gone out.
    pub(crate) fn is_out(&self, branch: BranchIndex, phase: Phase) -> bool {
        let last = self.0.get(&(branch, phase));
        last.is_some_and(|leaves| leaves.0.load(Ordering::Relaxed))
    }
}

impl Leaves {
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
