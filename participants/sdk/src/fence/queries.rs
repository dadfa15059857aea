//! The fence's SQL, written once for every database: mounted by `sqlite/mod.rs` (and its MySQL counterpart)
//! with `super::Db`. `?` placeholders, no RETURNING, no upsert: a plain INSERT that fails on the key is the only
//! sure "was it there", on every database.
//!
//! `state = 1` is written out, not bound, so that SQLite can use its partial index.

use sqlx::QueryBuilder;

use super::Db;
use crate::context::BranchKey;
use crate::fence::{Due, FenceDb, FenceRow, FenceState, ListFilter, NewRow};

type Connection = <Db as sqlx::Database>::Connection;

const COLUMNS: &str = "select gid, branch, service, state, request, reply, try_deadline, created_at, changed_at, \
                       asked, unknown from tercet_fence";

/// A row as the database gives it, before anybody has checked it.
#[derive(sqlx::FromRow)]
struct StoredRow {
    gid: String,
    branch: String,
    service: String,
    state: i64,
    request: Vec<u8>,
    reply: Vec<u8>,
    try_deadline: i64,
    created_at: i64,
    changed_at: i64,
    asked: i64,
    unknown: i64,
}

impl TryFrom<StoredRow> for FenceRow {
    type Error = sqlx::Error;

    fn try_from(row: StoredRow) -> Result<Self, sqlx::Error> {
        let state = FenceState::from_code(row.state)
            .ok_or_else(|| sqlx::Error::Decode(format!("fence state {}", row.state).into()))?;
        let asked = u32::try_from(row.asked)
            .map_err(|_| sqlx::Error::Decode(format!("asked {} times", row.asked).into()))?;
        Ok(Self {
            key: BranchKey {
                gid: row.gid,
                branch: row.branch,
            },
            service: row.service,
            state,
            request: row.request,
            reply: row.reply,
            try_deadline: row.try_deadline,
            created_at: row.created_at,
            changed_at: row.changed_at,
            asked,
            unknown: row.unknown != 0,
        })
    }
}

fn checked(rows: Vec<StoredRow>) -> sqlx::Result<Vec<FenceRow>> {
    rows.into_iter().map(FenceRow::try_from).collect()
}

/// One comparison for each key: no list of pairs is understood, and looked up by the index, everywhere.
fn push_keys(query: &mut QueryBuilder<Db>, keys: &[&BranchKey]) {
    let mut any = query.separated(" or ");
    for key in keys {
        any.push("(gid = ")
            .push_bind_unseparated(key.gid.clone())
            .push_unseparated(" and branch = ")
            .push_bind_unseparated(key.branch.clone())
            .push_unseparated(")");
    }
}

impl FenceDb for Db {
    async fn insert(connection: &mut Connection, row: NewRow<'_>) -> sqlx::Result<bool> {
        let inserted = sqlx::query(
            "insert into tercet_fence (gid, branch, service, state, request, reply, try_deadline, ask_at, asked, \
             unknown, created_at, changed_at) values (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
        )
        .bind(&row.key.gid)
        .bind(&row.key.branch)
        .bind(row.service)
        .bind(row.state.code())
        .bind(row.request)
        .bind(&[][..])
        .bind(row.try_deadline)
        .bind(row.ask_at)
        .bind(row.now)
        .bind(row.now)
        .execute(connection)
        .await;
        match inserted {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn end(
        connection: &mut Connection,
        key: &BranchKey,
        service: &str,
        to: FenceState,
        now: i64,
    ) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "update tercet_fence set state = ?, changed_at = ? \
             where gid = ? and branch = ? and service = ? and state = 1",
        )
        .bind(to.code())
        .bind(now)
        .bind(&key.gid)
        .bind(&key.branch)
        .bind(service)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn keep_reply(
        connection: &mut Connection,
        key: &BranchKey,
        reply: &[u8],
    ) -> sqlx::Result<()> {
        sqlx::query("update tercet_fence set reply = ? where gid = ? and branch = ?")
            .bind(reply)
            .bind(&key.gid)
            .bind(&key.branch)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn drop_request(connection: &mut Connection, key: &BranchKey) -> sqlx::Result<()> {
        sqlx::query(
            "update tercet_fence set request = ? where gid = ? and branch = ? and state <> 1",
        )
        .bind(&[][..])
        .bind(&key.gid)
        .bind(&key.branch)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn read(connection: &mut Connection, key: &BranchKey) -> sqlx::Result<Option<FenceRow>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query
            .push(" where gid = ")
            .push_bind(&key.gid)
            .push(" and branch = ")
            .push_bind(&key.branch);
        let row: Option<StoredRow> = query.build_query_as().fetch_optional(connection).await?;
        row.map(FenceRow::try_from).transpose()
    }

    async fn due(connection: &mut Connection, now: i64, limit: u32) -> sqlx::Result<Vec<FenceRow>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query
            .push(" where state = 1 and ask_at <= ")
            .push_bind(now)
            .push(" order by ask_at limit ")
            .push_bind(i64::from(limit));
        checked(query.build_query_as().fetch_all(connection).await?)
    }

    async fn next_due(connection: &mut Connection) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar("select min(ask_at) from tercet_fence where state = 1")
            .fetch_one(connection)
            .await
    }

