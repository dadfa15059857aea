//! What an error of the database means, so that callers branch on a cause and never on a text.

use core::time::Duration;
use std::path::PathBuf;

use crate::{HolderError, SchemaError, mysql, sqlite};

/// The cause of an SQL error, as far as a caller has to tell causes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A primary key or unique index has that value already.
    UniqueViolation,
    /// Another constraint refuses the row: CHECK, NOT NULL, a foreign key.
    Constraint,
    /// Another writer was in the way for too long, or a deadlock was broken.
    Busy,
    /// A value or statement is beyond what the database takes.
    TooLarge,
    /// No room is left on the disk.
    DiskFull,
    /// The file or its folder can't be written; or a server takes no writes, as while a replica takes over.
    ReadOnly,
    /// Reading or writing a file itself failed.
    Io,
    /// The server is there, but doesn't serve this for now: too many connections, a cluster node that isn't ready.
    Unavailable,
    /// The connection to the database broke, or the server gave up in the middle: what it was doing may be done.
    ConnectionLost,
    /// No connection became free in time.
    PoolTimedOut,
    /// The pool was closed: this process is stopping.
    Closed,
    /// Anything else: a mistake in a statement, a damaged file, a value of the wrong type.
    Other,
}

impl ErrorClass {
    /// Whether the same work may succeed when it is done again, whole, from its first statement.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Unavailable
                | Self::ConnectionLost
                | Self::PoolTimedOut
                | Self::DiskFull
        )
    }

    /// Whether the failed statement certainly changed nothing.
    ///
    /// It matters at COMMIT. Before it, nothing is durable whatever the error; at COMMIT, an error that isn't
    /// definite leaves open whether the SQL transaction took effect.
    pub const fn is_definite(self) -> bool {
        match self {
            Self::UniqueViolation
            | Self::Constraint
            | Self::Busy
            | Self::TooLarge
            | Self::DiskFull
            | Self::ReadOnly
            | Self::Unavailable
            | Self::PoolTimedOut
            | Self::Closed => true,
            Self::Io | Self::ConnectionLost | Self::Other => false,
        }
    }
}

/// The class of `error`, whichever database it comes from.
pub fn classify(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::Database(error) => {
            let class = sqlite::class(error.as_ref()).or_else(|| mysql::class(error.as_ref()));
            class.unwrap_or(match error.kind() {
                sqlx::error::ErrorKind::UniqueViolation => ErrorClass::UniqueViolation,
                sqlx::error::ErrorKind::ForeignKeyViolation
                | sqlx::error::ErrorKind::NotNullViolation
                | sqlx::error::ErrorKind::CheckViolation => ErrorClass::Constraint,
                _ => ErrorClass::Other,
            })
        }
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => ErrorClass::ConnectionLost,
        sqlx::Error::PoolTimedOut => ErrorClass::PoolTimedOut,
        sqlx::Error::PoolClosed => ErrorClass::Closed,
        _ => ErrorClass::Other,
    }
}

/// Why a database couldn't be opened, in one line for whoever starts a server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file doesn't exist and can't be made.
    #[error("can't create the folder {} for the database: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file or its folder can't be written.
    #[error("the database {} can't be written: its file or folder is read-only", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// There is such a file, but it is no SQLite database, or a damaged one.
    #[error("{} is not an SQLite database, or is damaged: {source}", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// Anything else.
    #[error("can't open the database {}: {source}", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The server can't be reached, or refuses this user or database.
    #[error("can't open the database {url}: {source}")]
    Server {
        /// Its url without the password.
        url: String,
        /// What the driver or the server said.
        source: sqlx::Error,
    },
    /// The server didn't answer in time.
    #[error("can't open the database {url}: no answer within {waited:?}")]
    NoAnswer {
        /// Its url without the password.
        url: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The server would lose what it has committed, or show what isn't so.
    #[error(
        "the database {url} is not safe: {setting} is {found}, and has to be {needed} because {because}; change it on the \
         server, or add unsafe-settings=allow to the url of a database that may lose what it has promised"
    )]
    Unsafe {
        /// Its url without the password.
        url: String,
        /// The server's variable, or `version`.
        setting: String,
        /// Its value.
        found: String,
        /// What it has to be.
        needed: &'static str,
        /// Why.
        because: &'static str,
    },
    /// This version works with that kind of database elsewhere, but not here.
    #[error("{what} on {url} is not built yet; use sqlite:path/to/file.db")]
    NotBuiltYet {
        /// Whose tables.
        what: &'static str,
        /// The url without the password.
        url: String,
    },
    /// Another process has it.
    #[error(transparent)]
    Held(#[from] HolderError),
    /// Its tables aren't what this version works with.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl OpenError {
    /// Whether waiting and trying again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Folder { .. }
            | Self::ReadOnly { .. }
            | Self::NotADatabase { .. }
            | Self::Unsafe { .. }
            | Self::NotBuiltYet { .. } => false,
            Self::NoAnswer { .. } => true,
            // A server that takes no writes is one that is being taken over from, or about to take over.
            Self::Server { source, .. } => {
                let class = classify(source);
                class.is_retryable() || class == ErrorClass::ReadOnly
            }
            Self::Open { source, .. } => classify(source).is_retryable(),
            Self::Held(error) => error.is_retryable(),
            Self::Schema(error) => error.is_retryable(),
        }
    }
}
