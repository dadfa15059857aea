//! The durable state of one global transaction: five states, and data beside them.

use std::sync::Arc;

use crate::{
    Branch, BranchId, BranchIndex, BranchState, CallError, ContentHash, Gid, Options, Timestamp,
    TryOrder,
};

/// The five states. Retry counts, time-outs, attention and parking are data beside the state, never more states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// Undecided.
    Trying,
    /// Decided: confirm; not every branch is confirmed yet.
    Confirming,
    /// Every branch is confirmed: the end.
    Confirmed,
    /// Decided: cancel; not every branch is cancelled yet.
    Cancelling,
    /// Every branch is cancelled: the end.
    Cancelled,
}

impl TransactionState {
    /// All states, in the order of a transaction's life.
    pub const ALL: [Self; 5] = [
        Self::Trying,
        Self::Confirming,
        Self::Confirmed,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// Whether the transaction has ended.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled)
    }

    /// The decision that led here, if there is one.
    pub const fn decision(self) -> Option<Decision> {
        match self {
            Self::Trying => None,
            Self::Confirming | Self::Confirmed => Some(Decision::Confirm),
            Self::Cancelling | Self::Cancelled => Some(Decision::Cancel),
        }
    }
}

/// Confirm or cancel for the whole transaction; durable, taken once, never reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Use everything that was reserved.
    Confirm,
    /// Give everything back.
    Cancel,
}

impl Decision {
    /// The state while the decision is being carried out.
    pub const fn under_way(self) -> TransactionState {
        match self {
            Self::Confirm => TransactionState::Confirming,
            Self::Cancel => TransactionState::Cancelling,
        }
    }

    /// The state once every branch has followed.
    pub const fn ended(self) -> TransactionState {
        match self {
            Self::Confirm => TransactionState::Confirmed,
            Self::Cancel => TransactionState::Cancelled,
        }
    }
}

impl core::fmt::Display for Decision {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
        })
    }
}

/// How the transaction was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By `ExecuteTransaction`: the branches are fixed, the coordinator decides.
    OneCall,
    /// By `BeginTransaction`: branches are added, the initiator decides.
    StepByStep,
    /// By a cancel that came before its begin; it only keeps the gid from being begun later.
    CancelledUnknown,
}

/// Why a transaction was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// A participant refused.
    Refused,
    /// A try's attempts were used up without a clear answer.
    InDoubt,
    /// The deadline passed.
    Deadline,
    /// Somebody asked for it.
    Requested,
    /// The initiator said that its local transaction is aborted.
    Initiator,
}

/// Why a transaction was cancelled, and by which branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelCause {
    /// The kind of cause.
    pub reason: CancelReason,
    /// The branch that was the cause, where one was.
    pub branch: Option<BranchId>,
    /// The error that was the cause, where one was.
    pub error: Option<CallError>,
    /// The reason that was given to cancel.
    pub note: String,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// What is the matter, for a person to read.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Retries have stopped and wait for a person.
    pub parked: bool,
}

/// The durable state of one global transaction.
///
/// Only [`GlobalTransaction::apply`] changes it. The fields are public for those that show or store it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalTransaction {
    /// Its name.
    pub gid: Gid,
    /// How it was begun.
    pub mode: Mode,
    /// Digest of what the begin carried, for `GID_CONFLICT`.
    pub content: ContentHash,
    /// What the initiator chose.
    pub options: Arc<Options>,
    /// The `traceparent` that its calls carry: the caller's, or one of its own.
    pub trace_parent: Arc<str>,
    /// Where it stands.
    pub state: TransactionState,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it is decided without its initiator, if it is still undecided then.
    pub try_deadline: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it was cancelled.
    pub cancel_cause: Option<CancelCause>,
    /// Its own attention, beside that of its branches.
    pub attention: Option<Attention>,
    /// How often its initiator was asked.
    pub initiator_checks: u32,
    /// When its initiator is asked next.
    pub next_check_at: Option<Timestamp>,
    /// Its branches in order of becoming durable.
    pub branches: Vec<Branch>,
}

impl GlobalTransaction {
    /// The branch of that id and its index.
    pub fn branch(&self, id: &BranchId) -> Option<(BranchIndex, &Branch)> {
        self.branches
            .iter()
            .enumerate()
            .find(|(_, branch)| branch.definition.id == *id)
    }

    /// Whether every branch has ended.
    pub fn all_branches_ended(&self) -> bool {
        self.branches.iter().all(|branch| branch.state.is_ended())
    }

    /// Whether nothing stands against confirming.
    pub fn allows_confirm(&self) -> bool {
        self.branches.iter().all(Branch::allows_confirm)
    }

    /// The oldest attention of the transaction and its branches.
    pub fn oldest_attention(&self) -> Option<&Attention> {
        self.branches
            .iter()
            .filter_map(|branch| branch.attention.as_ref())
            .chain(self.attention.as_ref())
            .min_by_key(|attention| attention.since)
    }

    /// Whether a decided transaction makes no progress until a person acts: whatever would be called next is parked.
    /// Where cancels go in reverse that is the last open branch, which holds back the rest.
    pub fn is_parked(&self) -> bool {
        let Some(decision) = self.state.decision() else {
            return false;
        };
        let mut next = self.next_in_phase_two(decision).peekable();
        next.peek().is_some() && next.all(|(_, branch)| branch.is_parked())
    }

    /// The open branches that the decision is carried to next, last first: all at once, or the last one alone where
    /// cancels go in reverse, one after the other.
    pub(crate) fn next_in_phase_two(
        &self,
        decision: Decision,
    ) -> impl Iterator<Item = (BranchIndex, &Branch)> {
        let one_by_one =
            decision == Decision::Cancel && self.options.try_order == TryOrder::Sequential;
        self.branches
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, branch)| !branch.state.is_ended())
            .take(if one_by_one { 1 } else { usize::MAX })
    }

    /// The first branch whose try isn't done, in order.
    pub fn first_not_tried(&self) -> Option<&Branch> {
        self.branches
            .iter()
            .find(|branch| branch.state != BranchState::Tried)
    }
}