    async fn read_many(
        connection: &mut Connection,
        keys: &[&BranchKey],
    ) -> sqlx::Result<Vec<FenceRow>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push(" where ");
        push_keys(&mut query, keys);
        checked(query.build_query_as().fetch_all(connection).await?)
    }

    async fn insert_many(
        connection: &mut Connection,
        rows: &[(NewRow<'_>, &[u8])],
    ) -> sqlx::Result<bool> {
        if rows.is_empty() {
            return Ok(true);
        }
        let mut query = QueryBuilder::<Db>::new(
            "insert into tercet_fence (gid, branch, service, state, request, reply, try_deadline, ask_at, asked, \
             unknown, created_at, changed_at) ",
        );
        query.push_values(rows, |mut values, (row, reply)| {
            values
                .push_bind(row.key.gid.clone())
                .push_bind(row.key.branch.clone())
                .push_bind(row.service)
                .push_bind(row.state.code())
                .push_bind(row.request.to_vec())
                .push_bind(reply.to_vec())
                .push_bind(row.try_deadline)
                .push_bind(row.ask_at)
                .push("0, 0")
                .push_bind(row.now)
                .push_bind(row.now);
        });
        match query.build().execute(connection).await {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn end_many(
        connection: &mut Connection,
        keys: &[&BranchKey],
        to: FenceState,
        now: i64,
    ) -> sqlx::Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let mut query = QueryBuilder::<Db>::new("update tercet_fence set state = ");
        query
            .push_bind(to.code())
            .push(", changed_at = ")
            .push_bind(now)
            .push(", request = ")
            .push_bind(Vec::<u8>::new())
            .push(" where state = 1 and (");
        push_keys(&mut query, keys);
        query.push(")");
        Ok(query.build().execute(connection).await?.rows_affected())
    }

    async fn postpone(connection: &mut Connection, key: &BranchKey, due: Due) -> sqlx::Result<()> {
        sqlx::query(
            "update tercet_fence set ask_at = ?, asked = ?, unknown = ? \
             where gid = ? and branch = ? and state = 1",
        )
        .bind(due.ask_at)
        .bind(i64::from(due.asked))
        .bind(i64::from(due.unknown))
        .bind(&key.gid)
        .bind(&key.branch)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn old(
        connection: &mut Connection,
        before: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<BranchKey>> {
        let keys: Vec<(String, String)> = sqlx::query_as(
            "select gid, branch from tercet_fence where state <> 1 and changed_at < ? and try_deadline < ? \
             order by changed_at limit ?",
        )
        .bind(before)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
        Ok(keys
            .into_iter()
            .map(|(gid, branch)| BranchKey { gid, branch })
            .collect())
    }

    async fn delete(
        connection: &mut Connection,
        key: &BranchKey,
        before: i64,
    ) -> sqlx::Result<u64> {
        let done = sqlx::query(
            "delete from tercet_fence where gid = ? and branch = ? and state <> 1 and changed_at < ?",
        )
        .bind(&key.gid)
        .bind(&key.branch)
        .bind(before)
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }

    async fn list(connection: &mut Connection, filter: &ListFilter) -> sqlx::Result<Vec<FenceRow>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query
            .push(" where changed_at <= ")
            .push_bind(filter.changed_until);
        if !filter.states.is_empty() {
            query.push(" and state in (");
            let mut states = query.separated(", ");
            for state in &filter.states {
                states.push_bind(state.code());
            }
            query.push(")");
        }
        if let Some(after) = &filter.after {
            // The first comparison alone is what every database finds a place in the index by.
            query
                .push(" and changed_at >= ")
                .push_bind(after.changed_at)
                .push(" and (changed_at > ")
                .push_bind(after.changed_at)
                .push(" or (gid, branch) > (")
                .push_bind(&after.key.gid)
                .push(", ")
                .push_bind(&after.key.branch)
                .push("))");
        }
        query
            .push(" order by changed_at, gid, branch limit ")
            .push_bind(i64::from(filter.limit));
        checked(query.build_query_as().fetch_all(connection).await?)
    }
}
