//! A log in memory: for simulations, tests, and as the plainest statement of what a log does.
//!
//! It is deterministic: no clock, no hash order, no task of its own. It keeps encoded rows, not transactions, so that
//! whatever comes out of it has been through the codec, and it refuses what the tables' constraints refuse.

mod disk;
mod sessions;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};

pub use disk::MemoryDisk;

use crate::memory::disk::Disk;
use crate::pages::{open_page, page, with_the_next};
use crate::{
    AuditFilter, AuditRecord, BatchError, Counts, DecodeError, Entry, Filter, Lane, LogError,
    OpenPage, Page, PageToken, Pause, Session, SharedLog, Stored, TransactionLog, Verdict, Write,
};

/// A session on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    session: Session,
    is_shared: bool,
}

impl MemoryStore {
    /// Opens the only session, as on a file: fences the one before and adopts its open transactions. What a crash leaves
    /// is the disk.
    pub fn open(disk: &MemoryDisk, endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        let id = {
            let mut disk = lock(&disk.0);
            let id = disk.sessions.open(&endpoint, Timestamp::EPOCH);
            disk.sessions.leave_only(id);
            disk.give(None, id, usize::MAX);
            id
        };
        Self {
            disk: disk.clone(),
            session: Session { id, endpoint },
            is_shared: false,
        }
    }

    /// Opens a session beside the others, as on a server: nobody is fenced and nothing adopted by that. `opened_at` is
    /// for people.
    pub fn open_beside(
        disk: &MemoryDisk,
        endpoint: impl Into<String>,
        opened_at: Timestamp,
    ) -> Self {
        let endpoint = endpoint.into();
        let id = lock(&disk.0).sessions.open(&endpoint, opened_at);
        Self {
            disk: disk.clone(),
            session: Session { id, endpoint },
            is_shared: true,
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk.0)
    }
}

/// A panic elsewhere leaves the disk between two batches: every change is made in one go.
fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fenced() -> LogError {
    LogError::Failed("this session is fenced".to_owned())
}

fn damaged(gid: &Gid, error: DecodeError) -> LogError {
    LogError::Damaged {
        gid: gid.clone(),
        error,
    }
}

#[async_trait]
impl TransactionLog for MemoryStore {
    fn session(&self) -> &Session {
        &self.session
    }

    fn shared(&self) -> Option<&dyn SharedLog> {
        self.is_shared.then_some(self)
    }

    async fn write(&self, _lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(BatchError::Fenced);
        }
        // The whole batch or nothing: look before anything is changed.
        for entry in batch.iter().filter(|entry| entry.check().is_ok()) {
            let reaches_the_row = match &entry.write {
                Write::Begin(_) => true,
                Write::Update {
                    expected_version, ..
                } => disk.is_updatable(&entry.gid, *expected_version, self.session.id),
            };
            if let (true, Some(constraint)) = (reaches_the_row, disk::violation(entry)) {
                return Err(BatchError::Refused(format!(
                    "constraint failed: {constraint}"
                )));
            }
        }
        Ok(batch
            .iter()
            .map(|entry| disk.write(entry, self.session.id))
            .collect())
    }

    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        let row = self.disk().row(gid);
        row.map(Stored::try_from)
            .transpose()
            .map_err(|error| damaged(gid, error))
    }

    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        let rows = self.disk().open_rows(self.session.id, after, limit);
        Ok(open_page(rows, limit))
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError> {
        let rows = self.disk().list(filter, after, with_the_next(limit));
        Ok(page(rows, limit))
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError> {
        Ok(self.disk().list_audit(filter, after, limit))
    }

    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(fenced());
        }
        Ok(disk.purge(ended_before, limit))
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        Ok(self.disk().counts())
    }

    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(fenced());
        }
        disk.append_audit(record);
        Ok(())
    }

    async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(fenced());
        }
        disk.set_paused(record, is_paused);
        Ok(())
    }

    async fn pauses(&self) -> Result<Vec<Pause>, LogError> {
        Ok(self.disk().pauses())
    }

    async fn close(&self) {
        self.disk().sessions.fence(self.session.id);
    }
}
