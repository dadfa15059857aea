//! The log on a MySQL or MariaDB server: the one that several coordinators share.
//!
//! Each process opens a session with a counter for each lane, and raises the lane's counter with every batch. Whoever
//! fences a session stops those counters, so a process that was replaced can't write, and an answer that was lost can be
//! asked for again. Nothing is adopted by opening: who is gone is for the coordinators to find out.
//!
//! Where next: `lane.rs` for what happens when the server fails, `batch/` for the statements, `session.rs` for the rest.

mod batch;
#[path = "dialect/queries.rs"]
mod dialect;
mod lane;
#[path = "../queries.rs"]
mod queries;
#[path = "../reads.rs"]
mod reads;
mod session;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use sqlx::MySqlConnection;
use sqlx::pool::PoolConnection;
use tercet_core::{Gid, Timestamp};
use tercet_database::mysql::{self, Database, Options};
use tercet_database::{ErrorClass, MySqlUrl, OpenError, Schema, SchemaState, classify};
use tokio::sync::watch;
use tokio::time::timeout;

use self::lane::LaneWriter;
use crate::pages::{before_audit, stored};
use crate::{
    AuditFilter, AuditRecord, BatchError, Counts, Entry, Filter, Lane, LogError, OpenPage, Page,
    PageToken, Session, SessionId, Stored, TransactionLog, Verdict,
};

pub(crate) use tercet_database::mysql::Db;

/// How often a statement beside the batches is tried that fails for a passing reason.
const TRIES_MAX: u32 = 3;

/// Transactions that are adopted in one step.
const ADOPT_PAGE: usize = 500;

/// The tables of the log.
pub fn schema() -> Schema {
    Schema {
        name: "coordinator",
        migrator: sqlx::migrate!("../../migrations/coordinator/mysql"),
        readable_from: 1,
    }
}

/// Creates or upgrades the tables in the database at `url`; safe to run twice, and from several machines at once.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn migrate(url: &MySqlUrl) -> Result<SchemaState, OpenError> {
    mysql::migrate(&schema(), url).await
}

/// A session on a server.
pub struct MySqlStore {
    database: Database,
    options: Options,
    session: Session,
    lanes: Vec<LaneWriter>,
    closing: watch::Sender<bool>,
}

impl core::fmt::Debug for MySqlStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MySqlStore")
            .field("url", &self.options.url)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl MySqlStore {
    /// Opens a session for the process that others reach at `endpoint`, with that many lanes (at least 1): creates the
    /// tables of an empty database. Other sessions are left as they are. `opened_at` makes the session's number unlike
    /// any other, also after a restore from backup; nothing is decided by it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] in one line for people: the server can't be reached, or has other tables than this version works
    /// with.
    pub async fn open(
        options: &Options,
        lanes: u16,
        endpoint: impl Into<String>,
        opened_at: Timestamp,
    ) -> Result<Self, OpenError> {
        let database = mysql::open_with(&schema(), options).await?;
        let lanes = lanes.max(1);
        let opened = session::open(&database, endpoint.into(), lanes, opened_at).await;
        let session = match opened {
            Ok(session) => session,
            Err(source) => {
                database.close().await;
                return Err(OpenError::Server {
                    url: options.url.to_string(),
                    source,
                });
            }
        };
        let (closing, closes) = watch::channel(false);
        let lanes = (0..lanes)
            .map(|lane| LaneWriter::new(session.id, Lane(lane), options.clone(), closes.clone()))
            .collect();
        Ok(Self {
            database,
            options: options.clone(),
            session,
            lanes,
            closing,
        })
    }

    /// Fences a session: its batch under way is waited for, and none can follow.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when it may be tried again; fencing twice is harmless.
    pub async fn fence(&self, session: SessionId) -> Result<(), LogError> {
        patiently(|| session::fence(&self.database, session)).await
    }

    /// Takes over from the process that was reached at the same endpoint before, and from every session that is fenced.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the server fails.
    pub async fn succeed(&self) -> Result<(), OpenError> {
        let taken = async {
            for before in session::at_endpoint(&self.database, &self.session).await? {
                self.fence(before).await?;
            }
            while !self.adopt(ADOPT_PAGE).await?.is_empty() {}
            Ok(())
        };
        taken.await.map_err(|error: LogError| OpenError::Server {
            url: self.options.url.to_string(),
            source: sqlx::Error::Protocol(error.to_string()),
        })
    }

    /// Fences every session but this one, for a log that nobody else may be writing.
    ///
    /// # Errors
    ///
    /// As [`MySqlStore::fence`].
    pub async fn fence_others(&self) -> Result<(), LogError> {
        for other in session::others(&self.database, self.session.id).await? {
            self.fence(other).await?;
        }
        Ok(())
    }

    /// Takes over open transactions of fenced sessions, at most `limit`, and gives their gids; none when nothing is left.
    ///
    /// # Errors
    ///
    /// [`LogError::Failed`] when this session is fenced itself.
    pub async fn adopt(&self, limit: usize) -> Result<Vec<String>, LogError> {
        patiently(|| session::adopt(&self.database, self.session.id, limit)).await
    }

    /// Runs a read on a connection of its own. One whose connection breaks is run again; one that gets no answer gives
    /// its connection up, so that a server that is gone doesn't keep all of them.
    async fn reading<T, F>(&self, read: impl Fn(Reader) -> F) -> Result<T, LogError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut tries = 1;
        loop {
            let acquired = self.database.reader().acquire().await;
            let reader = Reader(Some(acquired.map_err(|error| log_error(&error))?));
            match timeout(self.options.client_timeout, read(reader)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) if classify(&error).is_retryable() && tries < TRIES_MAX => {
                    tracing::debug!(%error, "reading the log again");
                    tries += 1;
                }
                Ok(Err(error)) => return Err(log_error(&error)),
                Err(_) => {
                    return Err(LogError::Unavailable(
                        "the database doesn't answer".to_owned(),
                    ));
                }
            }
        }
    }
}

