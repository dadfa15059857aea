//! What can go wrong with a call, and what the caller can do about it.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The domain of the coordinator's own `google.rpc.ErrorInfo`.
pub(crate) const DOMAIN: &str = "tercet";

/// Why a call could not be served. A refused or cancelled transaction is not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No endpoint was given.
    #[error("no endpoint of a coordinator was given")]
    NoEndpoint,
    /// An endpoint isn't `http://HOST:PORT` or `HOST:PORT`.
    #[error("endpoint \"{endpoint}\": {problem}")]
    InvalidEndpoint {
        /// As given.
        endpoint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A request that can't be expressed on the wire. Nothing was sent.
    #[error("{what}: {problem}")]
    InvalidRequest {
        /// The part, for example `branch 1`.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The coordinator answered no. [`Error::reason`] has the contract's word for it.
    #[error("{}", rejection_text(.0))]
    Rejected(#[source] Box<Status>),
    /// No coordinator could be reached, or the connection broke, as often as the policy allows.
    #[error("{endpoint} didn't answer, attempts: {attempts}: {}", cause(.source))]
    Unreachable {
        /// Where the last one went.
        endpoint: String,
        /// Calls that were made.
        attempts: u32,
        /// How the last one ended.
        source: Box<Status>,
    },
    /// The caller's deadline is over. The transaction goes on without the caller: the same call again, with
    /// the same gid, tells what became of it.
    #[error("the deadline is over, the outcome is unknown: repeat with the same gid")]
    Deadline,
    /// The answer lacks something that the contract promises.
    #[error("the coordinator's answer lacks {0}")]
    Malformed(&'static str),
}

impl Error {
    /// The coordinator's reason, such as `GID_CONFLICT`; `None` if it didn't give one.
    pub fn reason(&self) -> Option<String> {
        self.status().and_then(reason)
    }

    /// The gRPC status of the last answer.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Rejected(status) | Self::Unreachable { source: status, .. } => Some(status),
            _ => None,
        }
    }

    /// The gRPC code of the last answer.
    pub fn code(&self) -> Option<Code> {
        self.status().map(Status::code)
    }

    /// Whether the same call with the same gid may succeed later. The client has already repeated what its
    /// policy allows.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Deadline | Self::Unreachable { .. } => true,
            Self::Rejected(status) => matches!(
                status.code(),
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded
            ),
            Self::NoEndpoint
            | Self::InvalidEndpoint { .. }
            | Self::InvalidRequest { .. }
            | Self::Malformed(_) => false,
        }
    }

    /// Whether the gid, branch or participant is unknown to the coordinator.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }
}

/// The coordinator's own reason inside a status.
pub(crate) fn reason(status: &Status) -> Option<String> {
    status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN)
        .map(|info| info.reason)
}

/// The message and the innermost cause, which is the one that says `Connection refused`.
fn cause(status: &Status) -> String {
    let mut innermost = std::error::Error::source(status);
    while let Some(inner) = innermost.and_then(std::error::Error::source) {
        innermost = Some(inner);
    }
    let message = status.message();
    match innermost.map(ToString::to_string) {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ => message.to_owned(),
    }
}

fn rejection_text(status: &Status) -> String {
    match (reason(status), status.message()) {
        (Some(reason), "") => reason,
        (Some(reason), message) => format!("{reason}: {message}"),
        (None, message) => format!("{:?}: {message}", status.code()),
    }
}
