//! Which facts follow from an event. Nothing changes here; a command that can't be carried out is a typed
//! [`Rejection`], never a shrug.

mod calls;
mod commands;
mod due;

use core::time::Duration;
use std::sync::Arc;

use crate::{
    BranchDefinition, BranchId, BranchIndex, CallReport, CancelCause, Decided, Decision, EndedHow,
    FenceReading, GlobalTransaction, InitiatorReport, Phase, Record, Rejection, RetryPolicy,
    Timestamp,
};

/// Something that happened to a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Time has passed, or something else has changed that may make a decision due.
    Woken,
    /// A call to a participant has finished.
    CallFinished(CallReport),
    /// The initiator has answered, or failed to.
    InitiatorAnswered(InitiatorReport),
    /// The log is a copy that was restored from a backup.
    Restored,
    /// The fences of all branches have been read, or couldn't be.
    FencesRead(Vec<FenceReading>),
    /// A branch is to be added.
    Register(Arc<BranchDefinition>),
    /// The initiator decides to confirm.
    Confirm,
    /// Somebody decides to cancel.
    Cancel {
        /// Why, for people to read.
        reason: String,
    },
    /// The deadline is to move to this long from now.
    Renew(Duration),
    /// An operator wants whatever waits for a retry tried now.
    Retry,
    /// An operator wants the retries stopped.
    Park {
        /// Why, for people to read.
        reason: String,
    },
    /// An operator wants the retries to go on.
    Resume,
    /// An operator records a branch as done.
    Force(BranchId),
}

/// What a decision needs to know beside the durable state.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The time.
    pub now: Timestamp,
    /// How calls are repeated, and the bounds.
    pub policy: &'a RetryPolicy,
    /// Whether this process knows that the try of a branch was never sent. After a restart it knows of none.
    pub never_sent: &'a dyn Fn(BranchIndex) -> bool,
}

impl core::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Surroundings")
            .field("now", &self.now)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl GlobalTransaction {
    /// The facts that follow from `event`; none when it changes nothing.
    pub fn decide(
        &self,
        event: &Event,
        around: &Surroundings<'_>,
    ) -> Result<Vec<Record>, Rejection> {
        match event {
            Event::Woken => Ok(self.due(around)),
            Event::CallFinished(report) => Ok(self.call_finished(report, around)),
            Event::InitiatorAnswered(report) => Ok(self.initiator_answered(report, around)),
            Event::Restored => Ok(self.hold(around.now)),
            Event::FencesRead(readings) => Ok(self.fences_read(readings, around)),
            Event::Register(definition) => self.register(definition, around),
            Event::Confirm => self.confirm(around),
            Event::Cancel { reason } => self.cancel(reason, around),
            Event::Renew(timeout) => self.renew(*timeout, around.now),
            Event::Retry => Ok(self.retry(around.now)),
            Event::Park { reason } => self.park(reason, around.now),
            Event::Resume => self.resume(around.now),
            Event::Force(id) => self.force(id, around.now),
        }
    }

    /// The decision, and whatever it brings with it at once: branches that need no call, and perhaps the end.
    pub(crate) fn decision(
        &self,
        decision: Decision,
        cause: Option<CancelCause>,
        around: &Surroundings<'_>,
    ) -> Vec<Record> {
        let mut records = vec![Record::Decided(Decided {
            decision,
            cause,
            at: around.now,
        })];
        let phase = Phase::from(decision);
        for (index, branch) in self.branches.iter().enumerate() {
            let how = if !branch.definition.verbs.has(phase) {
                EndedHow::VerbAbsent
            } else if decision == Decision::Cancel && (around.never_sent)(index) {
                EndedHow::NeverSent
            } else {
                continue;
            };
            records.push(Record::BranchEnded { branch: index, how });
        }
        if records.len() == self.branches.len() + 1 {
            records.push(Record::Ended(around.now));
        }
        records
    }
}
