//! What can go wrong in an action, and the gRPC status each becomes.
//!
//! The coordinator reads the code alone: FAILED_PRECONDITION and its neighbours are a "no", everything else is
//! "in doubt, ask again". So a lock or a lost connection must never come out as a refusal, and a refusal must
//! never come out as anything else. [`ActionError::code`] is the one table that says so.

use std::sync::Arc;

use tercet_database::{ErrorClass, classify};
use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::DOMAIN;
use crate::context::ContextError;
use crate::fence::FenceRefusal;

/// What kind of "no" a refusal is. All of them end the try; they differ in what a client library makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// FAILED_PRECONDITION: the state of the business doesn't allow it.
    Precondition,
    /// INVALID_ARGUMENT: the request can't be right in any state.
    Invalid,
    /// NOT_FOUND: what it names isn't there.
    NotFound,
    /// ALREADY_EXISTS: it was done before, by another branch.
    AlreadyExists,
}

/// A business "no": to try it means that the transaction is cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}: {message}")]
pub struct Refusal {
    /// What kind of "no".
    pub kind: RefusalKind,
    /// An upper-case word for programs, e.g. `SOLD_OUT`.
    pub reason: &'static str,
    /// One sentence for a person; no secrets.
    pub message: String,
}

impl Refusal {
    /// The state of the business doesn't allow it.
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Precondition,
            reason,
            message: message.into(),
        }
    }

    /// The request can't be right in any state.
    pub fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Invalid,
            reason,
            message: message.into(),
        }
    }

    /// What the request names isn't there.
    pub fn not_found(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::NotFound,
            reason,
            message: message.into(),
        }
    }

    /// It was done before, by another branch.
    pub fn already_exists(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::AlreadyExists,
            reason,
            message: message.into(),
        }
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        match self.kind {
            RefusalKind::Precondition => Code::FailedPrecondition,
            RefusalKind::Invalid => Code::InvalidArgument,
            RefusalKind::NotFound => Code::NotFound,
            RefusalKind::AlreadyExists => Code::AlreadyExists,
        }
    }
}

