//! A log whose process stands still when told to: nothing of it comes back until it is thawed.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};
use tercet_log::{
    Adopted, AuditFilter, AuditRecord, BatchError, Beat, Beaten, Counts, Entry, Fencing, Filter,
    Lane, LogError, MemoryStore, OpenPage, Owner, Page, PageToken, Pause, Session, SessionId,
    SessionState, SharedLog, Stored, TransactionLog, Verdict,
};
use tokio::sync::watch;

/// Freezes and thaws a [`Freezable`]. Writes and beats are counted as they come to the ice.
#[derive(Clone, Debug)]
pub(crate) struct Freezer {
    frozen: Arc<watch::Sender<bool>>,
    beats_held: Arc<watch::Sender<bool>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Freezer {
    pub(crate) fn new() -> Self {
        Self {
            frozen: Arc::new(watch::Sender::new(false)),
            beats_held: Arc::new(watch::Sender::new(false)),
            waiting: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Only its beats don't arrive any more.
    pub(crate) fn hold_beats(&self) {
        self.beats_held.send_replace(true);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.send_replace(false);
        self.beats_held.send_replace(false);
    }

    /// Waits until that many batches are stuck.
    pub(crate) async fn stuck(&self, batches: usize) {
        let mut waiting = self.waiting.subscribe();
        let enough = waiting.wait_for(|waiting| *waiting >= batches);
        super::soon("a batch to be stuck", enough).await.unwrap();
    }

    async fn pass(&self) {
        let mut frozen = self.frozen.subscribe();
        // The sender lives as long as this.
        let _ = frozen.wait_for(|frozen| !frozen).await;
    }
}

/// A log in memory that can be frozen before each of its calls.
pub(crate) struct Freezable {
    inner: MemoryStore,
    freezer: Freezer,
}

impl Freezable {
    pub(crate) fn new(inner: MemoryStore) -> (Self, Freezer) {
        let freezer = Freezer::new();
        let thawed = freezer.clone();
        (Self { inner, freezer }, thawed)
    }
}

#[async_trait]
impl TransactionLog for Freezable {
    fn session(&self) -> &Session {
        self.inner.session()
    }

    fn shared(&self) -> Option<&dyn SharedLog> {
        Some(self)
    }

    async fn write(&self, lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        self.freezer.waiting.send_modify(|waiting| *waiting += 1);
        self.freezer.pass().await;
        self.freezer.waiting.send_modify(|waiting| *waiting -= 1);
        self.inner.write(lane, batch).await
    }

    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        self.freezer.pass().await;
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

#[async_trait]
impl SharedLog for Freezable {
    async fn raise_beat(&self) -> Result<Beaten, LogError> {
        self.freezer.pass().await;
        let mut held = self.freezer.beats_held.subscribe();
        // The sender lives as long as this.
        let _ = held.wait_for(|held| !held).await;
        self.inner.raise_beat().await
    }

    async fn sessions(&self) -> Result<Vec<SessionState>, LogError> {
        self.freezer.pass().await;
        self.inner.sessions().await
    }

    async fn open_counts(&self) -> Result<BTreeMap<SessionId, u64>, LogError> {
        self.inner.open_counts().await
    }

    async fn fence(&self, session: SessionId, seen: Beat) -> Result<Fencing, LogError> {
        self.freezer.pass().await;
        self.inner.fence(session, seen).await
    }

    async fn adopt(&self, from: SessionId, limit: usize) -> Result<Adopted, LogError> {
        self.freezer.pass().await;
        self.inner.adopt(from, limit).await
    }

    async fn adopt_one(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        self.freezer.pass().await;
        self.inner.adopt_one(gid).await
    }

    async fn owner(&self, gid: &Gid) -> Result<Option<Owner>, LogError> {
        self.freezer.pass().await;
        self.inner.owner(gid).await
    }

    async fn forget_sessions(&self) -> Result<usize, LogError> {
        self.inner.forget_sessions().await
    }
}
