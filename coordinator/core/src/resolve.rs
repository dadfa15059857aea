//! The answer to a participant that holds a branch in doubt.

use crate::{BranchId, Decision, GlobalTransaction};

/// What became of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet: keep it.
    Pending,
    /// Confirm it.
    Confirm,
    /// Cancel it.
    Cancel,
    /// A person recorded it as done: mark the fence row ended, run nothing.
    ByHand,
}

impl GlobalTransaction {
    /// What became of the branch. An unknown branch of a decided transaction can't be added any more: cancel.
    pub fn resolve(&self, id: &BranchId) -> Verdict {
        let Some(decision) = self.state.decision() else {
            return Verdict::Pending;
        };
        match self.branch(id) {
            Some((_, branch)) if branch.forced => Verdict::ByHand,
            Some(_) if decision == Decision::Confirm => Verdict::Confirm,
            _ => Verdict::Cancel,
        }
    }
}
