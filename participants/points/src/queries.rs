//! The points service's SQL, written once for every database.

use sqlx::FromRow;

use super::Connection;
use super::ledger::Kind;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Account {
    pub(super) user_id: String,
    pub(super) available: i64,
    pub(super) frozen: i64,
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) user_id: String,
    pub(super) order_ref: Option<String>,
    pub(super) kind: i64,
    pub(super) number: i64,
    pub(super) available_delta: i64,
    pub(super) frozen_delta: i64,
    pub(super) created_at: i64,
}

/// What is to be written into the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement<'a> {
    pub(super) user_id: &'a str,
    pub(super) order_ref: Option<&'a str>,
    pub(super) kind: Kind,
    pub(super) points: i64,
    pub(super) now: i64,
}

/// Moves an account; false when it isn't there or would go below zero. The ledger's row is [`write`]'s.
pub(super) async fn apply(
    connection: &mut Connection,
    movement: Movement<'_>,
) -> sqlx::Result<bool> {
    let (available, frozen) = movement.kind.deltas(movement.points);
    let done = sqlx::query(
        "update account set available = available + ?, frozen = frozen + ? \
         where user_id = ? and available + ? >= 0 and frozen + ? >= 0",
    )
    .bind(available)
    .bind(frozen)
    .bind(movement.user_id)
    .bind(available)
    .bind(frozen)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the ledger's row; false when the order has such a row already.
pub(super) async fn write(
    connection: &mut Connection,
    movement: Movement<'_>,
) -> sqlx::Result<bool> {
    let (available, frozen) = movement.kind.deltas(movement.points);
    let inserted = sqlx::query(
        "insert into ledger (user_id, order_ref, kind, number, available_delta, frozen_delta, created_at) \
         values (?, ?, ?, 0, ?, ?, ?)",
    )
    .bind(movement.user_id)
    .bind(movement.order_ref)
    .bind(movement.kind.code())
    .bind(available)
    .bind(frozen)
    .bind(movement.now)
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens an account with its first row in the ledger; false when there is one.
pub(super) async fn open(
    connection: &mut Connection,
    user_id: &str,
    points: i64,
    now: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query("insert into account (user_id, available, frozen) values (?, ?, 0)")
        .bind(user_id)
        .bind(points)
        .execute(&mut *connection)
        .await;
    match inserted {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        Err(error) => return Err(error),
    }
    write(
        connection,
        Movement {
            user_id,
            order_ref: None,
            kind: Kind::Seed,
            points,
            now,
        },
    )
    .await
}

pub(super) async fn account(
    connection: &mut Connection,
    user_id: &str,
) -> sqlx::Result<Option<Account>> {
    sqlx::query_as("select user_id, available, frozen from account where user_id = ?")
        .bind(user_id)
        .fetch_optional(connection)
        .await
}

/// An account's rows, newest first, those before `before`.
pub(super) async fn entries(
    connection: &mut Connection,
    user_id: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "select id, user_id, order_ref, kind, number, available_delta, frozen_delta, created_at \
         from ledger where user_id = ? and id < ? order by id desc limit ?",
    )
    .bind(user_id)
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}
