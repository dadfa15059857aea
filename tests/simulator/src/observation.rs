//! What can be seen of a world: the facts that properties judge. Nothing here says whether a fact is right.

use std::sync::Arc;

use tercet_core::{
    AppendVerdict, BranchDefinition, BranchId, BranchIndex, BranchState, CancelCause, ContentHash,
    Decision, Gid, GlobalTransaction, Mode, Phase, Rejection, TransactionState,
};

use crate::fence::FenceState;
use crate::queue::Micros;
use crate::world::Visit;

/// Something that just happened.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    /// A row of the log was inserted or replaced.
    RowWritten(RowWritten),
    /// Acknowledged rows are gone again.
    RowsLost(Gid),
    /// The log told a coordinator what became of an append.
    VerdictGiven {
        append: u64,
        gid: Gid,
        verdict: AppendVerdict,
        /// What it tried to write.
        state: Arc<GlobalTransaction>,
        expected: u64,
        /// The session that was told.
        by: u32,
    },
    /// An append was handed to the log.
    AppendHanded { append: u64, gid: Gid, by: u32 },
    /// A call left the coordinator.
    CallSent(CallSent),
    /// The coordinator asked an initiator.
    InitiatorAsked(Gid),
    /// The coordinator's core was told what became of a call.
    CallReported {
        gid: Gid,
        branch: BranchIndex,
        phase: Phase,
        alarm: bool,
    },
    /// A call reached a participant's fence.
    FenceActed(FenceActed),
    /// The coordinator answered a client or operator.
    Answered {
        answer: Answer,
        wait: Waited,
        /// The gid that the request was about.
        about: Option<Gid>,
    },
    /// A command of an operator or client was carried out (its answer was OK).
    CommandDone { gid: Gid, what: Done },
    /// A client vouches for the branches that it tried itself, by asking to confirm.
    Vouched(Gid),
    /// A coordinator loaded a row and goes on with it.
    Recovered { gid: Gid, version: u64 },
    /// A coordinator is through with one step of one transaction.
    Stepped(Gid),
    /// The coordinator of that session died.
    Crashed(u32),
    /// A session was fenced because its beat stood still.
    Fenced(Fenced),
    /// A transaction has another owner.
    Adopted(Adoption),
    /// A request was sent on to the owner of its transaction, for the so-manieth time.
    Forwarded { gid: Gid, hops: usize },
    /// The log is an older copy from now on.
    Restored,
}

/// A row before and after a write.
#[derive(Clone, Debug)]
pub(crate) struct RowWritten {
    pub(crate) append: u64,
    pub(crate) gid: Gid,
    pub(crate) before: Option<(u64, Arc<GlobalTransaction>)>,
    pub(crate) after: Arc<GlobalTransaction>,
    pub(crate) version: u64,
    pub(crate) expected: u64,
    /// The session that wrote.
    pub(crate) writer: u32,
    /// Whether it was fenced, or the row another one's.
    pub(crate) is_fenced: bool,
}

/// A call that left the coordinator.
#[derive(Clone, Debug)]
pub(crate) struct CallSent {
    pub(crate) gid: Gid,
    pub(crate) branch: BranchIndex,
    pub(crate) phase: Phase,
    /// The session whose coordinator called.
    pub(crate) by: u32,
    /// No connection could be made; nothing really left.
    pub(crate) never_sent: bool,
}

/// A session that was fenced.
#[derive(Clone, Debug)]
pub(crate) struct Fenced {
    pub(crate) session: u32,
    /// The beat that whoever fenced it had seen, and the one that it had.
    pub(crate) seen: u64,
    pub(crate) beat: u64,
    /// How long ago that had been raised.
    pub(crate) still_for: Micros,
}

/// A transaction that was taken over.
#[derive(Clone, Debug)]
pub(crate) struct Adoption {
    pub(crate) gid: Gid,
    pub(crate) from: u32,
    pub(crate) by: u32,
    /// Whether the former owner was fenced, and the new one wasn't.
    pub(crate) is_rightful: bool,
    /// The version that the new owner goes on with, and the row's.
    pub(crate) read: u64,
    pub(crate) version: u64,
}

/// What a participant did with one arrival.
#[derive(Clone, Debug)]
pub(crate) struct FenceActed {
    pub(crate) participant: usize,
    pub(crate) visit: Visit,
    pub(crate) before: Option<FenceState>,
    pub(crate) after: Option<FenceState>,
    /// The business change was made.
    pub(crate) ran: bool,
    /// OK, a refusal by that reason, or neither.
    pub(crate) answer: Said,
    /// The business itself refused, or failed; the fence allowed it.
    pub(crate) business_refused: bool,
    /// The try's deadline is so old that its row may be gone.
    pub(crate) too_late: bool,
}

/// What a participant said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Ok,
    No(&'static str),
    Unsure,
}

/// What somebody waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Durable,
    Decision,
    Completion,
    Branch,
}

/// An answer of the coordinator.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Shown(Shown),
    Rejected { gid: Gid, why: Refusal },
}

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Core(Rejection),
    UnknownTransaction,
    GidConflict,
    Overloaded,
}

/// A transaction as an answer shows it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) gid: Gid,
    pub(crate) mode: Mode,
    pub(crate) content: ContentHash,
    /// What the request itself carried, where it carried content.
    pub(crate) asked: Option<ContentHash>,
    pub(crate) state: TransactionState,
    pub(crate) branches: Vec<(BranchId, BranchState, bool)>,
    pub(crate) cause: Option<CancelCause>,
    /// The transaction says of itself that it waits for a person.
    pub(crate) parked: bool,
}

impl Shown {
    pub(crate) fn of(transaction: &GlobalTransaction, asked: Option<ContentHash>) -> Self {
        Self {
            gid: transaction.gid.clone(),
            mode: transaction.mode,
            content: transaction.content,
            asked,
            state: transaction.state,
            branches: transaction
                .branches
                .iter()
                .map(|branch| {
                    (
                        branch.definition.id.clone(),
                        branch.shown_state(),
                        branch.forced,
                    )
                })
                .collect(),
            cause: transaction.cancel_cause.clone(),
            parked: transaction.is_parked(),
        }
    }

    pub(crate) fn decision(&self) -> Option<Decision> {
        self.state.decision()
    }
}

/// What was carried out.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    /// A branch was added, or had been.
    Added(Arc<BranchDefinition>),
    /// A branch was recorded as done, or had ended.
    Forced(BranchId),
    Other,
}
