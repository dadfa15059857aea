//! What became of a transaction, as a type that can't be misread.

use std::fmt;

use crate::{
    Error,
    proto::{self, CallError, CancelReason, Transaction, TransactionState},
};

/// How a transaction stands. The first two mean yes, the next two no: the decision is durable, and what is
/// still under way will be seen through.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Every branch is confirmed.
    Confirmed(Transaction),
    /// Decided to confirm; confirms are under way.
    Confirming(Transaction),
    /// Every branch is cancelled.
    Cancelled(Cancelled),
    /// Decided to cancel; cancels are under way.
    Cancelling(Cancelled),
    /// Not decided yet.
    Undecided(Transaction),
}

/// A cancelled transaction and why it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelled {
    /// As it stands.
    pub transaction: Transaction,
    /// Why.
    pub cause: Cause,
}

/// Why a transaction was cancelled.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A participant said a business "no".
    Refused {
        /// The branch.
        branch: String,
        /// What the participant answered: its code, reason and message.
        error: CallError,
    },
    /// A try used up its attempts without a clear answer.
    InDoubt {
        /// The branch.
        branch: String,
        /// How the last call failed.
        error: CallError,
    },
    /// The deadline passed.
    Deadline {
        /// The first branch that wasn't tried, if there was one.
        branch: Option<String>,
    },
    /// Somebody asked for it.
    Requested {
        /// The reason that was given.
        note: String,
    },
    /// The initiator answered that its local transaction was rolled back.
    Initiator,
    /// A cause that this version doesn't know.
    Other,
}

impl Outcome {
    /// Whether it was decided to confirm.
    pub fn is_confirm(&self) -> bool {
        matches!(self, Self::Confirmed(_) | Self::Confirming(_))
    }

    /// Whether it was decided to cancel.
    pub fn is_cancel(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Cancelling(_))
    }

    /// Whether nothing is left to be done.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Confirmed(_) | Self::Cancelled(_))
    }

    /// Why it was cancelled, if it was.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Cancelled(cancelled) | Self::Cancelling(cancelled) => Some(&cancelled.cause),
            _ => None,
        }
    }

    /// The transaction as the coordinator showed it.
    pub fn transaction(&self) -> &Transaction {
        match self {
            Self::Confirmed(transaction)
            | Self::Confirming(transaction)
            | Self::Undecided(transaction) => transaction,
            Self::Cancelled(cancelled) | Self::Cancelling(cancelled) => &cancelled.transaction,
        }
    }

    /// The reply to a branch's try, decoded; `None` if the branch has none.
    pub fn reply<M: prost::Message + Default>(
        &self,
        branch: &str,
    ) -> Option<Result<M, prost::DecodeError>> {
        let status = self
            .transaction()
            .branches
            .iter()
            .find(|status| status.id == branch)?;
        // An empty reply is a valid message: only a branch that was never tried has none.
        matches!(
            status.state(),
            proto::BranchState::Tried
                | proto::BranchState::Confirmed
                | proto::BranchState::Cancelled
        )
        .then(|| M::decode(status.try_response.clone()))
    }
}

impl TryFrom<Transaction> for Outcome {
    type Error = Error;

    fn try_from(transaction: Transaction) -> Result<Self, Error> {
        Ok(match transaction.state() {
            TransactionState::Trying => Self::Undecided(transaction),
            TransactionState::Confirming => Self::Confirming(transaction),
            TransactionState::Confirmed => Self::Confirmed(transaction),
            TransactionState::Cancelling => Self::Cancelling(transaction.into()),
            TransactionState::Cancelled => Self::Cancelled(transaction.into()),
            TransactionState::Unspecified => return Err(Error::Malformed("a state")),
        })
    }
}

impl From<Transaction> for Cancelled {
    fn from(transaction: Transaction) -> Self {
        let cause = transaction
            .cancel_cause
            .clone()
            .map_or(Cause::Other, Cause::from);
        Self { transaction, cause }
    }
}

impl From<proto::CancelCause> for Cause {
    fn from(cause: proto::CancelCause) -> Self {
        let reason = cause.reason();
        let proto::CancelCause {
            branch_id,
            error,
            note,
            ..
        } = cause;
        let error = error.unwrap_or_default();
        match reason {
            CancelReason::Refused => Self::Refused {
                branch: branch_id,
                error,
            },
            CancelReason::InDoubt => Self::InDoubt {
                branch: branch_id,
                error,
            },
            CancelReason::Deadline => Self::Deadline {
                branch: Some(branch_id).filter(|id| !id.is_empty()),
            },
            CancelReason::Requested => Self::Requested { note },
            CancelReason::Initiator => Self::Initiator,
            CancelReason::Unspecified => Self::Other,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { branch, error } => {
                write!(f, "branch {branch} was refused")?;
                write_error(f, error)
            }
            Self::InDoubt { branch, error } => {
                write!(f, "branch {branch} stayed in doubt")?;
                write_error(f, error)
            }
            Self::Deadline { branch: None } => f.write_str("the deadline passed"),
            Self::Deadline {
                branch: Some(branch),
            } => write!(f, "the deadline passed before branch {branch} was tried"),
            Self::Requested { note } if note.is_empty() => f.write_str("a cancel was asked for"),
            Self::Requested { note } => write!(f, "a cancel was asked for: {note}"),
            Self::Initiator => f.write_str("the initiator rolled back"),
            Self::Other => f.write_str("no cause was given"),
        }
    }
}

fn write_error(f: &mut fmt::Formatter<'_>, error: &CallError) -> fmt::Result {
    match (error.reason.as_str(), error.message.as_str()) {
        ("", "") => Ok(()),
        (reason, "") => write!(f, ": {reason}"),
        ("", message) => write!(f, ": {message}"),
        (reason, message) => write!(f, ": {reason}: {message}"),
    }
}

/// The transaction inside an answer, typed.
pub(crate) fn outcome(transaction: Option<Transaction>) -> Result<Outcome, Error> {
    transaction
        .ok_or(Error::Malformed("the transaction"))?
        .try_into()
}
