//! Sessions on an SQLite file, and the rare writes beside the appends.

use tercet_core::Timestamp;
use tercet_database::sqlite::Database;
use tercet_failpoints::failpoint;

use super::{batch, dialect, log_error, queries, reads};
use crate::{AuditRecord, LogError, Pause, Session, SessionId};

/// The most transactions that one step of a purge deletes: each has a placeholder of its own.
const PURGE_MAX: usize = 1_000;

/// Opens a session: fences all others and takes over what they have left open. All of it or nothing, at once.
pub(super) async fn open(
    database: &Database,
    endpoint: String,
    opened_at: Timestamp,
) -> Result<Session, sqlx::Error> {
    let mut transaction = database.begin().await?;
    let last: i64 = sqlx::query_scalar(dialect::LAST_SESSION)
        .fetch_one(&mut *transaction)
        .await?;
    let id = last + 1;
    sqlx::query(dialect::INSERT_SESSION)
        .bind(id)
        .bind(0_i64)
        .bind(&endpoint)
        .bind(opened_at.as_micros())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(dialect::FENCE_OTHERS)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    let adopted = sqlx::query(dialect::ADOPT)
        .bind(id)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    sqlx::query(dialect::FORGET_SESSIONS)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    failpoint!("open::before-commit")?;
    transaction.commit().await?;
    failpoint!("open::after-commit")?;
    tracing::info!(session = id, adopted, "log opened");
    Ok(Session {
        id: SessionId(id),
        endpoint,
    })
}

pub(super) async fn fence_own(database: &Database, session: SessionId) -> Result<(), sqlx::Error> {
    sqlx::query(dialect::FENCE_OWN)
        .bind(session.0)
        .execute(database.writer())
        .await?;
    Ok(())
}

/// Whether the session may still write; asked inside the SQL transaction that writes.
async fn holds(
    transaction: &mut sqlx::Transaction<'_, super::Db>,
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
        Err(LogError::Failed("this session is fenced".to_owned()))
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

pub(super) async fn set_paused(
    database: &Database,
    session: SessionId,
    record: &AuditRecord,
    is_paused: bool,
) -> Result<(), LogError> {
    let mut transaction = database.begin().await.map_err(|error| log_error(&error))?;
    holds(&mut transaction, session).await?;
    let changed = async {
        let record = match Pause::from_record(record) {
            Some(pause) => {
                let was_paused = reads::set_paused(&mut transaction, &pause, is_paused).await?;
                record.of_pausing(was_paused, is_paused)
            }
            None => record.clone(),
        };
        batch::insert_audit(&mut transaction, &[&record]).await?;
        transaction.commit().await
    };
    changed.await.map_err(|error| log_error(&error))
}

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
