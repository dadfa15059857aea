//! The SQL of refunds: one row for each that a buyer has asked for.

use sqlx::FromRow;

use super::super::Connection;
use super::super::queries::is_new;

/// What a buyer asked back, and what the merchant said.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
#[allow(clippy::struct_field_names, reason = "named as the table's columns")]
pub(in super::super) struct Refund {
    pub(in super::super) refund_no: String,
    pub(in super::super) order_no: String,
    pub(in super::super) request_id: String,
    /// For the merchant.
    pub(in super::super) reason: String,
    /// One of [`super::RefundState`].
    pub(in super::super) state: i64,
    /// Whether goods come back with it.
    pub(in super::super) is_return: i64,
    pub(in super::super) amount_cents: i64,
    pub(in super::super) points: i64,
    pub(in super::super) pieces: i64,
    /// How many of its transactions were cancelled.
    pub(in super::super) round: i64,
    /// When its transaction is driven on; none unless it is approved.
    pub(in super::super) due_at: Option<i64>,
    pub(in super::super) attempts: i64,
    pub(in super::super) created_at: i64,
}

/// The columns of [`Refund`] with the rest of a statement.
macro_rules! select_refund {
    ($rest:literal) => {
        concat!(
            "select refund_no, order_no, request_id, reason, state, is_return, amount_cents, points, pieces, round, ",
            "due_at, attempts, created_at from refund ",
            $rest
        )
    };
}

/// Writes a refund that is asked for; false when the order has one of that request, or its number is taken.
pub(in super::super) async fn insert(
    connection: &mut Connection,
    refund: &Refund,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into refund (refund_no, order_no, request_id, reason, state, is_return, amount_cents, points, pieces, \
         round, due_at, attempts, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&refund.refund_no)
    .bind(&refund.order_no)
    .bind(&refund.request_id)
    .bind(&refund.reason)
    .bind(refund.state)
    .bind(refund.is_return)
    .bind(refund.amount_cents)
    .bind(refund.points)
    .bind(refund.pieces)
    .bind(refund.round)
    .bind(refund.due_at)
    .bind(refund.attempts)
    .bind(refund.created_at)
    .execute(connection)
    .await;
    is_new(inserted)
}

pub(in super::super) async fn get(
    connection: &mut Connection,
    refund_no: &str,
) -> sqlx::Result<Option<Refund>> {
    sqlx::query_as(select_refund!("where refund_no = ?"))
        .bind(refund_no)
        .fetch_optional(connection)
        .await
}

pub(in super::super) async fn by_request(
    connection: &mut Connection,
    order_no: &str,
    request_id: &str,
) -> sqlx::Result<Option<Refund>> {
    sqlx::query_as(select_refund!("where order_no = ? and request_id = ?"))
        .bind(order_no)
        .bind(request_id)
        .fetch_optional(connection)
        .await
}

/// How many refunds of an order were ever asked for.
pub(in super::super) async fn count(
    connection: &mut Connection,
    order_no: &str,
) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from refund where order_no = ?")
        .bind(order_no)
        .fetch_one(connection)
        .await
}

/// The merchant's yes to an asked refund, with what it gives; false when it isn't asked any more.
pub(in super::super) async fn approve(
    connection: &mut Connection,
    approved: &Refund,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update refund set state = 4, is_return = ?, amount_cents = ?, points = ?, pieces = ?, due_at = ?, attempts = 0 \
         where refund_no = ? and state = 1",
    )
    .bind(approved.is_return)
    .bind(approved.amount_cents)
    .bind(approved.points)
    .bind(approved.pieces)
    .bind(approved.due_at)
    .bind(&approved.refund_no)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// From one state to another, the last one; false when it isn't in it.
pub(in super::super) async fn end(
    connection: &mut Connection,
    refund_no: &str,
    from: i64,
    to: i64,
) -> sqlx::Result<bool> {
    let done =
        sqlx::query("update refund set state = ?, due_at = null where refund_no = ? and state = ?")
            .bind(to)
            .bind(refund_no)
            .bind(from)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// The transaction of this round was cancelled: the next one has another gid. Refused for good, the refund is asked again
/// (`state` 1), else it stays approved (4). Whoever says so first counts.
pub(in super::super) async fn next_round(
    connection: &mut Connection,
    refund: &Refund,
    state: i64,
    due_at: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update refund set state = ?, round = round + 1, due_at = ? where refund_no = ? and round = ? and state = 4",
    )
    .bind(state)
    .bind(due_at)
    .bind(&refund.refund_no)
    .bind(refund.round)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Approved refunds whose transaction should be driven on, the earliest first.
pub(in super::super) async fn due(
    connection: &mut Connection,
    until: i64,
    limit: i64,
) -> sqlx::Result<Vec<Refund>> {
    sqlx::query_as(select_refund!("where due_at <= ? order by due_at limit ?"))
        .bind(until)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Refunds after a number, of one state or of all, the oldest first.
pub(in super::super) async fn list(
    connection: &mut Connection,
    state: Option<i64>,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Refund>> {
    let query = match state {
        Some(state) => sqlx::query_as(select_refund!(
            "where state = ? and refund_no > ? order by refund_no limit ?"
        ))
        .bind(state),
        None => sqlx::query_as(select_refund!(
            "where refund_no > ? order by refund_no limit ?"
        )),
    };
    query.bind(after).bind(limit).fetch_all(connection).await
}

/// Moves the time of a refund that still is as it was read: whoever does so drives it on.
pub(in super::super) async fn claim(
    connection: &mut Connection,
    refund: &Refund,
    due_at: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update refund set due_at = ?, attempts = attempts + 1 where refund_no = ? and due_at = ? and attempts = ?",
    )
    .bind(due_at)
    .bind(&refund.refund_no)
    .bind(refund.due_at)
    .bind(refund.attempts)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
