//! A store that fails as it is told, around a store that doesn't.
//!
//! A simulation scripts what becomes of each batch: refused before it is written, written and the answer lost, lost
//! without being written, or lost and written later, after a plain re-read has seen nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};

use crate::{
    AuditFilter, AuditRecord, BatchError, Counts, Entry, Filter, Lane, LogError, OpenPage, Page,
    PageToken, Pause, Session, SharedLog, Stored, TransactionLog, Verdict,
};

/// What becomes of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It is written.
    #[default]
    None,
    /// It is not written, certainly, and may be tried again.
    Unavailable,
    /// It is written, and nobody hears of it.
    WrittenUnknown,
    /// It is not written, and nobody hears of it.
    LostUnknown,
    /// It isn't written yet, nobody hears of it, and it is written later, by [`FaultyStore::deliver_late`]: the commit of
    /// a connection that broke.
    LateUnknown,
}

/// Decides what becomes of a batch. It is asked once for each, in the order of writing.
pub type Script = dyn Fn(&[Entry]) -> Fault + Send + Sync;

/// A store that fails as it is told.
pub struct FaultyStore {
    inner: Arc<dyn TransactionLog>,
    script: Box<Script>,
    /// Batches that are on their way and not yet there; one for each unknown outcome, after which a lane stops.
    late: Mutex<VecDeque<(Lane, Vec<Entry>)>>,
}

impl core::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FaultyStore")
            .field("session", self.inner.session())
            .finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// A store that asks `script` before it writes each batch to `inner`.
    pub fn new(
        inner: Arc<dyn TransactionLog>,
        script: impl Fn(&[Entry]) -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            script: Box::new(script),
            late: Mutex::new(VecDeque::new()),
        }
    }

    /// Lets the oldest late batch arrive, and says what the store made of it; none when there is none. A store whose
    /// session has been fenced meanwhile refuses it.
    pub async fn deliver_late(&self) -> Option<Result<Vec<Verdict>, BatchError>> {
        let (lane, batch) = self
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()?;
        Some(self.inner.write(lane, &batch).await)
    }
}

fn unknown() -> BatchError {
    BatchError::Unknown("the answer to the commit was lost".to_owned())
}

#[async_trait]
impl TransactionLog for FaultyStore {
    fn session(&self) -> &Session {
        self.inner.session()
    }

    fn lanes(&self) -> u16 {
        self.inner.lanes()
    }

    fn shared(&self) -> Option<&dyn SharedLog> {
        self.inner.shared()
    }

    async fn write(&self, lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        match (self.script)(batch) {
            Fault::None => self.inner.write(lane, batch).await,
            Fault::Unavailable => Err(BatchError::Unavailable("told to fail".to_owned())),
            Fault::WrittenUnknown => {
                self.inner.write(lane, batch).await?;
                Err(unknown())
            }
            Fault::LostUnknown => Err(unknown()),
            Fault::LateUnknown => {
                let mut delayed = self.late.lock().unwrap_or_else(PoisonError::into_inner);
                delayed.push_back((lane, batch.to_vec()));
                Err(unknown())
            }
        }
    }

    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        self.inner.read(gid).await
    }

    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        self.inner.open_transactions(after, limit).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError> {
        self.inner.list(filter, after, limit).await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError> {
        self.inner.list_audit(filter, after, limit).await
    }

    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        self.inner.purge(ended_before, limit).await
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        self.inner.counts().await
    }

    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        self.inner.append_audit(record).await
    }

    async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError> {
        self.inner.set_paused(record, is_paused).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, LogError> {
        self.inner.pauses().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
