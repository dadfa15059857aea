//! The payment service's SQL, written once for every database.

#[path = "notices/queries.rs"]
mod notices;
#[path = "refunds/queries.rs"]
mod refunds;

use sqlx::FromRow;

use super::Connection;
use crate::words::{OWED, Outcome, PENDING, Verdict};
pub(super) use notices::{NoticeRow, insert_notice, notices};
pub(super) use refunds::{
    Refund, delete_refund, insert_refund, move_refund, owe_refund, refund_again, refund_done,
    refunds, shift, to_refund,
};

/// One attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
#[allow(
    clippy::struct_field_names,
    reason = "the columns' names, which say whose number it is"
)]
pub(super) struct Payment {
    pub(super) payment_no: String,
    pub(super) order_no: String,
    pub(super) user_id: String,
    pub(super) amount_cents: i64,
    pub(super) state: i64,
    pub(super) provider_no: String,
    pub(super) redirect_url: String,
    pub(super) refunding_cents: i64,
    pub(super) refunded_cents: i64,
    pub(super) asks: i64,
    pub(super) ask_at: Option<i64>,
    pub(super) reports: i64,
    pub(super) report_at: Option<i64>,
    pub(super) verdict: i64,
    pub(super) attention: Option<String>,
    pub(super) created_at: i64,
    pub(super) ended_at: Option<i64>,
}

/// The columns of [`Payment`] with the rest of a statement.
macro_rules! select_payment {
    ($rest:literal) => {
        concat!(
            "select payment_no, order_no, user_id, amount_cents, state, provider_no, redirect_url, refunding_cents, \
             refunded_cents, asks, ask_at, reports, report_at, verdict, attention, created_at, ended_at from payment ",
            $rest
        )
    };
}

/// Whether a row was inserted; false when its key is taken.
fn inserted<R>(done: sqlx::Result<R>) -> sqlx::Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a new payment; false when its number is taken.
pub(super) async fn insert_payment(
    connection: &mut Connection,
    payment: &Payment,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into payment (payment_no, order_no, user_id, amount_cents, state, provider_no, redirect_url, \
         refunding_cents, refunded_cents, asks, ask_at, reports, report_at, verdict, created_at) \
         values (?, ?, ?, ?, ?, '', '', 0, 0, 0, ?, 0, null, 0, ?)",
    )
    .bind(&payment.payment_no)
    .bind(&payment.order_no)
    .bind(&payment.user_id)
    .bind(payment.amount_cents)
    .bind(payment.state)
    .bind(payment.ask_at)
    .bind(payment.created_at)
    .execute(connection)
    .await;
    inserted(done)
}

pub(super) async fn payment(
    connection: &mut Connection,
    payment_no: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as(select_payment!("where payment_no = ?"))
        .bind(payment_no)
        .fetch_optional(connection)
        .await
}

