//! How a command ends when it doesn't end well: one line, and the exit code that scripts rely on.

use std::{fmt::Display, process::ExitCode};

use tercet_client::Error;

/// Why a command failed. The line is printed to standard error by `main`.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 1: it was tried and didn't work.
    Failed(String),
    /// Exit code 2: it wasn't even tried, the request or the configuration is wrong.
    Usage(String),
    /// Exit code 3: what it was about isn't there.
    NotFound(String),
    /// Exit code 4: the transaction was cancelled. What happened has been printed.
    Cancelled,
    /// Exit code 1, and what happened has been printed.
    Said,
}

impl Failure {
    /// Exit code 1.
    pub(crate) fn failed(line: impl Display) -> Self {
        Self::Failed(line.to_string())
    }

    /// Exit code 2.
    pub(crate) fn usage(line: impl Display) -> Self {
        Self::Usage(line.to_string())
    }

    /// What to say, if it wasn't said already.
    pub(crate) fn line(&self) -> Option<String> {
        match self {
            Self::Failed(line) | Self::Usage(line) | Self::NotFound(line) => {
                Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Self::Cancelled | Self::Said => None,
        }
    }

    /// The contract's code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) | Self::Said => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Cancelled => 4,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            _ if error.is_not_found() => Self::NotFound(error.to_string()),
            Error::NoEndpoint | Error::InvalidEndpoint { .. } | Error::InvalidRequest { .. } => {
                Self::usage(error)
            }
            _ => Self::failed(error),
        }
    }
}

impl From<tercet_service::ConfigError> for Failure {
    fn from(error: tercet_service::ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<tercet_service::ListenError> for Failure {
    fn from(error: tercet_service::ListenError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let failure = Failure::failed("first\n  second");
        assert_eq!(failure.line().as_deref(), Some("first second"));
        assert_eq!(Failure::Cancelled.line(), None);
    }

    #[test]
    fn each_has_the_contracts_exit_code() {
        let code = |failure: Failure| format!("{:?}", failure.exit_code());
        let expected = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(Failure::failed("")), expected(1));
        assert_eq!(code(Failure::Said), expected(1));
        assert_eq!(code(Failure::usage("")), expected(2));
        assert_eq!(code(Failure::NotFound(String::new())), expected(3));
        assert_eq!(code(Failure::Cancelled), expected(4));
    }
}
