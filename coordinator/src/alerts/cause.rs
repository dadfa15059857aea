//! Why a person should look: a few kinds, so that alerts can be grouped and counted by them.

use tercet_core::{Branch, CallOutcome, GlobalTransaction, TransactionState};

use crate::participants::outcome_of;

/// A kind of cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    /// The participant said no to confirm or cancel, which it must not.
    Refused,
    /// Not done long after the decision.
    Overdue,
    /// The participant isn't configured any more.
    Unconfigured,
    /// The initiator of a message gives no clear answer.
    Initiator,
    /// Retries have stopped: attempts used up, or an operator's word.
    Parked,
    /// Anything else, with its reason in words.
    Other,
}

impl Cause {
    pub(crate) const ALL: [Self; 6] = [
        Self::Refused,
        Self::Overdue,
        Self::Unconfigured,
        Self::Initiator,
        Self::Parked,
        Self::Other,
    ];

    /// As a label and in documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Overdue => "overdue",
            Self::Unconfigured => "unconfigured",
            Self::Initiator => "initiator",
            Self::Parked => "parked",
            Self::Other => "other",
        }
    }

    /// Why a flagged branch is flagged.
    pub(super) fn of(
        transaction: &GlobalTransaction,
        branch: &Branch,
        is_configured: bool,
    ) -> Self {
        if branch.is_parked() {
            return Self::Parked;
        }
        if !is_configured {
            return Self::Unconfigured;
        }
        if transaction.state == TransactionState::Trying {
            return Self::Other;
        }
        let last = branch.second.history.iter().last();
        let refused = last.is_some_and(|attempt| {
            outcome_of(tonic::Code::from(attempt.code)) == CallOutcome::Refused
        });
        if refused {
            Self::Refused
        } else {
            Self::Overdue
        }
    }
}
