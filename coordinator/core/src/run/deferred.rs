//! Commands that wait for a call: a force for the one under way, a confirm for the tries that a take-over repeats.

use std::collections::{BTreeMap, BTreeSet};

use super::CommandId;
use crate::{BranchIndex, BranchState, GlobalTransaction, Mode, TransactionState, TriedBy};

/// Commands that wait, and what for. Bounded with the commands, by whoever owns the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Deferred {
    forces: BTreeMap<BranchIndex, Vec<CommandId>>,
    confirms: Vec<CommandId>,
    /// Branches whose try had no durable answer when the transaction was taken over.
    repeated: BTreeSet<BranchIndex>,
}

impl Deferred {
    /// After a take-over: the tries without a durable answer are repeated, and a confirm waits for them.
    pub(super) fn recovered(transaction: &GlobalTransaction) -> Self {
        let branches = transaction.branches.iter().enumerate();
        let repeated = branches
            .filter(|(_, branch)| {
                transaction.mode == Mode::StepByStep
                    && branch.state == BranchState::Registered
                    && branch.definition.tried_by == TriedBy::Coordinator
            })
            .map(|(index, _)| index)
            .collect();
        Self {
            repeated,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forces.is_empty() && self.confirms.is_empty()
    }

    pub(super) fn force(&mut self, branch: BranchIndex, command: CommandId) {
        self.forces.entry(branch).or_default().push(command);
    }

    /// The forces that have waited for a call of that branch.
    pub(super) fn forces_of(&mut self, branch: BranchIndex) -> Vec<CommandId> {
        self.forces.remove(&branch).unwrap_or_default()
    }

    /// Whether a confirm has to wait: a try is repeated whose first answer may have been "done".
    pub(super) fn holds_confirms(&self, transaction: &GlobalTransaction) -> bool {
        let is_repeated = |index: &BranchIndex| {
            let branch = transaction.branches.get(*index);
            branch.is_some_and(|branch| branch.state == BranchState::Registered)
        };
        transaction.state == TransactionState::Trying && self.repeated.iter().any(is_repeated)
    }

    pub(super) fn confirm(&mut self, command: CommandId) {
        self.confirms.push(command);
    }

    /// The confirms that have waited, once nothing holds them any more.
    pub(super) fn confirms_due(&mut self, transaction: &GlobalTransaction) -> Vec<CommandId> {
        if self.confirms.is_empty() || self.holds_confirms(transaction) {
            return Vec::new();
        }
        core::mem::take(&mut self.confirms)
    }

    /// Everything that waits, because nothing will happen here any more.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = CommandId> + use<> {
        let forces = core::mem::take(&mut self.forces).into_values().flatten();
        forces.chain(core::mem::take(&mut self.confirms))
    }
}