/// Why a call to an action didn't answer OK.
#[derive(Debug, Error)]
pub enum ActionError {
    /// The action says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The fence says no.
    #[error("{}", .0.message())]
    Fenced(FenceRefusal),
    /// The branch id belongs to another action of this participant.
    #[error("the branch belongs to the action {service}")]
    OtherAction {
        /// The service that the branch was first seen with.
        service: String,
    },
    /// The call's metadata isn't the contract's.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The request isn't the action's message.
    #[error("the request isn't a valid message: {0}")]
    Undecodable(#[from] prost::DecodeError),
    /// The action doesn't have this verb.
    #[error("the action has no such verb")]
    NotOffered,
    /// Another call for the same branch got in between; calling again settles it.
    #[error("another call for this branch is under way")]
    Contended,
    /// More calls are under way than the participant accepts.
    #[error("the participant serves as many calls as it can")]
    Overloaded,
    /// The participant is stopping; what was under way is undone or known to the fence.
    #[error("the participant is stopping")]
    Stopping,
    /// The database said something that isn't about the business.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The connection broke at the commit: it took effect or it didn't, and the same call again finds out.
    #[error("the commit was not answered: {0}")]
    CommitUnknown(#[source] Arc<sqlx::Error>),
    /// The SQL transaction that this call shared with others failed.
    #[error("database: {0}")]
    Gathered(#[source] Arc<sqlx::Error>),
    /// As many calls wait for one row as may.
    #[error("too many calls wait for the same row")]
    RowBusy,
    /// Something is broken; a person should look. In doubt for the coordinator, so it calls again.
    #[error("internal: {0}")]
    Internal(String),
}

impl ActionError {
    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Contended
            | Self::Overloaded
            | Self::Stopping
            | Self::RowBusy
            | Self::Database(_)
            | Self::CommitUnknown(_)
            | Self::Gathered(_)
            | Self::Internal(_) => true,
            Self::Refused(_)
            | Self::Fenced(_)
            | Self::OtherAction { .. }
            | Self::Context(_)
            | Self::Undecodable(_)
            | Self::NotOffered => false,
        }
    }

    /// The gRPC code, which is all that the coordinator decides by.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Fenced(_) | Self::OtherAction { .. } => Code::FailedPrecondition,
            Self::Context(_) | Self::Undecodable(_) => Code::InvalidArgument,
            Self::NotOffered => Code::Unimplemented,
            Self::Contended | Self::Stopping | Self::CommitUnknown(_) | Self::RowBusy => {
                Code::Unavailable
            }
            Self::Overloaded => Code::ResourceExhausted,
            Self::Database(error) => database_code(error),
            Self::Gathered(error) => database_code(error),
            Self::Internal(_) => Code::Internal,
        }
    }

    /// The `reason` of the `google.rpc.ErrorInfo`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Fenced(refusal) => refusal.reason(),
            Self::OtherAction { .. } => "BRANCH_CONFLICT",
            Self::Context(_) => "INVALID_CONTEXT",
            Self::Undecodable(_) => "INVALID_PAYLOAD",
            Self::NotOffered => "NOT_OFFERED",
            Self::Contended => "BRANCH_BUSY",
            Self::Overloaded => "OVERLOADED",
            Self::Stopping => "STOPPING",
            Self::Database(_) | Self::Gathered(_) => "DATABASE",
            Self::CommitUnknown(_) => "NO_COMMIT_ANSWER",
            Self::RowBusy => "ROW_BUSY",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Whether it only takes a moment: the caller is told when to come back, which uses up no attempt.
    fn says_when(&self) -> bool {
        match self {
            Self::Overloaded | Self::Contended | Self::RowBusy => true,
            Self::Database(error) => classify(error) == ErrorClass::Busy,
            Self::Gathered(error) => classify(error) == ErrorClass::Busy,
            _ => false,
        }
    }

    /// The status that is sent. `service` is the domain of the action's own reasons; the fence's are `tercet`.
    pub fn into_status(self, service: &str) -> Status {
        if let Self::Context(error) = self {
            return error.into();
        }
        let domain = match self {
            Self::Refused(_) => service,
            _ => DOMAIN,
        };
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), domain, []);
        if self.says_when() {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        // What a database says can carry table names and values; it belongs in the log, not on the wire.
        let message = match &self {
            Self::Refused(refusal) => refusal.message.clone(),
            Self::Database(_) | Self::Gathered(_) | Self::CommitUnknown(_) => {
                "the participant's database did not serve the call".to_owned()
            }
            Self::Internal(_) => "the participant failed".to_owned(),
            other => other.to_string(),
        };
        Status::with_error_details(self.code(), message, details)
    }
}

/// A status with a `google.rpc.ErrorInfo`.
pub fn error_status(code: Code, reason: &str, domain: &str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, domain, []);
    Status::with_error_details(code, message, details)
}

/// How long a caller should wait before it calls again.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// A database that can't be reached or is busy is UNAVAILABLE; a statement it can't carry out is a defect, and
/// INTERNAL. Both are in doubt: neither is ever a refusal.
fn database_code(error: &sqlx::Error) -> Code {
    match classify(error) {
        ErrorClass::Busy
        | ErrorClass::Unavailable
        | ErrorClass::ConnectionLost
        | ErrorClass::PoolTimedOut
        | ErrorClass::Closed
        | ErrorClass::DiskFull
        | ErrorClass::ReadOnly
        | ErrorClass::Io => Code::Unavailable,
        ErrorClass::UniqueViolation
        | ErrorClass::Constraint
        | ErrorClass::TooLarge
        | ErrorClass::Other => Code::Internal,
    }
}

#[cfg(test)]
mod tests;