/// Payments by number, after `after`; only those with attention where that is wanted.
pub(super) async fn payments(
    connection: &mut Connection,
    needs_attention: bool,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    let text = if needs_attention {
        select_payment!(
            "where payment_no > ? and attention is not null order by payment_no limit ?"
        )
    } else {
        select_payment!("where payment_no > ? order by payment_no limit ?")
    };
    sqlx::query_as(text)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// The same of one order.
pub(super) async fn payments_of_order(
    connection: &mut Connection,
    order_no: &str,
    needs_attention: bool,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    let text = if needs_attention {
        select_payment!(
            "where order_no = ? and payment_no > ? and attention is not null order by payment_no limit ?"
        )
    } else {
        select_payment!("where order_no = ? and payment_no > ? order by payment_no limit ?")
    };
    sqlx::query_as(text)
        .bind(order_no)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Ends a payment: false when it isn't this one, or has ended so already. Money that was taken after all counts more than
/// an earlier failure.
pub(super) async fn settle(
    connection: &mut Connection,
    payment_no: &str,
    order_no: &str,
    amount_cents: i64,
    outcome: Outcome,
    now: i64,
) -> sqlx::Result<bool> {
    let before_max = match outcome {
        Outcome::Succeeded => Outcome::Failed.code(),
        Outcome::Failed => PENDING,
    };
    let done = sqlx::query(
        "update payment set state = ?, ended_at = ?, ask_at = null, report_at = ?, reports = 0, verdict = 0, \
         attention = null where payment_no = ? and order_no = ? and amount_cents = ? and state in (?, ?)",
    )
    .bind(outcome.code())
    .bind(now)
    .bind(now)
    .bind(payment_no)
    .bind(order_no)
    .bind(amount_cents)
    .bind(PENDING)
    .bind(before_max)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Flags a payment for a person.
pub(super) async fn flag(
    connection: &mut Connection,
    payment_no: &str,
    why: &str,
) -> sqlx::Result<()> {
    sqlx::query("update payment set attention = ? where payment_no = ?")
        .bind(why)
        .bind(payment_no)
        .execute(connection)
        .await?;
    Ok(())
}

/// Payments whose question is due, the oldest first.
pub(super) async fn to_ask(
    connection: &mut Connection,
    now: i64,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_as(select_payment!("where ask_at <= ? order by ask_at limit ?"))
        .bind(now)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Payments whose report is due, the oldest first.
pub(super) async fn to_report(
    connection: &mut Connection,
    now: i64,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_as(select_payment!(
        "where report_at <= ? order by report_at limit ?"
    ))
    .bind(now)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// When the next question, report and refund are due.
pub(super) async fn next_due(connection: &mut Connection) -> sqlx::Result<[Option<i64>; 3]> {
    let ask: Option<i64> = sqlx::query_scalar("select min(ask_at) from payment")
        .fetch_one(&mut *connection)
        .await?;
    let report: Option<i64> = sqlx::query_scalar("select min(report_at) from payment")
        .fetch_one(&mut *connection)
        .await?;
    let refund: Option<i64> = sqlx::query_scalar("select min(due_at) from refund")
        .fetch_one(connection)
        .await?;
    Ok([ask, report, refund])
}

/// Moves the time of a payment's question; false when somebody else has. This is how one is claimed.
pub(super) async fn move_ask(
    connection: &mut Connection,
    payment_no: &str,
    from: i64,
    to: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query("update payment set ask_at = ? where payment_no = ? and ask_at = ?")
        .bind(to)
        .bind(payment_no)
        .bind(from)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The same of its report.
pub(super) async fn move_report(
    connection: &mut Connection,
    payment_no: &str,
    from: i64,
    to: i64,
) -> sqlx::Result<bool> {
    let done =
        sqlx::query("update payment set report_at = ? where payment_no = ? and report_at = ?")
            .bind(to)
            .bind(payment_no)
            .bind(from)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// The provider knows a pending payment now.
pub(super) async fn charged(
    connection: &mut Connection,
    payment_no: &str,
    (provider_no, redirect_url): (&str, &str),
    ask_at: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update payment set provider_no = ?, redirect_url = ?, ask_at = ? where payment_no = ? and state = ?",
    )
    .bind(provider_no)
    .bind(redirect_url)
    .bind(ask_at)
    .bind(payment_no)
    .bind(PENDING)
    .execute(connection)
    .await?;
    Ok(())
}

/// A question that ended nothing: when the next one is due, and what a person is told when there is none.
pub(super) async fn asked(
    connection: &mut Connection,
    payment_no: &str,
    next: Option<i64>,
    attention: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update payment set asks = asks + 1, ask_at = ?, attention = coalesce(?, attention) \
         where payment_no = ? and state = ?",
    )
    .bind(next)
    .bind(attention)
    .bind(payment_no)
    .bind(PENDING)
    .execute(connection)
    .await?;
    Ok(())
}

/// A report that was not answered for good. One that was claimed until `claimed` and no longer is stays as it is.
pub(super) async fn report_again(
    connection: &mut Connection,
    payment_no: &str,
    claimed: i64,
    next: i64,
    attention: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update payment set reports = reports + 1, report_at = ?, attention = coalesce(?, attention) \
         where payment_no = ? and report_at = ?",
    )
    .bind(next)
    .bind(attention)
    .bind(payment_no)
    .bind(claimed)
    .execute(connection)
    .await?;
    Ok(())
}

/// The order service's last word about an outcome; false when it was heard before, or of another outcome.
pub(super) async fn reported(
    connection: &mut Connection,
    payment_no: &str,
    outcome: Outcome,
    verdict: Verdict,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update payment set verdict = ?, report_at = null, reports = reports + 1, attention = null \
         where payment_no = ? and state = ? and verdict = 0",
    )
    .bind(verdict.code())
    .bind(payment_no)
    .bind(outcome.code())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes everything open of a payment due now, with all attempts anew.
pub(super) async fn retry(
    connection: &mut Connection,
    payment_no: &str,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "update payment set asks = 0, reports = 0, attention = null, \
         ask_at = case when state = ? then ? else null end, \
         report_at = case when state > ? and verdict = 0 then ? else null end where payment_no = ?",
    )
    .bind(PENDING)
    .bind(now)
    .bind(PENDING)
    .bind(now)
    .bind(payment_no)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update refund set attempts = 0, attention = null, due_at = ? where payment_no = ? and state = ?",
    )
    .bind(now)
    .bind(payment_no)
    .bind(OWED)
    .execute(connection)
    .await?;
    Ok(())
}
