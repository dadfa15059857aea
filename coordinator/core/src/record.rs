//! The durable facts. A transaction's state is the fold of its records, and nothing else.

use std::sync::Arc;

use crate::{
    Attention, BranchDefinition, BranchIndex, CallError, CallReport, CancelCause, ContentHash,
    Decision, Gid, Mode, Options, Timestamp,
};

/// A durable fact about a transaction that exists. That it exists is the first fact of all: [`Begun`].
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A branch was added to a step-by-step transaction.
    BranchRegistered(Arc<BranchDefinition>),
    /// The deadline moved later.
    Renewed(Timestamp),
    /// The decision.
    Decided(Decided),
    /// A call has finished without ending its branch, or its end stands in a record of its own behind this one.
    CallFinished(CallReport, Retry),
    /// A branch has followed the decision.
    BranchEnded {
        /// Which branch.
        branch: BranchIndex,
        /// By what.
        how: EndedHow,
    },
    /// Every branch has followed the decision.
    Ended(Timestamp),
    /// The initiator was asked and couldn't say; it is asked again at that time.
    InitiatorChecked(Timestamp),
    /// Data beside the state.
    Noted(Note),
}

/// What a begin makes durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The transaction's name.
    pub gid: Gid,
    /// How it was begun.
    pub mode: Mode,
    /// Digest of the request.
    pub content: ContentHash,
    /// What the initiator chose.
    pub options: Arc<Options>,
    /// The `traceparent` for its calls.
    pub trace_parent: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Why, for a cancel that comes before its begin.
    pub cause: Option<CancelCause>,
    /// The branches of a one-call transaction; empty otherwise.
    pub branches: Vec<Arc<BranchDefinition>>,
}

/// The decision, why, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Confirm or cancel.
    pub decision: Decision,
    /// Why, when it is cancel.
    pub cause: Option<CancelCause>,
    /// When.
    pub at: Timestamp,
}

/// By what a branch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedHow {
    /// Its participant did it.
    Called,
    /// A person recorded it as done.
    Forced,
    /// The action has no such verb: done at once, with no call.
    VerbAbsent,
    /// The decision is cancel, and this process knows that its try was never sent.
    NeverSent,
}

/// What a finished call means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Whether the call counts against the maximum of attempts.
    pub used: bool,
    /// When the next one is due; none when there is no next one.
    pub next_at: Option<Timestamp>,
}

/// Data beside the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A person should look at a branch, or at the transaction itself.
    AttentionRaised {
        /// The branch, or the transaction itself.
        branch: Option<BranchIndex>,
        /// What and since when.
        attention: Attention,
    },
    /// Calls of a branch have stopped and wait for a person.
    Parked {
        /// Which branch.
        branch: BranchIndex,
        /// Why, and since when.
        attention: Attention,
    },
    /// A parked branch goes on, with its attempts anew.
    Resumed {
        /// Which branch.
        branch: BranchIndex,
        /// When.
        at: Timestamp,
    },
    /// Whatever waits for a retry is tried again now.
    Hurried {
        /// When.
        at: Timestamp,
    },
    /// The log was restored: nothing is decided or called until the participants' fences have been read.
    Held {
        /// Why, and since when.
        attention: Attention,
        /// When the fences are read next; unset: at once.
        again_at: Option<Timestamp>,
    },
    /// It goes on where it stands.
    Released {
        /// Its deadline from now on; never earlier than before.
        deadline: Timestamp,
    },
}

impl Record {
    /// Whether nothing may happen before this is durable. The others are lazy: they join the next batch, and a
    /// crash before that costs a repeated call, which the fence makes harmless.
    pub const fn is_forced(&self) -> bool {
        match self {
            Self::BranchRegistered(_)
            | Self::Renewed(_)
            | Self::Decided(_)
            | Self::Ended(_)
            | Self::Noted(
                Note::Parked { .. }
                | Note::Resumed { .. }
                | Note::Hurried { .. }
                | Note::Held { .. }
                | Note::Released { .. },
            )
            | Self::BranchEnded {
                how: EndedHow::Forced,
                ..
            } => true,
            Self::CallFinished(..)
            | Self::BranchEnded { .. }
            | Self::InitiatorChecked(_)
            | Self::Noted(Note::AttentionRaised { .. }) => false,
        }
    }
}

/// A bound for texts that come from outside and are kept: longer ones are cut, never refused.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// Cuts `text` to [`TEXT_BYTES_MAX`] at a character border.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The error of a report, bounded.
pub(crate) fn cut_error(error: &CallError) -> CallError {
    CallError {
        code: error.code,
        reason: cut(&error.reason),
        message: cut(&error.message),
    }
}
