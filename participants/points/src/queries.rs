//! The points service's SQL, written once for every database.

use sqlx::FromRow;

use super::Connection;
use crate::ledger::Kind;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Account {
    pub(super) user_id: String,
    pub(super) available: i64,
    pub(super) frozen: i64,
}

/// One account beside the sums of its ledger.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Sums {
    pub(super) user_id: String,
    pub(super) available: i64,
    pub(super) frozen: i64,
    pub(super) ledger_available: i64,
    pub(super) ledger_frozen: i64,
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct LedgerEntry {
    pub(super) id: i64,
    pub(super) user_id: String,
    pub(super) order_ref: Option<String>,
    pub(super) kind: i64,
    pub(super) number: i64,
    pub(super) entry_no: String,
    pub(super) available_delta: i64,
    pub(super) frozen_delta: i64,
    pub(super) created_at: i64,
}

/// What one account spent for one order, and what of it came back.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct OrderPoints {
    pub(super) order_no: String,
    pub(super) user_id: String,
    pub(super) spent: i64,
    pub(super) refunding: i64,
    pub(super) refunded: i64,
}

/// Changes of what one account spent for one order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OrderDelta {
    pub(super) refunding: i64,
    pub(super) refunded: i64,
}

/// What is to be written into the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement<'a> {
    pub(super) user_id: &'a str,
    pub(super) order_ref: Option<&'a str>,
    pub(super) entry_no: &'a str,
    pub(super) kind: Kind,
    pub(super) points: i64,
    pub(super) now: i64,
}

/// Moves an account; false when it isn't there or would go below zero. The ledger's row is [`write`]'s.
pub(super) async fn apply(
    connection: &mut Connection,
    movement: Movement<'_>,
) -> sqlx::Result<bool> {
    let deltas = movement.kind.deltas(movement.points);
    shift(connection, movement.user_id, deltas).await
}

/// Undoes an [`apply`] of the same SQL transaction.
pub(super) async fn unapply(
    connection: &mut Connection,
    movement: Movement<'_>,
) -> sqlx::Result<bool> {
    let (available, frozen) = movement.kind.deltas(movement.points);
    shift(connection, movement.user_id, (-available, -frozen)).await
}

async fn shift(
    connection: &mut Connection,
    user_id: &str,
    (available, frozen): (i64, i64),
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update account set available = available + ?, frozen = frozen + ? \
         where user_id = ? and available + ? >= 0 and frozen + ? >= 0",
    )
    .bind(available)
    .bind(frozen)
    .bind(user_id)
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
        "insert into ledger \
         (user_id, order_ref, kind, number, entry_no, available_delta, frozen_delta, created_at) \
         values (?, ?, ?, 0, ?, ?, ?, ?)",
    )
    .bind(movement.user_id)
    .bind(movement.order_ref)
    .bind(movement.kind.code())
    .bind(movement.entry_no)
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

/// Opens an account with nothing in it; false when there is one.
pub(super) async fn open_empty(connection: &mut Connection, user_id: &str) -> sqlx::Result<bool> {
    open_with(connection, user_id, 0).await
}