/// A connection for one read. Dropped before it has answered, it is closed.
struct Reader(Option<PoolConnection<Db>>);

impl Reader {
    /// Asks with it, and gives it back for the next one if that went well.
    async fn ask<T>(
        mut self,
        read: impl AsyncFnOnce(&mut MySqlConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Some(connection) = self.0.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        let answer = read(connection).await?;
        drop(self.0.take());
        Ok(answer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Runs again what fails for a passing reason: each of these is harmless to repeat.
async fn patiently<T, F>(run: impl Fn() -> F) -> Result<T, LogError>
where
    F: Future<Output = Result<T, LogError>>,
{
    let mut tries = 1;
    loop {
        match run().await {
            Err(error) if error.is_retryable() && tries < TRIES_MAX => {
                tracing::debug!(%error, "a change beside the batches is tried again");
                tries += 1;
            }
            answer => return answer,
        }
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

/// What an error of anything but an append means. All of that may be done again. A server that takes no writes is one
/// that is being taken over from.
fn log_error(error: &sqlx::Error) -> LogError {
    match classify(error) {
        ErrorClass::UniqueViolation | ErrorClass::Constraint | ErrorClass::TooLarge => {
            LogError::Invalid(error.to_string())
        }
        ErrorClass::Other | ErrorClass::Closed => LogError::Failed(error.to_string()),
        ErrorClass::Busy
        | ErrorClass::Unavailable
        | ErrorClass::DiskFull
        | ErrorClass::ReadOnly
        | ErrorClass::Io
        | ErrorClass::ConnectionLost
        | ErrorClass::PoolTimedOut => LogError::Unavailable(error.to_string()),
    }
}

#[async_trait]
impl TransactionLog for MySqlStore {
    fn session(&self) -> &Session {
        &self.session
    }

    fn lanes(&self) -> u16 {
        u16::try_from(self.lanes.len()).unwrap_or(u16::MAX)
    }

    async fn write(&self, lane: Lane, batch: &[Entry]) -> Result<Vec<Verdict>, BatchError> {
        match self.lanes.get(usize::from(lane.0)) {
            Some(writer) => writer.write(batch).await,
            None => Err(BatchError::Unavailable(format!(
                "there is no lane {}",
                lane.0
            ))),
        }
    }

    async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        let row = self
            .reading(|reader| reader.ask(async |connection| reads::read(connection, gid).await));
        stored(row.await?, gid)
    }

    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        let owner = self.session.id;
        self.reading(|reader| {
            reader.ask(async |connection| {
                reads::open_transactions(connection, owner, after, limit).await
            })
        })
        .await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError> {
        self.reading(|reader| {
            reader.ask(async |connection| reads::list(connection, filter, after, limit).await)
        })
        .await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError> {
        let before = before_audit(after)?;
        self.reading(|reader| {
            reader
                .ask(async |connection| reads::list_audit(connection, filter, before, limit).await)
        })
        .await
    }

    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        session::purge(&self.database, self.session.id, ended_before, limit).await
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        self.reading(|reader| reader.ask(async |connection| reads::counts(connection).await))
            .await
    }

    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        session::append_audit(&self.database, self.session.id, record).await
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        for lane in &self.lanes {
            lane.stop().await;
        }
        if let Err(error) = self.fence(self.session.id).await {
            tracing::warn!(%error, "the session could not be fenced; another one does it in time");
        }
        self.database.close().await;
    }
}
