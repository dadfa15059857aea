//! The log in an SQLite file: the embedded default.
//!
//! One process has the file (a lock beside it says which), one connection writes it, and every commit is flushed to
//! disk. Opening it fences the session before and adopts its open transactions. After a commit whose outcome is
//! unknown (an IO error) it never writes again: the process has to end, and the next start reads the truth.

mod batch;
#[path = "dialect/queries.rs"]
mod dialect;
#[path = "../queries.rs"]
mod queries;
#[path = "../reads.rs"]
mod reads;
mod session;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};
use tercet_database::sqlite::{self, Database, Options, connect};
use tercet_database::{ErrorClass, Holder, HolderLock, OpenError, Schema, SchemaState, classify};
use tercet_failpoints::failpoint;
use tokio::sync::Mutex;

use crate::pages::{before_audit, stored};
use crate::{
    AuditFilter, AuditRecord, BatchError, Counts, Entry, Filter, Lane, LogError, OpenPage, Page,
    PageToken, Pause, Session, Stored, TransactionLog, Verdict,
};

pub(crate) use tercet_database::sqlite::Db;

/// The tables of the log.
pub fn schema() -> Schema {
    Schema {
        name: "coordinator",
        migrator: sqlx::migrate!("../../migrations/coordinator/sqlite"),
        readable_from: 1,
    }
}

/// Creates or upgrades the tables in the file `path`; safe to run twice, and from two processes at once.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn migrate(path: &Path) -> Result<SchemaState, OpenError> {
    sqlite::migrate(&schema(), path).await
}

/// A session on an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    session: Session,
    lane: Mutex<LaneState>,
    /// Held as long as this store lives.
    _lock: HolderLock,
}

/// What a lane knows of itself. Locked while a batch is under way.
#[derive(Debug)]
struct LaneState {
    /// The session's counter, as this process knows it.
    appended: i64,
    /// Why it never writes again.
    stopped: Option<BatchError>,
}

impl SqliteStore {
    /// Opens the file `path` for the process that others reach at `endpoint`: takes its lock, creates the tables of an
    /// empty file, fences the session before and adopts its open transactions. `opened_at` is for people who look at the
    /// table; nothing is decided by it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] in one line for people: the file can't be written, is held by another process, or has other tables
    /// than this version works with.
    pub async fn open(
        path: impl Into<PathBuf>,
        endpoint: impl Into<String>,
        opened_at: Timestamp,
    ) -> Result<Self, OpenError> {
        let endpoint = endpoint.into();
        let path = path.into();
        let database = connect(&Options::new(path.clone())).await?;
        let opened = async {
            let lock = HolderLock::acquire(&path, &Holder::this_process(endpoint.clone()))?;
            schema().ensure(&database).await?;
            let session = session::open(&database, endpoint, opened_at)
                .await
                .map_err(|source| OpenError::Open {
                    path: path.clone(),
                    source,
                })?;
            Ok((lock, session))
        };
        match opened.await {
            Ok((lock, session)) => {
                let lane = Mutex::new(LaneState {
                    appended: 0,
                    stopped: None,
                });
                Ok(Self {
                    database,
                    session,
                    lane,
                    _lock: lock,
                })
            }
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }
}

impl SqliteStore {
    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Db>, LogError> {
        let acquired = self.database.reader().acquire().await;
        acquired.map_err(|error| log_error(&error))
    }
}

/// What an error before the commit means for the batch. Nothing of it is durable, whatever the error.
fn batch_error(error: &sqlx::Error) -> BatchError {
    match classify(error) {
        ErrorClass::UniqueViolation
        | ErrorClass::Constraint
        | ErrorClass::TooLarge
        | ErrorClass::Other => BatchError::Refused(error.to_string()),
        ErrorClass::Busy
        | ErrorClass::Unavailable
        | ErrorClass::DiskFull
        | ErrorClass::ReadOnly
        | ErrorClass::Io
        | ErrorClass::ConnectionLost
        | ErrorClass::PoolTimedOut
        | ErrorClass::Closed => BatchError::Unavailable(error.to_string()),
    }
}

/// What an error of anything but an append means. All of that may be done again.
fn log_error(error: &sqlx::Error) -> LogError {
    match classify(error) {
        ErrorClass::UniqueViolation | ErrorClass::Constraint | ErrorClass::TooLarge => {
            LogError::Invalid(error.to_string())
        }
        ErrorClass::Other | ErrorClass::ReadOnly | ErrorClass::Closed => {
            LogError::Failed(error.to_string())
        }
        ErrorClass::Busy
        | ErrorClass::Unavailable
        | ErrorClass::DiskFull
        | ErrorClass::Io
        | ErrorClass::ConnectionLost
        | ErrorClass::PoolTimedOut => LogError::Unavailable(error.to_string()),
    }
}

#[async_trait]
impl TransactionLog for SqliteStore {
    fn session(&self) -> &Session {
        &self.session
    }

