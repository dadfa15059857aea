//! The SQL of payments: one row an attempt to pay an order from outside.

use sqlx::FromRow;

use super::super::Connection;
use super::super::queries::is_new;

/// One attempt to pay, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
#[allow(clippy::struct_field_names, reason = "named as the table's columns")]
pub(in super::super) struct Payment {
    pub(in super::super) payment_no: String,
    pub(in super::super) order_no: String,
    pub(in super::super) amount_cents: i64,
    /// One of [`super::PaymentState`].
    pub(in super::super) state: i64,
    /// Empty until the payment service has told it.
    pub(in super::super) redirect_url: String,
    /// How many of its transactions were cancelled.
    pub(in super::super) round: i64,
    /// When the payment service is told of it again; none once it has answered.
    pub(in super::super) due_at: Option<i64>,
    pub(in super::super) attempts: i64,
}

/// The columns of [`Payment`] with the rest of a statement.
macro_rules! select_payment {
    ($rest:literal) => {
        concat!(
            "select payment_no, order_no, amount_cents, state, redirect_url, round, due_at, attempts from payment ",
            $rest
        )
    };
}

/// Writes an attempt that the payment service has to be told of; false when its number is taken.
pub(in super::super) async fn insert(
    connection: &mut Connection,
    payment: &Payment,
    now: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into payment (payment_no, order_no, amount_cents, state, redirect_url, round, due_at, attempts, \
         created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&payment.payment_no)
    .bind(&payment.order_no)
    .bind(payment.amount_cents)
    .bind(payment.state)
    .bind(&payment.redirect_url)
    .bind(payment.round)
    .bind(payment.due_at)
    .bind(payment.attempts)
    .bind(now)
    .execute(connection)
    .await;
    is_new(inserted)
}

pub(in super::super) async fn get(
    connection: &mut Connection,
    payment_no: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as(select_payment!("where payment_no = ?"))
        .bind(payment_no)
        .fetch_optional(connection)
        .await
}

/// From one of two states to another; false when it is in neither. Nobody is told of it any more.
pub(in super::super) async fn shift(
    connection: &mut Connection,
    payment_no: &str,
    from: (i64, i64),
    to: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update payment set state = ?, due_at = null where payment_no = ? and state in (?, ?)",
    )
    .bind(to)
    .bind(payment_no)
    .bind(from.0)
    .bind(from.1)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The transaction of this round was cancelled: the next one has another gid. Whoever says so first counts.
pub(in super::super) async fn next_round(
    connection: &mut Connection,
    payment_no: &str,
    round: i64,
) -> sqlx::Result<()> {
    sqlx::query("update payment set round = round + 1 where payment_no = ? and round = ?")
        .bind(payment_no)
        .bind(round)
        .execute(connection)
        .await
        .map(|_| ())
}

/// What the payment service answered; with no `due_at` it needn't be asked again.
pub(in super::super) async fn answered(
    connection: &mut Connection,
    payment_no: &str,
    redirect_url: &str,
    due_at: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query("update payment set redirect_url = ?, due_at = ? where payment_no = ?")
        .bind(redirect_url)
        .bind(due_at)
        .bind(payment_no)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Payments that the payment service has to be told of, the earliest first.
pub(in super::super) async fn due(
    connection: &mut Connection,
    until: i64,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_as(select_payment!("where due_at <= ? order by due_at limit ?"))
        .bind(until)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Moves the time of a payment that still is as it was read: whoever does so tells of it.
pub(in super::super) async fn claim(
    connection: &mut Connection,
    payment: &Payment,
    due_at: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update payment set due_at = ?, attempts = attempts + 1 where payment_no = ? and due_at = ? and attempts = ?",
    )
    .bind(due_at)
    .bind(&payment.payment_no)
    .bind(payment.due_at)
    .bind(payment.attempts)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
