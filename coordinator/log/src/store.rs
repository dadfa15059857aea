//! What a log must be able to do, whatever it is kept in. One conformance suite holds every implementation to it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use tercet_core::{Gid, GlobalTransaction, ParticipantName, Timestamp, TransactionState};

use crate::{
    AuditRecord, BatchError, Damaged, Entry, LogError, Pause, Session, SharedLog, Stored, Verdict,
};

/// The most entries of one batch.
pub const BATCH_ENTRIES_MAX: usize = 256;

/// The most gids that one list may name: a page, and few enough for every database to look each up by its key.
pub const GIDS_MAX: usize = 500;

/// A part of the log whose batches follow one another. A gid always has the same lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u16);

/// Where transactions are kept.
///
/// A store is opened with a session, which owns the transactions that it begins. Opening one on SQLite fences the
/// session before it and adopts its open transactions.
#[async_trait]
pub trait TransactionLog: Send + Sync + 'static {
    /// The session of this process.
    fn session(&self) -> &Session;

    /// How many lanes may be written at the same time; at least 1.
    fn lanes(&self) -> u16 {
        1
    }

    /// What several coordinators on this log need. None where a log has one coordinator at a time, as a file has: its
    /// start fences the session before and adopts what that has left.
    fn shared(&self) -> Option<&dyn SharedLog> {
        None
    }

    /// Writes a batch as one unit and gives a verdict for each entry, in their order.
    ///
    /// The batch has at most [`BATCH_ENTRIES_MAX`] entries, at most one of a gid, sorted by gid. No entry's verdict
    /// changes another's. The [`Log`](crate::Log) sees to that, and never runs two batches of a lane at once.
    ///
    /// A crash leaves the whole batch or nothing of it; audit records stand with their entry or not at all.
    ///
    /// # Errors
    ///
    /// [`BatchError`]; nothing was written but for [`BatchError::Unknown`], after which this lane must not be used.
    async fn write(&self, lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError>;

    /// The transaction of that name. Sees everything that was ever answered as written.
    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError>;

    /// The open transactions that this session owns, in order of gid, from the first after `after` on. For recovery:
    /// costs nothing for ended ones, and a damaged row doesn't hold up the others.
    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError>;

    /// Transactions that meet every condition of `filter`, newest begin first.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError>;

    /// Audit records that meet every condition of `filter`, newest first.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError>;

    /// Deletes transactions that ended before `ended_before`, oldest end first, at most `limit` of them (a store may
    /// take fewer at a time), and says how many. Audit records stay. Call it again until it gives 0: small steps let
    /// appends in between.
    ///
    /// A crash leaves each transaction whole or gone, its labels with it.
    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError>;

    /// How many transactions are open, and how they are.
    async fn counts(&self) -> Result<Counts, LogError>;

    /// Records what a person did to no transaction in particular. Durable when it returns; a crash before that leaves
    /// the record or nothing.
    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError>;

    /// Records that a person has paused the record's participant, or has let it go on, and makes that so, as one.
    /// Pausing one that is paused, and resuming one that isn't, changes nothing and is recorded all the same. The store fills
    /// in what the record says of before and after. Durable when it returns; a crash before that leaves both or neither.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when nobody knows: doing it again is harmless.
    async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError>;

    /// The participants that are paused, by name. As many as people have paused by hand.
    async fn pauses(&self) -> Result<Vec<Pause>, LogError>;

    /// Ends this session by fencing it: nothing can be written any more. The open transactions stay for the next one, and
    /// where the log is shared the others may adopt them at once.
    ///
    /// A crash before it returns leaves the session fenced, or for the others to fence.
    async fn close(&self);
}

/// A page of open transactions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenPage {
    /// In order of gid.
    pub transactions: Vec<Stored>,
    /// Rows among them that can't be read.
    pub damaged: Vec<Damaged>,
    /// Hand this in as `after` for the next page; none after the last.
    pub next: Option<Gid>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What was found, in order.
    pub items: Vec<T>,
    /// Rows among them that can't be read.
    pub damaged: Vec<Damaged>,
    /// Hand this in as `after` for the next page; none after the last.
    pub next: Option<PageToken>,
}

/// Which transactions to list; every condition that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; empty: any.
    pub states: BTreeSet<TransactionState>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// With a branch of this participant.
    pub participant: Option<ParticipantName>,
    /// Begun before that.
    pub begun_before: Option<Timestamp>,
    /// Only what a person should look at.
    pub needs_attention: bool,
    /// Of one of these names; empty: any. At most [`GIDS_MAX`].
    pub gids: BTreeSet<Gid>,
}

/// Which audit records to list; every condition that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this transaction.
    pub gid: Option<Gid>,
    /// About this participant.
    pub participant: Option<ParticipantName>,
}

/// Open transactions by state. Ended ones aren't counted: that would read the whole history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Undecided.
    pub trying: u64,
    /// Decided: confirm.
    pub confirming: u64,
    /// Decided: cancel.
    pub cancelling: u64,
    /// Those of them that a person should look at.
    pub attention: u64,
    /// Those of them that wait for a person and do nothing else.
    pub parked: u64,
    /// When the oldest of them was begun.
    pub oldest_begun_at: Option<Timestamp>,
}

/// Where a list goes on: the time and the name of the last item. Opaque to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    pub(crate) at: Timestamp,
    pub(crate) key: String,
}

impl PageToken {
    /// Where a list of transactions goes on that ends with this one.
    pub fn after(transaction: &GlobalTransaction) -> Self {
        Self {
            at: transaction.begun_at,
            key: transaction.gid.as_str().to_owned(),
        }
    }
}

/// The text isn't a page token of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page token is not one that this log has given")]
pub struct PageTokenError;

impl core::fmt::Display for PageToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.at.as_micros(), self.key)
    }
}

impl core::str::FromStr for PageToken {
    type Err = PageTokenError;

    fn from_str(text: &str) -> Result<Self, PageTokenError> {
        let (at, key) = text.split_once('.').ok_or(PageTokenError)?;
        let at = Timestamp::from_micros(at.parse().map_err(|_| PageTokenError)?);
        if key.is_empty()
            || key.len() > Gid::MAX_BYTES
            || !key.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(PageTokenError);
        }
        Ok(Self {
            at,
            key: key.to_owned(),
        })
    }
}