    async fn write(&self, lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        let mut state = self.lane.lock().await;
        if let Some(stopped) = &state.stopped {
            return Err(stopped.clone());
        }
        let mut transaction = self
            .database
            .begin()
            .await
            .map_err(|error| batch_error(&error))?;
        match batch::write(
            &mut transaction,
            self.session.id,
            lane,
            state.appended,
            batch,
        )
        .await
        {
            Ok(batch::Outcome::Fenced) => {
                roll_back(transaction).await;
                state.stopped = Some(BatchError::Fenced);
                Err(BatchError::Fenced)
            }
            Ok(batch::Outcome::Verdicts(verdicts)) if !verdicts.contains(&Verdict::Written) => {
                // Nothing to make durable: what the verdicts rest upon was durable before.
                roll_back(transaction).await;
                Ok(verdicts)
            }
            Ok(batch::Outcome::Verdicts(verdicts)) => match commit(transaction).await {
                Ok(()) => {
                    state.appended += 1;
                    Ok(verdicts)
                }
                Err(error) if classify(&error).is_definite() => {
                    Err(BatchError::Unavailable(error.to_string()))
                }
                Err(error) => {
                    let unknown = BatchError::Unknown(error.to_string());
                    state.stopped = Some(unknown.clone());
                    Err(unknown)
                }
            },
            Err(error) => {
                roll_back(transaction).await;
                Err(batch_error(&error))
            }
        }
    }

    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        let row = reads::read(&mut *self.reader().await?, gid).await;
        stored(row.map_err(|error| log_error(&error))?, gid)
    }

    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        let owner = self.session.id;
        reads::open_transactions(&mut *self.reader().await?, owner, after, limit)
            .await
            .map_err(|error| log_error(&error))
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError> {
        reads::list(&mut *self.reader().await?, filter, after, limit)
            .await
            .map_err(|error| log_error(&error))
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError> {
        let before = before_audit(after)?;
        reads::list_audit(&mut *self.reader().await?, filter, before, limit)
            .await
            .map_err(|error| log_error(&error))
    }

    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        session::purge(&self.database, self.session.id, ended_before, limit).await
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        reads::counts(&mut *self.reader().await?)
            .await
            .map_err(|error| log_error(&error))
    }

    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        session::append_audit(&self.database, self.session.id, record).await
    }

    async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        session::set_paused(&self.database, self.session.id, record, is_paused).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, LogError> {
        reads::pauses(&mut *self.reader().await?)
            .await
            .map_err(|error| log_error(&error))
    }

    async fn close(&self) {
        let mut state = self.lane.lock().await;
        if let Err(error) = session::fence_own(&self.database, self.session.id).await {
            tracing::warn!(%error, "the session could not be fenced; the next start does it");
        }
        state.stopped.get_or_insert(BatchError::Fenced);
        self.database.close().await;
    }
}

async fn commit(transaction: sqlx::Transaction<'_, Db>) -> Result<(), sqlx::Error> {
    failpoint!("log::before-commit")?;
    transaction.commit().await?;
    Ok(failpoint!("log::after-commit")?)
}

/// Nothing was committed either way; a connection that can't roll back is replaced by the next begin.
async fn roll_back(transaction: sqlx::Transaction<'_, Db>) {
    if let Err(error) = transaction.rollback().await {
        tracing::debug!(%error, "a batch that was not committed could not be rolled back");
    }
}
