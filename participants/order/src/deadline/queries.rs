//! The SQL of the open deadlines. What is read is a range of the index on time.

use sqlx::FromRow;

use super::super::Connection;
use super::super::queries::is_new;

/// An open deadline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub(in super::super) struct Deadline {
    pub(in super::super) order_no: String,
    pub(in super::super) kind: i64,
    pub(in super::super) due_at: i64,
    pub(in super::super) attempts: i64,
}

/// Sets a deadline, or moves it.
pub(in super::super) async fn set(
    connection: &mut Connection,
    order_no: &str,
    kind: i64,
    due_at: i64,
) -> sqlx::Result<()> {
    let inserted =
        sqlx::query("insert into deadline (order_no, kind, due_at, attempts) values (?, ?, ?, 0)")
            .bind(order_no)
            .bind(kind)
            .bind(due_at)
            .execute(&mut *connection)
            .await;
    if is_new(inserted)? {
        return Ok(());
    }
    sqlx::query("update deadline set due_at = ?, attempts = 0 where order_no = ? and kind = ?")
        .bind(due_at)
        .bind(order_no)
        .bind(kind)
        .execute(connection)
        .await
        .map(|_| ())
}

/// When it is due; none where there is no such deadline.
pub(in super::super) async fn get(
    connection: &mut Connection,
    order_no: &str,
    kind: i64,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select due_at from deadline where order_no = ? and kind = ?")
        .bind(order_no)
        .bind(kind)
        .fetch_optional(connection)
        .await
}

pub(in super::super) async fn clear(
    connection: &mut Connection,
    order_no: &str,
    kind: i64,
) -> sqlx::Result<()> {
    sqlx::query("delete from deadline where order_no = ? and kind = ?")
        .bind(order_no)
        .bind(kind)
        .execute(connection)
        .await
        .map(|_| ())
}

/// All of an order.
pub(in super::super) async fn clear_all(
    connection: &mut Connection,
    order_no: &str,
) -> sqlx::Result<()> {
    sqlx::query("delete from deadline where order_no = ?")
        .bind(order_no)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Moves a deadline that still is as it was read: whoever does so fires it.
pub(in super::super) async fn claim(
    connection: &mut Connection,
    deadline: &Deadline,
    due_at: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update deadline set due_at = ?, attempts = attempts + 1 where order_no = ? and kind = ? and due_at = ?",
    )
    .bind(due_at)
    .bind(&deadline.order_no)
    .bind(deadline.kind)
    .bind(deadline.due_at)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The next deadlines, the earliest first.
pub(in super::super) async fn due(
    connection: &mut Connection,
    until: i64,
    limit: i64,
) -> sqlx::Result<Vec<Deadline>> {
    sqlx::query_as(
        "select order_no, kind, due_at, attempts from deadline where due_at <= ? order by due_at limit ?",
    )
    .bind(until)
    .bind(limit)
    .fetch_all(connection)
    .await
}
