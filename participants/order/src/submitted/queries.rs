//! The SQL of submissions.

use sqlx::FromRow;

use super::super::Connection;
use super::super::queries::is_new;

/// A submission with the number that its order has, or will have.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(in super::super) struct Numbered {
    pub(in super::super) order_no: String,
    pub(in super::super) user_id: String,
    pub(in super::super) sku: String,
    pub(in super::super) quantity: i64,
    pub(in super::super) points: i64,
    pub(in super::super) campaign_id: Option<String>,
    pub(in super::super) amount_cents: i64,
    pub(in super::super) points_due: i64,
    /// How many of its transactions were cancelled without anybody having refused it.
    pub(in super::super) round: i64,
    /// When the request last came; none where only its order is left.
    pub(in super::super) created_at: Option<i64>,
}

pub(in super::super) async fn submission(
    connection: &mut Connection,
    request_id: &str,
) -> sqlx::Result<Option<Numbered>> {
    sqlx::query_as(
        "select order_no, user_id, sku, quantity, points, campaign_id, amount_cents, points_due, round, created_at \
         from submission where request_id = ?",
    )
    .bind(request_id)
    .fetch_optional(connection)
    .await
}

/// Writes a submission; false when its request has one.
pub(in super::super) async fn insert_submission(
    connection: &mut Connection,
    request_id: &str,
    new: &Numbered,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into submission (request_id, order_no, user_id, sku, quantity, points, campaign_id, amount_cents, \
         points_due, round, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(request_id)
    .bind(&new.order_no)
    .bind(&new.user_id)
    .bind(&new.sku)
    .bind(new.quantity)
    .bind(new.points)
    .bind(&new.campaign_id)
    .bind(new.amount_cents)
    .bind(new.points_due)
    .bind(new.round)
    .bind(new.created_at)
    .execute(connection)
    .await;
    is_new(inserted)
}

/// The transaction of this round was cancelled: the next one has another gid, and another order number. Whoever says so
/// first counts.
pub(in super::super) async fn next_round(
    connection: &mut Connection,
    request_id: &str,
    round: i64,
    order_no: &str,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "update submission set round = round + 1, order_no = ?, created_at = ? where request_id = ? and round = ?",
    )
    .bind(order_no)
    .bind(now)
    .bind(request_id)
    .bind(round)
    .execute(connection)
    .await
    .map(|_| ())
}
