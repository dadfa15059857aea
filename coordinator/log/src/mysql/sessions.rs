//! What sessions do with each other: beats, fencing, adoption.
//!
//! Every statement that gives this session something begins by changing this session's own row on the condition that it
//! isn't fenced, so that whoever fences it meets that change, on a cluster too. Whoever is fenced can't come to own
//! anything afterwards.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{Connection as _, MySqlConnection};
use tercet_core::{Gid, Timestamp};
use tercet_failpoints::failpoint;

use super::session::fenced;
use super::{MySqlStore, dialect, queries};
use crate::codec::StoredRow;
use crate::pages::{open_page, stored};
use crate::{
    Adopted, Beat, Beaten, Fencing, LogError, Owner, SessionId, SessionState, SharedLog, Stored,
};

/// The most transactions that are adopted in one step: their rows are locked until it is done.
const ADOPT_MAX: usize = 500;
/// Where another survivor was faster, the next page is looked for up to so many pages further on.
const PAGES_AHEAD: i64 = 8;

/// What a change was answered that only an unfenced session may make.
type Allowed<T> = Result<Option<T>, sqlx::Error>;

#[async_trait]
impl SharedLog for MySqlStore {
    async fn raise_beat(&self) -> Result<Beaten, LogError> {
        let id = self.session.id.0;
        self.asking
            .change(|guard| guard.ask(async |connection| raise_beat(connection, id).await))
            .await
    }

    async fn sessions(&self) -> Result<Vec<SessionState>, LogError> {
        let rows: Vec<(i64, String, i64, i64, bool)> = self
            .asking
            .read(|guard| {
                guard.ask(async |connection| {
                    sqlx::query_as(dialect::SESSIONS)
                        .fetch_all(connection)
                        .await
                })
            })
            .await?;
        let state = |(id, endpoint, opened_at, beat, is_fenced)| SessionState {
            id: SessionId(id),
            endpoint,
            opened_at: Timestamp::from_micros(opened_at),
            beat: Beat(beat),
            is_fenced,
        };
        Ok(rows.into_iter().map(state).collect())
    }

    async fn open_counts(&self) -> Result<BTreeMap<SessionId, u64>, LogError> {
        let rows: Vec<(i64, i64)> = self
            .asking
            .read(|guard| {
                guard.ask(async |connection| {
                    sqlx::query_as(dialect::OPEN_COUNTS)
                        .fetch_all(connection)
                        .await
                })
            })
            .await?;
        let count = |(owner, open)| (SessionId(owner), u64::try_from(open).unwrap_or(0));
        Ok(rows.into_iter().map(count).collect())
    }

    async fn fence(&self, session: SessionId, seen: Beat) -> Result<Fencing, LogError> {
        self.asking
            .change(|guard| guard.ask(async |connection| fence(connection, session, seen).await))
            .await
    }

    async fn adopt(&self, from: SessionId, limit: usize) -> Result<Adopted, LogError> {
        let (to, limit) = (self.session.id, limit.clamp(1, ADOPT_MAX));
        let is_first = AtomicBool::new(true);
        let page = || {
            self.asking.change(|guard| {
                // Whoever lost a page to somebody else looks further on, each survivor somewhere else.
                let ahead = if is_first.swap(false, Ordering::Relaxed) {
                    0
                } else {
                    1 + i64::from(uuid::Uuid::now_v7().as_bytes()[15]) % PAGES_AHEAD
                };
                guard.ask(async move |connection| {
                    let page = adopt(connection, to, from, limit, ahead).await?;
                    Ok(page.map(|(rows, hinted)| (rows, hinted, ahead)))
                })
            })
        };
        let (rows, hinted, ahead) = page().await?.ok_or_else(fenced)?;
        if !rows.is_empty() || hinted == 0 {
            return Ok(adopted(rows, hinted == limit || ahead > 0));
        }
        let (rows, ..) = page().await?.ok_or_else(fenced)?;
        Ok(adopted(rows, true))
    }

    async fn adopt_one(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        let to = self.session.id;
        let row = self
            .asking
            .change(|guard| guard.ask(async |connection| adopt_one(connection, to, gid).await))
            .await?
            .ok_or_else(fenced)?;
        stored(row, gid)
    }

    async fn owner(&self, gid: &Gid) -> Result<Option<Owner>, LogError> {
        let row: Option<(i64, Option<String>, Option<bool>)> = self
            .asking
            .read(|guard| {
                guard.ask(async |connection| {
                    sqlx::query_as(dialect::OWNER)
                        .bind(gid.as_str())
                        .fetch_optional(connection)
                        .await
                })
            })
            .await?;
        Ok(row.map(|(session, endpoint, is_fenced)| Owner {
            session: SessionId(session),
            endpoint: endpoint.unwrap_or_default(),
            is_fenced: is_fenced.unwrap_or(true),
        }))
    }

    async fn forget_sessions(&self) -> Result<usize, LogError> {
        let own = self.session.id;
        self.asking
            .change(|guard| guard.ask(async |connection| forget(connection, own).await))
            .await
    }
}

fn adopted(mut rows: Vec<StoredRow>, has_more: bool) -> Adopted {
    rows.sort_by(|one, other| one.gid.cmp(&other.gid));
    let limit = rows.len();
    let page = open_page(rows, limit);
    Adopted {
        transactions: page.transactions,
        damaged: page.damaged,
        has_more,
    }
}

