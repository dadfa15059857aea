//! SQL of notices, and what was made of them.

use sqlx::FromRow;

use super::Connection;
use crate::notice::Claims;
use crate::words::NoticeVerdict;

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(in super::super) struct NoticeRow {
    pub(in super::super) id: i64,
    pub(in super::super) payment_no: String,
    pub(in super::super) order_no: String,
    pub(in super::super) amount_cents: i64,
    pub(in super::super) outcome: String,
    pub(in super::super) verdict: i64,
    pub(in super::super) reason: String,
    pub(in super::super) received_at: i64,
}

/// Keeps a notice.
pub(in super::super) async fn insert_notice(
    connection: &mut Connection,
    claims: &Claims,
    verdict: NoticeVerdict,
    reason: &str,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into notice (payment_no, order_no, amount_cents, outcome, verdict, reason, received_at) \
         values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&claims.payment_no)
    .bind(&claims.order_no)
    .bind(claims.amount_cents)
    .bind(claims.outcome)
    .bind(i64::from(i32::from(verdict)))
    .bind(reason)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notices before the id `before`, newest first; of one payment, or of all when that is empty.
pub(in super::super) async fn notices(
    connection: &mut Connection,
    payment_no: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<NoticeRow>> {
    if payment_no.is_empty() {
        let query = sqlx::query_as(
            "select id, payment_no, order_no, amount_cents, outcome, verdict, reason, received_at from notice \
             where id < ? order by id desc limit ?",
        );
        return query.bind(before).bind(limit).fetch_all(connection).await;
    }
    sqlx::query_as(
        "select id, payment_no, order_no, amount_cents, outcome, verdict, reason, received_at from notice \
         where payment_no = ? and id < ? order by id desc limit ?",
    )
    .bind(payment_no)
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}
