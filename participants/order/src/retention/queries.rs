//! The SQL of what is kept for a while only. Each page is a range of an index on time, and each deletion names its row as
//! it was read, so that what came again in between stays.

use sqlx::FromRow;

use super::super::Connection;

/// An old submission, with where its order stands; none where it has none.
#[derive(Debug, Clone, FromRow)]
pub(in super::super) struct OldSubmission {
    pub(in super::super) request_id: String,
    pub(in super::super) created_at: i64,
    pub(in super::super) state: Option<i64>,
}

/// Submissions that were last used before, the oldest first.
pub(in super::super) async fn old_submissions(
    connection: &mut Connection,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<OldSubmission>> {
    sqlx::query_as(
        "select s.request_id, s.created_at, o.state from submission s left join orders o on o.request_id = s.request_id \
         where s.created_at < ? order by s.created_at limit ?",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// It is needed, or was used: its age begins anew.
pub(in super::super) async fn renew_submission(
    connection: &mut Connection,
    request_id: &str,
    created_at: i64,
    now: i64,
) -> sqlx::Result<u64> {
    sqlx::query("update submission set created_at = ? where request_id = ? and created_at = ?")
        .bind(now)
        .bind(request_id)
        .bind(created_at)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

pub(in super::super) async fn delete_submission(
    connection: &mut Connection,
    old: &OldSubmission,
) -> sqlx::Result<u64> {
    sqlx::query("delete from submission where request_id = ? and created_at = ?")
        .bind(&old.request_id)
        .bind(old.created_at)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

/// A user's window in a campaign that is over.
#[derive(Debug, Clone, FromRow)]
pub(in super::super) struct OldRate {
    pub(in super::super) campaign_id: String,
    pub(in super::super) user_id: String,
    pub(in super::super) ends_at: i64,
}

/// Windows that were over before, the first first.
pub(in super::super) async fn old_rates(
    connection: &mut Connection,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<OldRate>> {
    sqlx::query_as(
        "select campaign_id, user_id, ends_at from user_rate where ends_at < ? order by ends_at limit ?",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}

pub(in super::super) async fn delete_rate(
    connection: &mut Connection,
    old: &OldRate,
) -> sqlx::Result<u64> {
    sqlx::query("delete from user_rate where campaign_id = ? and user_id = ? and ends_at = ?")
        .bind(&old.campaign_id)
        .bind(&old.user_id)
        .bind(old.ends_at)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

/// A count of cancelled transactions, with where the order stands; none where there is no such order.
#[derive(Debug, Clone, FromRow)]
pub(in super::super) struct OldRound {
    pub(in super::super) name: String,
    pub(in super::super) changed_at: i64,
    pub(in super::super) state: Option<i64>,
}

/// Rounds that were last counted before, the oldest first. A flow is called by what it does, a dash, and the order.
pub(in super::super) async fn old_rounds(
    connection: &mut Connection,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<OldRound>> {
    sqlx::query_as(
        "select f.name, f.changed_at, o.state from flow_round f \
         left join orders o on o.order_no = substr(f.name, instr(f.name, '-') + 1) \
         where f.changed_at < ? order by f.changed_at limit ?",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// It is still needed: its age begins anew.
pub(in super::super) async fn renew_round(
    connection: &mut Connection,
    old: &OldRound,
    now: i64,
) -> sqlx::Result<u64> {
    sqlx::query("update flow_round set changed_at = ? where name = ? and changed_at = ?")
        .bind(now)
        .bind(&old.name)
        .bind(old.changed_at)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

pub(in super::super) async fn delete_round(
    connection: &mut Connection,
    old: &OldRound,
) -> sqlx::Result<u64> {
    sqlx::query("delete from flow_round where name = ? and changed_at = ?")
        .bind(&old.name)
        .bind(old.changed_at)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
