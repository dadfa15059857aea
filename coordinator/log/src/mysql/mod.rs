//! The log on a MySQL or MariaDB server: the one that several coordinators share.
//!
//! Each process opens a session with a counter for each lane, and raises the lane's counter with every batch. Whoever
//! fences a session stops those counters, so a process that was replaced can't write, and an answer that was lost can be
//! asked for again. Nothing is adopted by opening: who is gone is for the coordinators to find out.
//!
//! Where next: `lane.rs` for what happens when the server fails, `batch/` for the statements, `session.rs` for the rest.

mod asking;
mod batch;
#[path = "dialect/queries.rs"]
mod dialect;
mod lane;
#[path = "../queries.rs"]
mod queries;
#[path = "../reads.rs"]
mod reads;
mod session;
mod sessions;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};
use tercet_database::mysql::{self, Options};
use tercet_database::{ErrorClass, MySqlUrl, OpenError, Schema, SchemaState, classify};
use tokio::sync::watch;

use self::asking::Asking;
use self::lane::LaneWriter;
use crate::pages::{before_audit, stored};
use crate::{
    AuditFilter, AuditRecord, BatchError, Counts, Entry, Filter, Lane, LogError, OpenPage, Page,
    PageToken, Pause, Session, SharedLog, Stored, TransactionLog, Verdict,
};

pub(crate) use tercet_database::mysql::Db;

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
    asking: Asking,
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
            asking: Asking {
                database,
                patience: options.client_timeout,
            },
            options: options.clone(),
            session,
            lanes,
            closing,
        })
    }

    /// Takes over from the process that was reached at the same endpoint before, whose address this one has now, and from
    /// every session that is fenced.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the server fails.
    pub async fn succeed(&self) -> Result<(), OpenError> {
        let taken = async {
            for before in self.sessions().await? {
                let is_other = before.id != self.session.id;
                if is_other && before.endpoint == self.session.endpoint {
                    self.fence(before.id, before.beat).await?;
                }
            }
            self.adopt_all().await
        };
        taken.await.map_err(|error: LogError| OpenError::Server {
            url: self.options.url.to_string(),
            source: sqlx::Error::Protocol(error.to_string()),
        })
    }

    /// Takes over everything that fenced sessions have left open.
    async fn adopt_all(&self) -> Result<(), LogError> {
        for before in self.sessions().await? {
            while before.id != self.session.id && self.adopt(before.id, ADOPT_PAGE).await?.has_more
            {
            }
        }
        Ok(())
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

    fn shared(&self) -> Option<&dyn SharedLog> {
        Some(self)
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
            .asking
            .read(|guard| guard.ask(async |connection| reads::read(connection, gid).await));
        stored(row.await?, gid)
    }

    async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        let owner = self.session.id;
        self.asking
            .read(|guard| {
                guard.ask(async |connection| {
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
        self.asking
            .read(|guard| {
                guard.ask(async |connection| reads::list(connection, filter, after, limit).await)
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
        self.asking
            .read(|guard| {
                guard.ask(async |connection| {
                    reads::list_audit(connection, filter, before, limit).await
                })
            })
            .await
    }

    async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        let id = self.session.id;
        self.asking
            .change(|guard| {
                guard.ask(async |connection| {
                    session::purge(connection, id, ended_before, limit).await
                })
            })
            .await?
            .ok_or_else(session::fenced)
    }

    async fn counts(&self) -> Result<Counts, LogError> {
        self.asking
            .read(|guard| guard.ask(async |connection| reads::counts(connection).await))
            .await
    }

    async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        let id = self.session.id;
        self.asking
            .change(|guard| {
                guard.ask(async |connection| session::append_audit(connection, id, record).await)
            })
            .await?
            .ok_or_else(session::fenced)
    }

    async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError> {
        record.check().map_err(LogError::Invalid)?;
        let id = self.session.id;
        self.asking
            .change(|guard| {
                guard.ask(async |connection| {
                    session::set_paused(connection, id, record, is_paused).await
                })
            })
            .await?
            .ok_or_else(session::fenced)
    }

    async fn pauses(&self) -> Result<Vec<Pause>, LogError> {
        self.asking
            .read(|guard| guard.ask(async |connection| reads::pauses(connection).await))
            .await
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        for lane in &self.lanes {
            lane.stop().await;
        }
        let id = self.session.id;
        let fenced = self
            .asking
            .change(|guard| guard.ask(async |connection| sessions::fence_own(connection, id).await))
            .await;
        if let Err(error) = fenced {
            tracing::warn!(%error, "the session could not be fenced; another one does it in time");
        }
        self.asking.database.close().await;
    }
}
