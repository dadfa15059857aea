//! The outbox's SQL, written once for every database: mounted by `sqlite/mod.rs` and `mysql/mod.rs` with `super::Db`.
//! `?` placeholders, no RETURNING, no upsert.
//!
//! `state = 1` is written out, not bound, so that SQLite can use its partial index.

use sqlx::QueryBuilder;

use super::Db;
use crate::outbox::{Backlog, MessageRow, MessageState, NewMessage, OutboxDb, Outcome, SEGMENTS};

type Connection = <Db as sqlx::Database>::Connection;

const COLUMNS: &str = "select gid, state, participant, action, payload, attempts, last_error, created_at, changed_at \
                       from tercet_outbox";
const BACKLOG_MAX: i64 = 10_000;
/// As much of an error as the column holds.
const ERROR_CHARS_MAX: usize = 500;

/// A row as the database gives it, before anybody has checked it.
#[derive(sqlx::FromRow)]
struct StoredRow {
    gid: String,
    state: i64,
    participant: String,
    action: String,
    payload: Vec<u8>,
    attempts: i64,
    last_error: String,
    created_at: i64,
    changed_at: i64,
}

impl TryFrom<StoredRow> for MessageRow {
    type Error = sqlx::Error;

    fn try_from(row: StoredRow) -> Result<Self, sqlx::Error> {
        let state = MessageState::from_code(row.state)
            .ok_or_else(|| sqlx::Error::Decode(format!("message state {}", row.state).into()))?;
        let attempts = u32::try_from(row.attempts)
            .map_err(|_| sqlx::Error::Decode(format!("{} attempts", row.attempts).into()))?;
        Ok(Self {
            gid: row.gid,
            state,
            participant: row.participant,
            action: row.action,
            payload: row.payload.into(),
            attempts,
            last_error: row.last_error,
            created_at: row.created_at,
            changed_at: row.changed_at,
        })
    }
}

fn checked(rows: Vec<StoredRow>) -> sqlx::Result<Vec<MessageRow>> {
    rows.into_iter().map(MessageRow::try_from).collect()
}

/// True where a row was inserted, false where its key was there.
fn inserted<T>(result: sqlx::Result<T>) -> sqlx::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

fn push_gids(query: &mut QueryBuilder<Db>, gids: &[String]) {
    query.push("gid in (");
    let mut list = query.separated(", ");
    for gid in gids {
        list.push_bind(gid.clone());
    }
    query.push(")");
}

/// One part for each segment, each of which the index answers from its first entries, however many wait behind.
fn push_segments(query: &mut QueryBuilder<Db>, segments: &[u8], due: Option<i64>, limit: u32) {
    for (position, segment) in segments.iter().enumerate() {
        if position > 0 {
            query.push(" union all ");
        }
        query
            .push("select * from (select gid, send_at from tercet_outbox where state = 1 and segment = ")
            .push(segment);
        if let Some(due) = due {
            query.push(" and send_at <= ").push_bind(due);
        }
        query
            .push(" order by send_at limit ")
            .push(limit)
            .push(") s")
            .push(segment);
    }
}

