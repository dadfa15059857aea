//! What became of an entry, and of a batch.

use tercet_core::{Gid, GlobalTransaction};

use crate::DecodeError;

/// What became of one entry. There is no "unknown": the log finds out before it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is durable.
    Written,
    /// A begin, whose gid exists: here is what the log holds, so that no second read is needed. Nothing was written.
    Duplicate(Box<Stored>),
    /// A change of a row that has another version, belongs to another session, or doesn't exist. Nothing was written,
    /// and nothing ever will be in this form.
    Stale,
    /// The database doesn't take it, in this form never will, and why. Nothing was written.
    Invalid(String),
    /// This session may not write any more: another process has taken over. Nothing was written.
    Fenced,
    /// Nothing was written; trying again later may work. Here is why.
    Unavailable(String),
}

/// A transaction as the log holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its durable state.
    pub transaction: GlobalTransaction,
    /// The version of its row, from 1.
    pub version: u64,
    /// The session that owns it, or owned it when it ended.
    pub owner: SessionId,
}

/// A row that can't be read. Its transaction waits until a person has looked at it; all others go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Damaged {
    /// Whose row it is, as it stands there.
    pub gid: String,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// One run of a process on a log. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// The session that a store was opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// The address that others reach this process at.
    pub endpoint: String,
}

/// Why a batch has no verdict for each of its entries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The database refuses at least one of the entries; nothing was written. The batch is run again in halves, until
    /// the guilty one is alone.
    #[error("refused by the database: {0}")]
    Refused(String),
    /// Nothing was written; the same batch may work later.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// Nothing was written, and this session never writes again.
    #[error("this session is fenced: another process has taken over")]
    Fenced,
    /// Nobody can say whether the batch was written. The lane stops for good.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
}

/// Why something other than an append failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LogError {
    /// It wasn't done, or nobody knows; doing it again is harmless and may work later.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// The row of a transaction can't be read.
    #[error("the stored transaction {gid} can't be read: {error}")]
    Damaged {
        /// Which.
        gid: Gid,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A value that the log doesn't take.
    #[error("{0}")]
    Invalid(String),
    /// The log can't be read or written, and trying again won't help.
    #[error("the log failed: {0}")]
    Failed(String),
}

impl LogError {
    /// Whether the same call may work later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
