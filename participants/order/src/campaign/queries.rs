//! The SQL of campaigns, places, limits and blocked users.

use sqlx::FromRow;

use super::super::Connection;
use super::super::queries::is_new;

/// A campaign. Times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
#[expect(clippy::struct_field_names, reason = "the fields are the columns")]
pub(in super::super) struct Campaign {
    pub(in super::super) campaign_id: String,
    pub(in super::super) sku: String,
    pub(in super::super) starts_at: i64,
    pub(in super::super) ends_at: i64,
    pub(in super::super) price_cents: i64,
    pub(in super::super) price_points: i64,
    pub(in super::super) is_taken_at_order: i64,
    pub(in super::super) hold_micros: i64,
    pub(in super::super) payment_micros: i64,
    pub(in super::super) quantity_max: i64,
    pub(in super::super) rate_max: i64,
    pub(in super::super) rate_window_micros: i64,
    pub(in super::super) grant_points: i64,
    pub(in super::super) receipt_micros: i64,
}

pub(in super::super) async fn insert(
    connection: &mut Connection,
    campaign: &Campaign,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into campaign (campaign_id, sku, starts_at, ends_at, price_cents, price_points, is_taken_at_order, \
         hold_micros, payment_micros, quantity_max, rate_max, rate_window_micros, grant_points, receipt_micros) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&campaign.campaign_id)
    .bind(&campaign.sku)
    .bind(campaign.starts_at)
    .bind(campaign.ends_at)
    .bind(campaign.price_cents)
    .bind(campaign.price_points)
    .bind(campaign.is_taken_at_order)
    .bind(campaign.hold_micros)
    .bind(campaign.payment_micros)
    .bind(campaign.quantity_max)
    .bind(campaign.rate_max)
    .bind(campaign.rate_window_micros)
    .bind(campaign.grant_points)
    .bind(campaign.receipt_micros)
    .execute(connection)
    .await;
    is_new(inserted)
}

pub(in super::super) async fn get(
    connection: &mut Connection,
    campaign_id: &str,
) -> sqlx::Result<Option<Campaign>> {
    sqlx::query_as(
        "select campaign_id, sku, starts_at, ends_at, price_cents, price_points, is_taken_at_order, hold_micros, \
         payment_micros, quantity_max, rate_max, rate_window_micros, grant_points, receipt_micros from campaign \
         where campaign_id = ?",
    )
    .bind(campaign_id)
    .fetch_optional(connection)
    .await
}

pub(in super::super) async fn list(
    connection: &mut Connection,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Campaign>> {
    sqlx::query_as(
        "select campaign_id, sku, starts_at, ends_at, price_cents, price_points, is_taken_at_order, hold_micros, \
         payment_micros, quantity_max, rate_max, rate_window_micros, grant_points, receipt_micros from campaign \
         where campaign_id > ? order by campaign_id limit ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Takes a user's place; false when it is taken.
pub(in super::super) async fn take_place(
    connection: &mut Connection,
    campaign_id: &str,
    user_id: &str,
    order_no: &str,
) -> sqlx::Result<bool> {
    let inserted =
        sqlx::query("insert into place (campaign_id, user_id, order_no) values (?, ?, ?)")
            .bind(campaign_id)
            .bind(user_id)
            .bind(order_no)
            .execute(connection)
            .await;
    is_new(inserted)
}

/// The order that has a user's place.
pub(in super::super) async fn place(
    connection: &mut Connection,
    campaign_id: &str,
    user_id: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select order_no from place where campaign_id = ? and user_id = ?")
        .bind(campaign_id)
        .bind(user_id)
        .fetch_optional(connection)
        .await
}

/// Gives a place back, if this order has it.
pub(in super::super) async fn leave_place(
    connection: &mut Connection,
    campaign_id: &str,
    user_id: &str,
    order_no: &str,
) -> sqlx::Result<()> {
    sqlx::query("delete from place where campaign_id = ? and user_id = ? and order_no = ?")
        .bind(campaign_id)
        .bind(user_id)
        .bind(order_no)
        .execute(connection)
        .await
        .map(|_| ())
}

pub(in super::super) async fn is_blocked(
    connection: &mut Connection,
    user_id: &str,
) -> sqlx::Result<bool> {
    let row: Option<i64> =
        sqlx::query_scalar("select created_at from blocked_user where user_id = ?")
            .bind(user_id)
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some())
}

pub(in super::super) async fn set_blocked(
    connection: &mut Connection,
    user_id: &str,
    is_blocked: bool,
    now: i64,
) -> sqlx::Result<()> {
    if is_blocked {
        let inserted = sqlx::query("insert into blocked_user (user_id, created_at) values (?, ?)")
            .bind(user_id)
            .bind(now)
            .execute(connection)
            .await;
        return is_new(inserted).map(|_| ());
    }
    sqlx::query("delete from blocked_user where user_id = ?")
        .bind(user_id)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Counts a submission of the user in the window that `now` is in; false when there were `max` in it.
pub(in super::super) async fn count(
    connection: &mut Connection,
    campaign: &Campaign,
    user_id: &str,
    now: i64,
) -> sqlx::Result<bool> {
    let window = now - now.rem_euclid(campaign.rate_window_micros.max(1));
    let ends_at = window.saturating_add(campaign.rate_window_micros);
    let inserted = sqlx::query(
        "insert into user_rate (campaign_id, user_id, window_start, count, ends_at) values (?, ?, ?, 1, ?)",
    )
    .bind(&campaign.campaign_id)
    .bind(user_id)
    .bind(window)
    .bind(ends_at)
    .execute(&mut *connection)
    .await;
    if is_new(inserted)? {
        return Ok(true);
    }
    let counted = sqlx::query(
        "update user_rate set count = case when window_start = ? then count + 1 else 1 end, window_start = ?, \
         ends_at = ? where campaign_id = ? and user_id = ? and (window_start < ? or (window_start = ? and count < ?))",
    )
    .bind(window)
    .bind(window)
    .bind(ends_at)
    .bind(&campaign.campaign_id)
    .bind(user_id)
    .bind(window)
    .bind(window)
    .bind(campaign.rate_max)
    .execute(connection)
    .await?;
    Ok(counted.rows_affected() == 1)
}
