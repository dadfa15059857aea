//! What a log offers that several coordinators share: sessions that beat, fencing, adoption.
//!
//! A coordinator raises its beat for as long as it lives. Another one that has seen it stand still for long enough fences
//! the session: from then on nothing can be written under it, whatever its process still believes. What the session has
//! left open is adopted in pages, by as many survivors as there are.
//!
//! What must never happen here: a decision about who is dead (that is for whoever watches the beats, on its own
//! monotonic clock); a comparison of two machines' clocks; a row that is read before its owner is changed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};

use crate::{Damaged, LogError, SessionId, Stored};

/// How often a session has raised its beat. Only whether it has changed means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Beat(pub i64);

/// A session as the log lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Its number.
    pub id: SessionId,
    /// Where its process is, or was, reached.
    pub endpoint: String,
    /// When it was opened, by its own clock. For people.
    pub opened_at: Timestamp,
    /// How often it has raised its beat.
    pub beat: Beat,
    /// Whether it can write any more.
    pub is_fenced: bool,
}

/// What became of raising one's own beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beaten {
    /// It is raised.
    Raised(Beat),
    /// This session is fenced, or forgotten already: the process has to end.
    Fenced,
}

/// What became of fencing another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fencing {
    /// It is fenced now, by this call or by an earlier one, or it is gone.
    Fenced,
    /// It has raised its beat since it was looked at, and goes on.
    Alive(Beat),
}

/// A page of transactions that have been taken over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adopted {
    /// They are this session's now. In order of gid, as they were read after the owner was changed.
    pub transactions: Vec<Stored>,
    /// Rows among them that can't be read; they are this session's too.
    pub damaged: Vec<Damaged>,
    /// Whether the session may have left more. A page may be empty and this be true: another survivor was faster.
    pub has_more: bool,
}

/// Who owns an open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its session.
    pub session: SessionId,
    /// Where that session's process is, or was, reached.
    pub endpoint: String,
    /// Whether that session is fenced, so that the transaction can be adopted.
    pub is_fenced: bool,
}

/// A log that several coordinators share; see [`TransactionLog::shared`](crate::TransactionLog::shared).
///
/// Each of these may be called at any time, also while batches are being written.
#[async_trait]
pub trait SharedLog: Send + Sync {
    /// Raises this session's beat by one, on the condition that it isn't fenced.
    ///
    /// A crash, and an error, leaves it raised or not: both are harmless. Whoever measures how old a beat is starts
    /// before this is called.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when it wasn't raised, or nobody knows.
    async fn raise_beat(&self) -> Result<Beaten, LogError>;

    /// Every session that can write, and every fenced one that open transactions still name, in order of number. Costs
    /// nothing for transactions, however many are open.
    async fn sessions(&self) -> Result<Vec<SessionState>, LogError>;

    /// How many open transactions each session owns; sessions without any may be missing. Reads an index of all that is
    /// open: for people, not for every beat.
    async fn open_counts(&self) -> Result<BTreeMap<SessionId, u64>, LogError>;

    /// Fences `session` if its beat is still `seen`. A batch of it that is under way is waited for, and none can follow:
    /// when this returns [`Fencing::Fenced`], every row that it will ever write is there.
    ///
    /// A crash, and an error, leaves it fenced or not; calling again is harmless.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`], also for as long as a batch of that session is stuck.
    async fn fence(&self, session: SessionId, seen: Beat) -> Result<Fencing, LogError>;

    /// Takes over at most `limit` of the transactions that the fenced session `from` has left open. The owner is changed
    /// first and the rows are read afterwards, in the same SQL transaction, so nothing that `from` ever wrote is missed.
    /// Several survivors that call this at once share the work: no transaction is given to two of them. A session that
    /// isn't fenced gives nothing.
    ///
    /// A crash, and an error, leaves the page adopted or not. After an error its transactions may be this session's
    /// without anybody having been told: [`open_transactions`](crate::TransactionLog::open_transactions) shows them.
    ///
    /// # Errors
    ///
    /// [`LogError::Failed`] when this session is fenced itself; nothing was adopted then.
    async fn adopt(&self, from: SessionId, limit: usize) -> Result<Adopted, LogError>;

    /// Takes over that transaction if it is open and its owner is fenced. None otherwise: it has ended, its owner lives,
    /// or another survivor was faster. In everything else like [`adopt`](Self::adopt).
    ///
    /// # Errors
    ///
    /// Those of [`adopt`](Self::adopt), and [`LogError::Damaged`] when it was adopted and can't be read.
    async fn adopt_one(&self, gid: &Gid) -> Result<Option<Stored>, LogError>;

    /// Who owns the transaction of that gid, if it is open.
    async fn owner(&self, gid: &Gid) -> Result<Option<Owner>, LogError>;

    /// Deletes fenced sessions, other than this one, that no open transaction names, and says how many. Nothing is lost
    /// with them: a fenced session can't come to own anything any more.
    ///
    /// A crash leaves each of them whole or gone.
    async fn forget_sessions(&self) -> Result<usize, LogError>;
}