impl OutboxDb for Db {
    async fn insert_message(
        connection: &mut Connection,
        row: NewMessage<'_>,
    ) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "insert into tercet_outbox (gid, state, segment, participant, action, payload, attempts, send_at, claim, \
             last_error, created_at, changed_at) values (?, 1, ?, ?, ?, ?, 0, ?, '', '', ?, ?)",
        )
        .bind(row.message.gid())
        .bind(i64::from(row.segment))
        .bind(row.message.participant())
        .bind(row.message.action())
        .bind(row.message.payload())
        .bind(row.now)
        .bind(row.now)
        .bind(row.now)
        .execute(connection)
        .await;
        inserted(done)
    }

    async fn insert_aborted(
        connection: &mut Connection,
        gid: &str,
        segment: u8,
        now: i64,
    ) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "insert into tercet_outbox (gid, state, segment, participant, action, payload, attempts, send_at, claim, \
             last_error, created_at, changed_at) values (?, 3, ?, '', '', ?, 0, ?, '', '', ?, ?)",
        )
        .bind(gid)
        .bind(i64::from(segment))
        .bind(&[][..])
        .bind(now)
        .bind(now)
        .bind(now)
        .execute(connection)
        .await;
        inserted(done)
    }

    async fn message(connection: &mut Connection, gid: &str) -> sqlx::Result<Option<MessageRow>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push(" where gid = ").push_bind(gid);
        let row: Option<StoredRow> = query.build_query_as().fetch_optional(connection).await?;
        row.map(MessageRow::try_from).transpose()
    }

    async fn due_messages(
        connection: &mut Connection,
        segments: &[u8],
        now: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<String>> {
        let mut query = QueryBuilder::<Db>::new("select gid, send_at from (");
        push_segments(&mut query, segments, Some(now), limit);
        query
            .push(") due order by send_at limit ")
            .push_bind(i64::from(limit));
        let rows: Vec<(String, i64)> = query.build_query_as().fetch_all(connection).await?;
        Ok(rows.into_iter().map(|(gid, _)| gid).collect())
    }

    async fn next_message(
        connection: &mut Connection,
        segments: &[u8],
    ) -> sqlx::Result<Option<i64>> {
        let mut query = QueryBuilder::<Db>::new("select min(send_at) from (");
        push_segments(&mut query, segments, None, 1);
        query.push(") next_one");
        query.build_query_scalar().fetch_one(connection).await
    }

    async fn claim_messages(
        connection: &mut Connection,
        gids: &[String],
        claim: &str,
        now: i64,
        until: i64,
    ) -> sqlx::Result<u64> {
        if gids.is_empty() {
            return Ok(0);
        }
        let mut query = QueryBuilder::<Db>::new("update tercet_outbox set claim = ");
        query
            .push_bind(claim)
            .push(", attempts = attempts + 1, send_at = ")
            .push_bind(until)
            .push(" where state = 1 and send_at <= ")
            .push_bind(now)
            .push(" and ");
        push_gids(&mut query, gids);
        Ok(query.build().execute(connection).await?.rows_affected())
    }

    async fn claimed_messages(
        connection: &mut Connection,
        gids: &[String],
        claim: &str,
    ) -> sqlx::Result<Vec<MessageRow>> {
        if gids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query
            .push(" where state = 1 and claim = ")
            .push_bind(claim)
            .push(" and ");
        push_gids(&mut query, gids);
        checked(query.build_query_as().fetch_all(connection).await?)
    }

    async fn end_attempt(
        connection: &mut Connection,
        gid: &str,
        claim: &str,
        outcome: &Outcome,
        now: i64,
    ) -> sqlx::Result<bool> {
        let cut = |error: &str| error.chars().take(ERROR_CHARS_MAX).collect::<String>();
        let mut query = QueryBuilder::<Db>::new("update tercet_outbox set ");
        match outcome {
            Outcome::Sent => query
                .push("state = 2, payload = ")
                .push_bind(Vec::<u8>::new())
                .push(", last_error = '', changed_at = ")
                .push_bind(now),
            Outcome::Again { at, error } => query
                .push("send_at = ")
                .push_bind(*at)
                .push(", last_error = ")
                .push_bind(cut(error)),
            Outcome::Attention { error } => query
                .push("state = 4, last_error = ")
                .push_bind(cut(error))
                .push(", changed_at = ")
                .push_bind(now),
        };
        query
            .push(", claim = '' where state = 1 and gid = ")
            .push_bind(gid)
            .push(" and claim = ")
            .push_bind(claim);
        Ok(query.build().execute(connection).await?.rows_affected() == 1)
    }

    async fn list_messages(
        connection: &mut Connection,
        state: MessageState,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> sqlx::Result<Vec<MessageRow>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push(" where state = ").push_bind(state.code());
        if let Some((changed_at, gid)) = after {
            query
                .push(" and changed_at >= ")
                .push_bind(changed_at)
                .push(" and (changed_at > ")
                .push_bind(changed_at)
                .push(" or gid > ")
                .push_bind(gid)
                .push(")");
        }
        query
            .push(" order by changed_at, gid limit ")
            .push_bind(i64::from(limit));
        checked(query.build_query_as().fetch_all(connection).await?)
    }

    async fn retry_message(connection: &mut Connection, gid: &str, now: i64) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "update tercet_outbox set state = 1, attempts = 0, send_at = ?, claim = '', changed_at = ? \
             where gid = ? and state = 4",
        )
        .bind(now)
        .bind(now)
        .bind(gid)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn settle_message(
        connection: &mut Connection,
        gid: &str,
        note: &str,
        now: i64,
    ) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "update tercet_outbox set state = 2, payload = ?, last_error = ?, changed_at = ? \
             where gid = ? and state = 4",
        )
        .bind(&[][..])
        .bind(note)
        .bind(now)
        .bind(gid)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn backlog(connection: &mut Connection) -> sqlx::Result<Backlog> {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from (select gid from tercet_outbox where state = 1 limit ?) waiting",
        )
        .bind(BACKLOG_MAX)
        .fetch_one(&mut *connection)
        .await?;
        if waiting == 0 {
            return Ok(Backlog::default());
        }
        let oldest = sqlx::query_scalar(
            "select min(created_at) from (select created_at from tercet_outbox where state = 1 limit ?) waiting",
        )
        .bind(BACKLOG_MAX)
        .fetch_one(connection)
        .await?;
        Ok(Backlog {
            waiting: u64::try_from(waiting).unwrap_or(0),
            oldest,
        })
    }

    async fn clean_messages(
        connection: &mut Connection,
        before: i64,
        limit: u32,
    ) -> sqlx::Result<u64> {
        let mut gids: Vec<String> = Vec::new();
        for state in [MessageState::Sent, MessageState::Aborted] {
            let old: Vec<String> = sqlx::query_scalar(
                "select gid from tercet_outbox where state = ? and changed_at < ? order by changed_at limit ?",
            )
            .bind(state.code())
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            gids.extend(old);
        }
        gids.truncate(limit as usize);
        if gids.is_empty() {
            return Ok(0);
        }
        let mut query =
            QueryBuilder::<Db>::new("delete from tercet_outbox where state in (2, 3) and ");
        push_gids(&mut query, &gids);
        Ok(query.build().execute(connection).await?.rows_affected())
    }
}

// A segment is written into statements as it is.
const _: () = assert!(SEGMENTS <= 64, "the tables check segments up to 63");
