//! What goes into a [`Run`](crate::Run) and what comes out of it.

use core::time::Duration;
use std::sync::Arc;

use crate::{
    BranchDefinition, BranchId, Call, CallReport, Event, FenceReading, InitiatorReport, Rejection,
};

/// Names a command until it is answered. Its owner chooses it and keeps what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What somebody asks of a transaction that exists.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Add a branch.
    Register(Arc<BranchDefinition>),
    /// Decide to confirm.
    Confirm,
    /// Decide to cancel.
    Cancel {
        /// Why, for people to read.
        reason: String,
    },
    /// Move the deadline to this long from now, never earlier.
    Renew(Duration),
    /// Try whatever waits for a retry now.
    Retry,
    /// Stop the retries.
    Park {
        /// Why, for people to read.
        reason: String,
    },
    /// Let the retries go on.
    Resume,
    /// Record a branch as done, once the call under way for it is over.
    Force(BranchId),
}

impl Command {
    pub(super) fn into_event(self) -> Event {
        match self {
            Self::Register(definition) => Event::Register(definition),
            Self::Confirm => Event::Confirm,
            Self::Cancel { reason } => Event::Cancel { reason },
            Self::Renew(timeout) => Event::Renew(timeout),
            Self::Retry => Event::Retry,
            Self::Park { reason } => Event::Park { reason },
            Self::Resume => Event::Resume,
            Self::Force(id) => Event::Force(id),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The time that [`Run::wake_at`](crate::Run::wake_at) named has come.
    Woken,
    /// The append under way has its verdict.
    AppendFinished(AppendVerdict),
    /// A call has finished.
    CallFinished(CallReport),
    /// The initiator has answered, or failed to.
    InitiatorAnswered(InitiatorReport),
    /// The log is a restored copy. The first input of each transaction that is gone on with then.
    Restored,
    /// The fences of all branches were read, or couldn't be.
    FencesRead(Vec<FenceReading>),
    /// Somebody asks for something.
    Command(CommandId, Command),
}

/// What became of an append. There is no "unknown": the log finds out before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendVerdict {
    /// It is durable.
    Written,
    /// It is certainly not written; trying again later may work.
    Unavailable(String),
    /// It is certainly not written, and never will be in this form.
    Invalid(String),
    /// The row has changed under us, or this coordinator is fenced: somebody else owns the transaction.
    Lost,
}

/// How soon an append is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// At once: something waits for it.
    Forced,
    /// With the next batch, or alone after a while.
    Lazy,
}

/// An append to the log. The state to write is [`Run::appending`](crate::Run::appending).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The version that the row must have; 0: there must be no row of that gid.
    pub expected: u64,
    /// How soon.
    pub urgency: Urgency,
    /// Whether the definition (options, branches) has changed beside the progress.
    pub definition_changed: bool,
    /// The commands that brought it about, for the audit.
    pub commands: Vec<CommandId>,
}

/// What is to be done in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append to the log, and hand back the verdict.
    Append(Append),
    /// Call a participant, and hand back the report.
    Call(Call),
    /// Ask the initiator, and hand back its answer.
    AskInitiator,
    /// Read the fence of every branch, and hand back what stands there.
    ReadFences,
    /// Answer a command: its facts are durable, or it changes nothing, or it is rejected.
    Answer {
        /// Which.
        command: CommandId,
        /// What became of it.
        result: Result<(), Rejection>,
    },
}
