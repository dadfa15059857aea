//! The store of a coordinator with others beside it: appends nothing once the lease is over.

use std::sync::Arc;

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};
use tercet_log::{
    AuditFilter, AuditRecord, BatchError, Counts, Entry, Filter, Lane, LogError, OpenPage, Page,
    PageToken, Pause, Session, SharedLog, Stored, TransactionLog, Verdict,
};

use super::Lease;

/// A store that is written only while the lease lasts. Reads go on.
pub(crate) struct Leased {
    inner: Arc<dyn TransactionLog>,
    lease: Arc<Lease>,
}

impl Leased {
    pub(crate) fn new(inner: Arc<dyn TransactionLog>, lease: Arc<Lease>) -> Self {
        Self { inner, lease }
    }
}

#[async_trait]
impl TransactionLog for Leased {
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
        if self.lease.is_over() {
            let why = "this coordinator couldn't raise its beat for too long";
            return Err(BatchError::Unavailable(why.to_owned()));
        }
        self.inner.write(lane, batch).await
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