async fn open_with(connection: &mut Connection, user_id: &str, points: i64) -> sqlx::Result<bool> {
    let inserted = sqlx::query("insert into account (user_id, available, frozen) values (?, ?, 0)")
        .bind(user_id)
        .bind(points)
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
    if !open_with(&mut *connection, user_id, points).await? {
        return Ok(false);
    }
    write(
        connection,
        Movement {
            user_id,
            order_ref: None,
            entry_no: "",
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

/// Accounts by user with the sums of their ledgers, after `after`. One statement, so all of it is of one moment.
pub(super) async fn list_sums(
    connection: &mut Connection,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Sums>> {
    sqlx::query_as(
        "select a.user_id, a.available, a.frozen, \
         cast(coalesce(sum(l.available_delta), 0) as signed) as ledger_available, \
         cast(coalesce(sum(l.frozen_delta), 0) as signed) as ledger_frozen \
         from (select user_id, available, frozen from account where user_id > ? order by user_id limit ?) a \
         left join ledger l on l.user_id = a.user_id \
         group by a.user_id, a.available, a.frozen order by a.user_id",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// An account's rows, newest first, those before `before`.
pub(super) async fn entries(
    connection: &mut Connection,
    user_id: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<LedgerEntry>> {
    sqlx::query_as(
        "select id, user_id, order_ref, kind, number, entry_no, available_delta, frozen_delta, created_at \
         from ledger where user_id = ? and id < ? order by id desc limit ?",
    )
    .bind(user_id)
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Whom an order was granted points, and how many; `None` when it never was.
pub(super) async fn granted(
    connection: &mut Connection,
    order_no: &str,
) -> sqlx::Result<Option<(String, i64)>> {
    sqlx::query_as(
        "select user_id, available_delta from ledger where order_ref = ? and kind = ? and entry_no = ''",
    )
    .bind(order_no)
    .bind(Kind::Grant.code())
    .fetch_optional(connection)
    .await
}

/// Adds to what an account spent for an order. The caller has changed the account's row, so nobody else is adding to it
/// meanwhile.
pub(super) async fn add_spent(
    connection: &mut Connection,
    order_no: &str,
    user_id: &str,
    points: i64,
) -> sqlx::Result<()> {
    let done =
        sqlx::query("update order_points set spent = spent + ? where order_no = ? and user_id = ?")
            .bind(points)
            .bind(order_no)
            .bind(user_id)
            .execute(&mut *connection)
            .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    sqlx::query(
        "insert into order_points (order_no, user_id, spent, refunding, refunded) values (?, ?, ?, 0, 0)",
    )
    .bind(order_no)
    .bind(user_id)
    .bind(points)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves what was spent between refundable, refunding and refunded; false when more would be refunded than was spent,
/// one of the numbers would go below zero, or nothing was ever spent.
pub(super) async fn shift_refunds(
    connection: &mut Connection,
    order_no: &str,
    user_id: &str,
    delta: OrderDelta,
) -> sqlx::Result<bool> {
    let OrderDelta {
        refunding,
        refunded,
    } = delta;
    let done = sqlx::query(
        "update order_points set refunding = refunding + ?, refunded = refunded + ? \
         where order_no = ? and user_id = ? and refunding + ? >= 0 and refunded + ? >= 0 \
         and refunding + refunded + ? <= spent",
    )
    .bind(refunding)
    .bind(refunded)
    .bind(order_no)
    .bind(user_id)
    .bind(refunding)
    .bind(refunded)
    .bind(refunding + refunded)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a refund's number; false when the order has a refund of that number.
pub(super) async fn insert_refund(
    connection: &mut Connection,
    order_no: &str,
    refund_no: &str,
    user_id: &str,
    points: i64,
    now: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into refund (order_no, refund_no, user_id, points, created_at) values (?, ?, ?, ?, ?)",
    )
    .bind(order_no)
    .bind(refund_no)
    .bind(user_id)
    .bind(points)
    .bind(now)
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets a refund's number go; false when there is none.
pub(super) async fn delete_refund(
    connection: &mut Connection,
    order_no: &str,
    refund_no: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from refund where order_no = ? and refund_no = ?")
        .bind(order_no)
        .bind(refund_no)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What an account spent for an order.
pub(super) async fn order_points(
    connection: &mut Connection,
    order_no: &str,
    user_id: &str,
) -> sqlx::Result<Option<OrderPoints>> {
    sqlx::query_as(
        "select order_no, user_id, spent, refunding, refunded from order_points \
         where order_no = ? and user_id = ?",
    )
    .bind(order_no)
    .bind(user_id)
    .fetch_optional(connection)
    .await
}

/// What was spent for orders, by order and account, after the row `after`.
pub(super) async fn list_order_points(
    connection: &mut Connection,
    after: (&str, &str),
    limit: i64,
) -> sqlx::Result<Vec<OrderPoints>> {
    sqlx::query_as(
        "select order_no, user_id, spent, refunding, refunded from order_points \
         where order_no >= ? and (order_no > ? or user_id > ?) order by order_no, user_id limit ?",
    )
    .bind(after.0)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// What was spent for one order, by account, after the account `after`.
pub(super) async fn list_points_of_order(
    connection: &mut Connection,
    order_no: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<OrderPoints>> {
    sqlx::query_as(
        "select order_no, user_id, spent, refunding, refunded from order_points \
         where order_no = ? and user_id > ? order by user_id limit ?",
    )
    .bind(order_no)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}
