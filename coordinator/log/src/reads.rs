//! Reading an SQL database: one statement each, on a connection that whoever mounts this provides. Mounted once for each
//! database.

use tercet_core::{BranchId, Gid, ParticipantName, Timestamp, TransactionState};

use super::{Db, queries};
use crate::codec::{StoredRow, state_of_code};
use crate::pages::{cut, open_page, page, with_the_next};
use crate::{
    AuditFilter, AuditRecord, Counts, Filter, OpenPage, Page, PageToken, Pause, SessionId,
};

type Connection = <Db as sqlx::Database>::Connection;

pub(super) async fn read(
    connection: &mut Connection,
    gid: &Gid,
) -> Result<Option<StoredRow>, sqlx::Error> {
    sqlx::query_as(queries::READ)
        .bind(gid.as_str())
        .fetch_optional(connection)
        .await
}

pub(super) async fn open_transactions(
    connection: &mut Connection,
    owner: SessionId,
    after: Option<&Gid>,
    limit: usize,
) -> Result<OpenPage, sqlx::Error> {
    let rows: Vec<StoredRow> = sqlx::query_as(queries::OPEN)
        .bind(owner.0)
        .bind(after.map_or("", Gid::as_str))
        .bind(sql_limit(limit))
        .fetch_all(connection)
        .await?;
    Ok(open_page(rows, limit))
}

pub(super) async fn list(
    connection: &mut Connection,
    filter: &Filter,
    after: Option<&PageToken>,
    limit: usize,
) -> Result<Page<crate::Stored>, sqlx::Error> {
    let rows: Vec<StoredRow> = queries::list(filter, after, sql_limit(with_the_next(limit)))
        .build_query_as()
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(page(rows, limit))
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: i64,
    at: i64,
    who: String,
    action: String,
    gid: Option<String>,
    branch_id: Option<String>,
    participant: Option<String>,
    reason: String,
    state_before: String,
    state_after: String,
}

impl From<AuditRow> for AuditRecord {
    /// A name that isn't one any more is left out: the record is for people, nothing is decided by it.
    fn from(row: AuditRow) -> Self {
        Self {
            at: Timestamp::from_micros(row.at),
            who: row.who,
            action: row.action,
            gid: row.gid.and_then(|gid| Gid::parse(&gid).ok()),
            branch: row
                .branch_id
                .and_then(|branch| BranchId::parse(&branch).ok()),
            participant: row
                .participant
                .and_then(|participant| ParticipantName::parse(&participant).ok()),
            reason: row.reason,
            before: row.state_before,
            after: row.state_after,
        }
    }
}

pub(super) async fn list_audit(
    connection: &mut Connection,
    filter: &AuditFilter,
    before: i64,
    limit: usize,
) -> Result<Page<AuditRecord>, sqlx::Error> {
    let asked = sql_limit(with_the_next(limit));
    let mut rows: Vec<AuditRow> = queries::list_audit(filter, before, asked)
        .build_query_as()
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let next = cut(&mut rows, limit).map(|row| PageToken {
        at: Timestamp::from_micros(row.at),
        key: row.id.to_string(),
    });
    Ok(Page {
        items: rows.into_iter().map(AuditRecord::from).collect(),
        damaged: Vec::new(),
        next,
    })
}

pub(super) async fn counts(connection: &mut Connection) -> Result<Counts, sqlx::Error> {
    let rows: Vec<(i64, i64, i64, i64, i64)> = sqlx::query_as(queries::COUNTS)
        .fetch_all(connection)
        .await?;
    let number = |count| u64::try_from(count).unwrap_or(0);
    let mut counts = Counts::default();
    for (state, open, attention, parked, oldest) in rows {
        match state_of_code(state) {
            Some(TransactionState::Trying) => counts.trying = number(open),
            Some(TransactionState::Confirming) => counts.confirming = number(open),
            Some(TransactionState::Cancelling) => counts.cancelling = number(open),
            _ => {}
        }
        counts.attention += number(attention);
        counts.parked += number(parked);
        let oldest = Timestamp::from_micros(oldest);
        counts.oldest_begun_at = Some(
            counts
                .oldest_begun_at
                .map_or(oldest, |other: Timestamp| other.min(oldest)),
        );
    }
    Ok(counts)
}

/// Pauses a participant or lets it go on, inside the SQL transaction that records it; says whether it was paused before.
pub(super) async fn set_paused(
    connection: &mut Connection,
    pause: &Pause,
    is_paused: bool,
) -> Result<bool, sqlx::Error> {
    let participant = pause.participant.as_str();
    if !is_paused {
        let deleted = sqlx::query(queries::RESUME)
            .bind(participant)
            .execute(connection)
            .await?;
        return Ok(deleted.rows_affected() > 0);
    }
    let done = sqlx::query(queries::PAUSE)
        .bind(participant)
        .bind(pause.since.as_micros())
        .bind(&pause.who)
        .bind(&pause.reason)
        .execute(connection)
        .await;
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(true),
        done => done.map(|_| false),
    }
}

/// A name that isn't one any more is left out: nothing could be called by it.
pub(super) async fn pauses(connection: &mut Connection) -> Result<Vec<Pause>, sqlx::Error> {
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(queries::PAUSES)
        .fetch_all(connection)
        .await?;
    let pauses = rows
        .into_iter()
        .filter_map(|(participant, since, who, reason)| {
            Some(Pause {
                participant: ParticipantName::parse(&participant).ok()?,
                since: Timestamp::from_micros(since),
                who,
                reason,
            })
        });
    Ok(pauses.collect())
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
