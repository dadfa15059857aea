//! Sessions on a server, and the rare writes beside the appends.

use tercet_core::Timestamp;
use tercet_database::mysql::Database;
use tercet_database::{ErrorClass, classify};

use super::{Db, batch, dialect, log_error, queries};
use crate::{AuditRecord, LogError, Session, SessionId};

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
    transaction.commit().await?;
    Ok(id)
}

pub(super) async fn fence(database: &Database, session: SessionId) -> Result<(), LogError> {
    let fencing = async {
        let mut transaction = database.begin().await?;
        for statement in [dialect::FENCE_SESSION, dialect::FENCE_LANES] {
            sqlx::query(statement)
                .bind(session.0)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    };
    fencing.await.map_err(|error| log_error(&error))
}

/// Sessions that may still write, but for this one.
pub(super) async fn others(
    database: &Database,
    session: SessionId,
) -> Result<Vec<SessionId>, LogError> {
    let others: Vec<i64> = sqlx::query_scalar(dialect::OTHER_SESSIONS)
        .bind(session.0)
        .fetch_all(database.writer())
        .await
        .map_err(|error| log_error(&error))?;
    Ok(others.into_iter().map(SessionId).collect())
}

/// Sessions of the same endpoint: processes that have ended, since this one has their address.
pub(super) async fn at_endpoint(
    database: &Database,
    session: &Session,
) -> Result<Vec<SessionId>, LogError> {
    let before: Vec<i64> = sqlx::query_scalar(dialect::SESSIONS_AT_ENDPOINT)
        .bind(session.id.0)
        .bind(&session.endpoint)
        .fetch_all(database.writer())
        .await
        .map_err(|error| log_error(&error))?;
    Ok(before.into_iter().map(SessionId).collect())
}

/// Takes over what one of the fenced sessions has left open: the owner first, everything else afterwards.
pub(super) async fn adopt(
    database: &Database,
    session: SessionId,
    limit: usize,
) -> Result<Vec<String>, LogError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let fenced: Vec<i64> = sqlx::query_scalar(dialect::FENCED_SESSIONS)
        .bind(session.0)
        .fetch_all(database.writer())
        .await
        .map_err(|error| log_error(&error))?;
    for from in fenced {
        let mut transaction = database.begin().await.map_err(|error| log_error(&error))?;
        let raised = sqlx::query(dialect::RAISE_ADOPTED)
            .bind(session.0)
            .execute(&mut *transaction)
            .await
            .map_err(|error| log_error(&error))?;
        if raised.rows_affected() != 1 {
            return Err(fenced_error());
        }
        let adopting = async {
            let gids: Vec<String> = sqlx::query_scalar(dialect::ORPHANS)
                .bind(from)
                .bind(limit)
                .fetch_all(&mut *transaction)
                .await?;
            if gids.is_empty() {
                transaction.rollback().await?;
                return Ok(gids);
            }
            dialect::adopt(session.0, from, &gids)
                .build()
                .persistent(false)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(gids)
        };
        let adopted = adopting
            .await
            .map_err(|error: sqlx::Error| log_error(&error))?;
        if !adopted.is_empty() {
            return Ok(adopted);
        }
    }
    Ok(Vec::new())
}

fn fenced_error() -> LogError {
    LogError::Failed("this session is fenced".to_owned())
}

/// Whether the session may still write; asked inside the SQL transaction that writes.
async fn holds(
    transaction: &mut sqlx::Transaction<'_, Db>,
    session: SessionId,
) -> Result<(), LogError> {
    let holding: i64 = sqlx::query_scalar(dialect::HOLDS)
        .bind(session.0)
        .fetch_one(&mut **transaction)
        .await
        .map_err(|error| log_error(&error))?;
    if holding == 1 {
        Ok(())
    } else {
        Err(fenced_error())
    }
}

pub(super) async fn append_audit(
    database: &Database,
    session: SessionId,
    record: &AuditRecord,
) -> Result<(), LogError> {
    let mut transaction = database.begin().await.map_err(|error| log_error(&error))?;
    holds(&mut transaction, session).await?;
    let written = batch::insert_audit(&mut transaction, &[record]).await;
    written.map_err(|error| log_error(&error))?;
    transaction
        .commit()
        .await
        .map_err(|error| log_error(&error))
}

/// One step of the purge, if it is this session's duty; else nothing is left to do for it.
pub(super) async fn purge(
    database: &Database,
    session: SessionId,
    ended_before: Timestamp,
    limit: usize,
) -> Result<usize, LogError> {
    let limit = i64::try_from(limit.min(PURGE_MAX)).unwrap_or(i64::MAX);
    let mut transaction = database.begin().await.map_err(|error| log_error(&error))?;
    holds(&mut transaction, session).await?;
    let deleted = async {
        if !has_duty(&mut transaction, session).await? {
            transaction.rollback().await?;
            return Ok(0);
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
        Ok(gids.len())
    };
    deleted
        .await
        .map_err(|error: sqlx::Error| log_error(&error))
}

/// Whether the purge is this session's: it has it already, or the one that had it is fenced or gone. Others don't wait.
async fn has_duty(
    transaction: &mut sqlx::Transaction<'_, Db>,
    session: SessionId,
) -> Result<bool, sqlx::Error> {
    let owner: Option<i64> = sqlx::query_scalar(dialect::READ_DUTY)
        .bind(PURGE)
        .fetch_optional(&mut **transaction)
        .await?;
    if owner.is_none() {
        sqlx::query(dialect::FIRST_DUTY)
            .bind(PURGE)
            .bind(session.0)
            .execute(&mut **transaction)
            .await?;
        return Ok(true);
    }
    let taken = sqlx::query(dialect::TAKE_DUTY)
        .bind(session.0)
        .bind(PURGE)
        .bind(session.0)
        .execute(&mut **transaction)
        .await?;
    Ok(taken.rows_affected() == 1)
}
