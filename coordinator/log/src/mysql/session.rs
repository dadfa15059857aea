//! Sessions on a server, and the rare writes beside the appends.

use sqlx::{Connection as _, MySqlConnection};
use tercet_core::Timestamp;
use tercet_database::mysql::Database;
use tercet_database::{ErrorClass, classify};
use tercet_failpoints::failpoint;

use super::{batch, dialect, queries, reads};
use crate::{AuditRecord, LogError, Pause, Session, SessionId};

/// The most transactions that one step of a purge deletes: each has a placeholder of its own, and the rows are locked
/// until it is done.
const PURGE_MAX: usize = 500;
/// Random bits of a session's number. With the seconds before them it stays below 2^53, which JSON can show.
const RANDOM_BITS: u32 = 21;
/// How often a session is opened whose number is taken, or that others are in the way of.
const OPEN_TRIES_MAX: u32 = 10;
/// The duty of deleting what has ended.
const PURGE: &str = "purge";

/// Opens a session with a row for each lane, and touches nothing else.
pub(super) async fn open(
    database: &Database,
    endpoint: String,
    lanes: u16,
    opened_at: Timestamp,
) -> Result<Session, sqlx::Error> {
    let mut tries = 1;
    loop {
        match insert(database, &endpoint, lanes, opened_at).await {
            Ok(id) => {
                tracing::info!(session = id, lanes, "log opened");
                return Ok(Session {
                    id: SessionId(id),
                    endpoint,
                });
            }
            // A session whose commit was lost has no process; it is fenced like one that has died.
            Err(error)
                if tries < OPEN_TRIES_MAX
                    && (classify(&error) == ErrorClass::UniqueViolation
                        || classify(&error).is_retryable()) =>
            {
                tracing::debug!(%error, "a session is opened again");
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// A number that no session has or had, also where the database was restored from a backup: seconds and random bits. Later
/// sessions have higher ones, for people.
fn number(opened_at: Timestamp) -> i64 {
    let seconds = (opened_at.as_micros() / 1_000_000).clamp(0, i64::from(u32::MAX));
    let random = uuid::Uuid::now_v7().as_u128() & ((1 << RANDOM_BITS) - 1);
    (seconds << RANDOM_BITS) | i64::try_from(random).unwrap_or(0)
}

async fn insert(
    database: &Database,
    endpoint: &str,
    lanes: u16,
    opened_at: Timestamp,
) -> Result<i64, sqlx::Error> {
    let mut transaction = database.begin().await?;
    let last: i64 = sqlx::query_scalar(dialect::LAST_SESSION)
        .fetch_one(&mut *transaction)
        .await?;
    let id = number(opened_at).max(last + 1);
    sqlx::query(dialect::INSERT_SESSION)
        .bind(id)
        .bind(endpoint)
        .bind(opened_at.as_micros())
        .execute(&mut *transaction)
        .await?;
    for lane in 0..lanes {
        sqlx::query(dialect::INSERT_LANE)
            .bind(id)
            .bind(lane)
            .execute(&mut *transaction)
            .await?;
    }
    failpoint!("open::before-commit")?;
    transaction.commit().await?;
    failpoint!("open::after-commit")?;
    Ok(id)
}

pub(super) fn fenced() -> LogError {
    LogError::Failed("this session is fenced".to_owned())
}

/// Whether the session may still write; asked inside the SQL transaction that writes.
async fn holds(connection: &mut MySqlConnection, session: SessionId) -> Result<bool, sqlx::Error> {
    let holding: i64 = sqlx::query_scalar(dialect::HOLDS)
        .bind(session.0)
        .fetch_one(connection)
        .await?;
    Ok(holding == 1)
}

/// None when the session is fenced.
pub(super) async fn append_audit(
    connection: &mut MySqlConnection,
    session: SessionId,
    record: &AuditRecord,
) -> Result<Option<()>, sqlx::Error> {
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    if !holds(&mut transaction, session).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    batch::insert_audit(&mut transaction, &[record]).await?;
    transaction.commit().await?;
    Ok(Some(()))
}

/// None when the session is fenced.
pub(super) async fn set_paused(
    connection: &mut MySqlConnection,
    session: SessionId,
    record: &AuditRecord,
    is_paused: bool,
) -> Result<Option<()>, sqlx::Error> {
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    if !holds(&mut transaction, session).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    let record = match Pause::from_record(record) {
        Some(pause) => {
            let was_paused = reads::set_paused(&mut transaction, &pause, is_paused).await?;
            record.of_pausing(was_paused, is_paused)
        }
        None => record.clone(),
    };
    batch::insert_audit(&mut transaction, &[&record]).await?;
    transaction.commit().await?;
    Ok(Some(()))
}

/// One step of the purge, if it is this session's duty; else nothing is left to do for it. None when the session is fenced.
pub(super) async fn purge(
    connection: &mut MySqlConnection,
    session: SessionId,
    ended_before: Timestamp,
    limit: usize,
) -> Result<Option<usize>, sqlx::Error> {
    let limit = i64::try_from(limit.min(PURGE_MAX)).unwrap_or(i64::MAX);
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    if !holds(&mut transaction, session).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    if !has_duty(&mut transaction, session).await? {
        transaction.rollback().await?;
        return Ok(Some(0));
    }
    let gids: Vec<String> = sqlx::query_scalar(queries::ENDED)
        .bind(ended_before.as_micros())
        .bind(limit)
        .fetch_all(&mut *transaction)
        .await?;
    if !gids.is_empty() {
        for table in [queries::Purged::Labels, queries::Purged::Transactions] {
            queries::delete(table, &gids)
                .build()
                .persistent(false)
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await?;
    Ok(Some(gids.len()))
}

/// Whether the purge is this session's: it has it already, or the one that had it is fenced or gone. Others don't wait.
async fn has_duty(
    connection: &mut MySqlConnection,
    session: SessionId,
) -> Result<bool, sqlx::Error> {
    let owner: Option<i64> = sqlx::query_scalar(dialect::READ_DUTY)
        .bind(PURGE)
        .fetch_optional(&mut *connection)
        .await?;
    if owner.is_none() {
        sqlx::query(dialect::FIRST_DUTY)
            .bind(PURGE)
            .bind(session.0)
            .execute(&mut *connection)
            .await?;
        return Ok(true);
    }
    let taken = sqlx::query(dialect::TAKE_DUTY)
        .bind(session.0)
        .bind(PURGE)
        .bind(session.0)
        .execute(&mut *connection)
        .await?;
    Ok(taken.rows_affected() == 1)
}