async fn raise_beat(connection: &mut MySqlConnection, id: i64) -> Result<Beaten, sqlx::Error> {
    failpoint!("beat::before")?;
    let raised = sqlx::query(dialect::RAISE_BEAT)
        .bind(id)
        .execute(connection)
        .await?;
    failpoint!("beat::after")?;
    Ok(if raised.rows_affected() == 1 {
        Beaten::Raised(Beat(
            i64::try_from(raised.last_insert_id()).unwrap_or(i64::MAX),
        ))
    } else {
        Beaten::Fenced
    })
}

async fn fence(
    connection: &mut MySqlConnection,
    session: SessionId,
    seen: Beat,
) -> Result<Fencing, sqlx::Error> {
    failpoint!("fencing::before")?;
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    let matched = sqlx::query(dialect::FENCE_SESSION)
        .bind(session.0)
        .bind(seen.0)
        .execute(&mut *transaction)
        .await?;
    if matched.rows_affected() == 0 {
        let beat: Option<i64> = sqlx::query_scalar(dialect::BEAT)
            .bind(session.0)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        return Ok(beat.map_or(Fencing::Fenced, |beat| Fencing::Alive(Beat(beat))));
    }
    sqlx::query(dialect::FENCE_LANES)
        .bind(session.0)
        .execute(&mut *transaction)
        .await?;
    failpoint!("fencing::before-commit")?;
    transaction.commit().await?;
    failpoint!("fencing::after-commit")?;
    Ok(Fencing::Fenced)
}

/// Ends this session, however often it has raised its beat.
pub(super) async fn fence_own(
    connection: &mut MySqlConnection,
    session: SessionId,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    for statement in [dialect::FENCE_OWN, dialect::FENCE_LANES] {
        sqlx::query(statement)
            .bind(session.0)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// False when this session is fenced; then nothing may follow.
async fn may_adopt(connection: &mut MySqlConnection, to: SessionId) -> Result<bool, sqlx::Error> {
    let raised = sqlx::query(dialect::RAISE_ADOPTED)
        .bind(to.0)
        .execute(connection)
        .await?;
    Ok(raised.rows_affected() == 1)
}

/// One page, that many pages behind the first; and how many transactions it was going to have.
async fn adopt(
    connection: &mut MySqlConnection,
    to: SessionId,
    from: SessionId,
    limit: usize,
    ahead: i64,
) -> Allowed<(Vec<StoredRow>, usize)> {
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    if !may_adopt(&mut transaction, to).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    let is_fenced: Option<bool> = sqlx::query_scalar(dialect::IS_FENCED)
        .bind(from.0)
        .fetch_optional(&mut *transaction)
        .await?;
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let gids: Vec<String> = sqlx::query_scalar(dialect::LEFT_OPEN)
        .bind(from.0)
        .bind(rows)
        .bind(ahead.saturating_mul(rows))
        .fetch_all(&mut *transaction)
        .await?;
    // A session that isn't there any more is fenced.
    if gids.is_empty() || is_fenced == Some(false) {
        transaction.rollback().await?;
        return Ok(Some((Vec::new(), 0)));
    }
    failpoint!("adopting::before")?;
    dialect::adopt(to.0, from.0, &gids)
        .build()
        .persistent(false)
        .execute(&mut *transaction)
        .await?;
    let mut rows: Vec<StoredRow> = queries::read_many(gids.iter().map(String::as_str))
        .build_query_as()
        .persistent(false)
        .fetch_all(&mut *transaction)
        .await?;
    failpoint!("adopting::before-commit")?;
    transaction.commit().await?;
    failpoint!("adopting::after-commit")?;
    rows.retain(|row| row.owner == to.0);
    Ok(Some((rows, gids.len())))
}

async fn adopt_one(
    connection: &mut MySqlConnection,
    to: SessionId,
    gid: &Gid,
) -> Allowed<Option<StoredRow>> {
    let mut transaction = connection.begin_with(dialect::BEGIN).await?;
    if !may_adopt(&mut transaction, to).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    let given = sqlx::query(dialect::ADOPT_ONE)
        .bind(to.0)
        .bind(gid.as_str())
        .execute(&mut *transaction)
        .await?;
    if given.rows_affected() == 0 {
        transaction.rollback().await?;
        return Ok(Some(None));
    }
    let row = sqlx::query_as(queries::READ)
        .bind(gid.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Some(row))
}

async fn forget(connection: &mut MySqlConnection, own: SessionId) -> Result<usize, sqlx::Error> {
    let fenced: Vec<i64> = sqlx::query_scalar(dialect::FENCED_SESSIONS)
        .bind(own.0)
        .fetch_all(&mut *connection)
        .await?;
    let mut forgotten = 0;
    for session in fenced {
        let mut transaction = connection.begin_with(dialect::BEGIN).await?;
        let deleted = sqlx::query(dialect::FORGET_SESSION)
            .bind(session)
            .execute(&mut *transaction)
            .await?;
        if deleted.rows_affected() == 1 {
            sqlx::query(dialect::FORGET_LANES)
                .bind(session)
                .execute(&mut *transaction)
                .await?;
            forgotten += 1;
        }
        transaction.commit().await?;
    }
    Ok(forgotten)
}
