//! Why there is no server.

use std::io;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be had on this machine; what is missing, in one line.
    #[error("{0}")]
    Missing(String),
    /// It is there and did not come up.
    #[error("the database server did not start: {why}\n{log}")]
    DidNotStart {
        /// In a few words.
        why: String,
        /// The end of what it said.
        log: String,
    },
    /// A file or a process of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The server refused a statement of this crate's own.
    #[error("the database server: {0}")]
    Sql(#[from] sqlx::Error),
    /// The variable that names a server holds something else.
    #[error("{0} has to be mysql://user:password@host:port")]
    BadUrl(&'static str),
}

impl Error {
    /// For `map_err`: says what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
