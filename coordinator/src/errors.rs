//! The errors of the contract: one table from reason to gRPC code, and the one way to make a `Status`.
//!
//! Every error that leaves the coordinator passes through [`ApiError`], so that none is without its
//! `google.rpc.ErrorInfo`. Must never: tell a caller anything about another caller's transaction.

use std::collections::HashMap;
use std::time::Duration;

use tercet_core::Rejection;
use tercet_log::LogError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of every reason.
pub const DOMAIN: &str = "tercet";

/// What a caller is told to wait before it repeats a retryable call, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal => $code:ident,)+) => {
        /// The reasons of the contract, section 3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the contract's table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The text in `ErrorInfo.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The gRPC code that goes with it.
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }
        }
    };
}

reasons! {
    /// Paging and such.
    InvalidRequest = "INVALID_REQUEST" => InvalidArgument,
    /// Empty, too long, or not visible ASCII.
    InvalidGid = "INVALID_GID" => InvalidArgument,
    /// No branches, a bad id or name, one id twice.
    InvalidBranch = "INVALID_BRANCH" => InvalidArgument,
    /// JSON that isn't the action's request message.
    InvalidPayload = "INVALID_PAYLOAD" => InvalidArgument,
    /// Labels, headers, time-out or initiator out of bounds.
    InvalidOptions = "INVALID_OPTIONS" => InvalidArgument,
    /// More branches than the limit.
    TooManyBranches = "TOO_MANY_BRANCHES" => InvalidArgument,
    /// A payload, or all together, beyond the limit.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE" => InvalidArgument,
    /// No transaction of that gid.
    UnknownTransaction = "UNKNOWN_TRANSACTION" => NotFound,
    /// No branch of that id.
    UnknownBranch = "UNKNOWN_BRANCH" => NotFound,
    /// No participant of that name.
    UnknownParticipant = "UNKNOWN_PARTICIPANT" => NotFound,
    /// The participant has no action of that name.
    UnknownAction = "UNKNOWN_ACTION" => NotFound,
    /// The gid was begun with other content.
    GidConflict = "GID_CONFLICT" => AlreadyExists,
    /// The branch id was registered with other content.
    BranchConflict = "BRANCH_CONFLICT" => AlreadyExists,
    /// The opposite decision stands, or it comes too late, or the transaction decides by itself.
    AlreadyDecided = "ALREADY_DECIDED" => FailedPrecondition,
    /// Confirm while a branch isn't tried.
    BranchNotTried = "BRANCH_NOT_TRIED" => FailedPrecondition,
    /// Park, resume or force before the decision.
    NotDecided = "NOT_DECIDED" => FailedPrecondition,
    /// A limit on what is open is reached.
    Overloaded = "OVERLOADED" => ResourceExhausted,
    /// The log didn't take it.
    LogUnavailable = "LOG_UNAVAILABLE" => Unavailable,
    /// A participant's descriptors can't be read now.
    SchemaUnavailable = "SCHEMA_UNAVAILABLE" => Unavailable,
    /// Paused by an operator.
    ParticipantPaused = "PARTICIPANT_PAUSED" => Unavailable,
    /// Its circuit breaker is open.
    ParticipantDown = "PARTICIPANT_DOWN" => Unavailable,
    /// This coordinator is shutting down.
    Draining = "DRAINING" => Unavailable,
    /// Another coordinator owns the transaction.
    NotOwner = "NOT_OWNER" => Unavailable,
    /// The caller has no identity.
    NoIdentity = "NO_IDENTITY" => Unauthenticated,
    /// The caller's identity may not do this.
    NotAllowed = "NOT_ALLOWED" => PermissionDenied,
}

impl Reason {
    /// Whether the same call may succeed later, unchanged.
    pub const fn is_retryable(self) -> bool {
        matches!(self.code(), Code::Unavailable | Code::ResourceExhausted)
    }
}

/// Why a call could not be served.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {message}", reason.as_str())]
pub struct ApiError {
    /// The reason of the contract.
    pub reason: Reason,
    /// What is the matter, for people.
    pub message: String,
    /// The bad field's path in the request, where one field is to blame.
    pub field: Option<String>,
    /// How long to wait before repeating a retryable call.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An error of that reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            field: None,
            retry_after: reason.is_retryable().then_some(RETRY_AFTER),
        }
    }

    /// An error that one field of the request is to blame for.
    pub fn field(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(reason, message)
        }
    }

    /// The same with another time to wait.
    #[must_use]
    pub fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// No transaction of that gid.
    pub fn unknown_transaction(gid: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::UnknownTransaction,
            format!("there is no transaction {gid}; a begin may still be on its way"),
        )
    }

    /// The gid was begun with other content.
    pub fn gid_conflict(gid: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::GidConflict,
            format!("transaction {gid} was begun with other content"),
        )
    }

    /// This coordinator is shutting down.
    pub fn draining() -> Self {
        Self::new(Reason::Draining, "this coordinator is shutting down")
    }

    /// Whether the same call may succeed later, unchanged.
    pub const fn is_retryable(&self) -> bool {
        self.reason.is_retryable()
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        let reason = match rejection {
            Rejection::AlreadyDecided(_) | Rejection::OneCall => Reason::AlreadyDecided,
            Rejection::BranchNotTried(_) => Reason::BranchNotTried,
            Rejection::BranchConflict(_) => Reason::BranchConflict,
            Rejection::NotDecided => Reason::NotDecided,
            Rejection::UnknownBranch(_) => Reason::UnknownBranch,
            Rejection::TooManyBranches(_) => {
                return Self::field(Reason::TooManyBranches, "branch", message);
            }
            Rejection::PayloadTooLarge { .. } => {
                return Self::field(Reason::PayloadTooLarge, "branch.payload", message);
            }
            Rejection::LogUnavailable(_) => Reason::LogUnavailable,
            Rejection::LogInvalid(_) => Reason::InvalidRequest,
            Rejection::NotOwner => Reason::NotOwner,
        };
        Self::new(reason, message)
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        let reason = match error {
            LogError::Invalid(_) => Reason::InvalidRequest,
            LogError::Unavailable(_) | LogError::Damaged { .. } | LogError::Failed(_) => {
                Reason::LogUnavailable
            }
        };
        Self::new(reason, error.to_string())
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let mut details =
            ErrorDetails::with_error_info(error.reason.as_str(), DOMAIN, HashMap::new());
        if let Some(field) = error.field {
            details.add_bad_request_violation(field, error.message.clone());
        }
        if let Some(retry_after) = error.retry_after {
            details.set_retry_info(Some(retry_after));
        }
        Self::with_error_details(error.reason.code(), error.message, details)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn every_reason_reaches_the_caller_with_its_domain() {
        for reason in Reason::ALL {
            let status = Status::from(ApiError::new(*reason, "why"));
            assert_eq!(status.code(), reason.code());
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!(
                (info.reason.as_str(), info.domain.as_str()),
                (reason.as_str(), "tercet")
            );
            assert_eq!(
                details.retry_info().is_some(),
                reason.is_retryable(),
                "{reason:?}"
            );
        }
    }

    #[test]
    fn a_bad_field_is_named() {
        let status = Status::from(ApiError::field(Reason::InvalidGid, "gid", "is empty"));
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "gid");
        assert_eq!(violations[0].description, "is empty");
    }
}
