//! SQL of refunds, and of what a payment still has to refund.

use sqlx::FromRow;

use super::{Connection, inserted};
use crate::words::{DONE, OWED, Outcome, RESERVED};

/// One refund.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
#[allow(
    clippy::struct_field_names,
    reason = "the columns' names, which say whose number it is"
)]
pub(in super::super) struct Refund {
    pub(in super::super) payment_no: String,
    pub(in super::super) refund_no: String,
    pub(in super::super) amount_cents: i64,
    pub(in super::super) state: i64,
    pub(in super::super) attempts: i64,
    pub(in super::super) due_at: Option<i64>,
    pub(in super::super) attention: Option<String>,
}

/// The columns of [`Refund`] with the rest of a statement.
macro_rules! select_refund {
    ($rest:literal) => {
        concat!(
            "select payment_no, refund_no, amount_cents, state, attempts, due_at, attention from refund ",
            $rest
        )
    };
}

/// Refunds that are due, the oldest first.
pub(in super::super) async fn to_refund(
    connection: &mut Connection,
    now: i64,
    limit: i64,
) -> sqlx::Result<Vec<Refund>> {
    sqlx::query_as(select_refund!("where due_at <= ? order by due_at limit ?"))
        .bind(now)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// The same of a refund.
pub(in super::super) async fn move_refund(
    connection: &mut Connection,
    refund: &Refund,
    to: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update refund set due_at = ? where payment_no = ? and refund_no = ? and due_at = ?",
    )
    .bind(to)
    .bind(&refund.payment_no)
    .bind(&refund.refund_no)
    .bind(refund.due_at)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves money of a paid payment between refundable, refunding and refunded; false when more would be refunded than was
/// paid, one of them would go below zero, or nothing was paid.
pub(in super::super) async fn shift(
    connection: &mut Connection,
    payment_no: &str,
    (refunding, refunded): (i64, i64),
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update payment set refunding_cents = refunding_cents + ?, refunded_cents = refunded_cents + ? \
         where payment_no = ? and state = ? and refunding_cents + ? >= 0 and refunded_cents + ? >= 0 \
         and refunding_cents + refunded_cents + ? <= amount_cents",
    )
    .bind(refunding)
    .bind(refunded)
    .bind(payment_no)
    .bind(Outcome::Succeeded.code())
    // SQLite and MySQL differ in which value of a changed column a later assignment sees; a condition sees the old one.
    .bind(refunding)
    .bind(refunded)
    .bind(refunding + refunded)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a refund's number; false when the payment has a refund of that number.
pub(in super::super) async fn insert_refund(
    connection: &mut Connection,
    payment_no: &str,
    refund_no: &str,
    amount_cents: i64,
    due_at: Option<i64>,
    now: i64,
) -> sqlx::Result<bool> {
    let state = if due_at.is_some() { OWED } else { RESERVED };
    let done = sqlx::query(
        "insert into refund (payment_no, refund_no, amount_cents, state, attempts, due_at, created_at) \
         values (?, ?, ?, ?, 0, ?, ?)",
    )
    .bind(payment_no)
    .bind(refund_no)
    .bind(amount_cents)
    .bind(state)
    .bind(due_at)
    .bind(now)
    .execute(connection)
    .await;
    inserted(done)
}

/// A reserved refund becomes owed; false when there is none.
pub(in super::super) async fn owe_refund(
    connection: &mut Connection,
    payment_no: &str,
    refund_no: &str,
    now: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update refund set state = ?, due_at = ? where payment_no = ? and refund_no = ? and state = ?",
    )
    .bind(OWED)
    .bind(now)
    .bind(payment_no)
    .bind(refund_no)
    .bind(RESERVED)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets a reserved refund's number go; false when there is none.
pub(in super::super) async fn delete_refund(
    connection: &mut Connection,
    payment_no: &str,
    refund_no: &str,
) -> sqlx::Result<bool> {
    let done =
        sqlx::query("delete from refund where payment_no = ? and refund_no = ? and state = ?")
            .bind(payment_no)
            .bind(refund_no)
            .bind(RESERVED)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// The provider has done an owed refund.
pub(in super::super) async fn refund_done(
    connection: &mut Connection,
    refund: &Refund,
) -> sqlx::Result<()> {
    sqlx::query(
        "update refund set state = ?, due_at = null, attention = null, attempts = attempts + 1 \
         where payment_no = ? and refund_no = ? and state = ?",
    )
    .bind(DONE)
    .bind(&refund.payment_no)
    .bind(&refund.refund_no)
    .bind(OWED)
    .execute(connection)
    .await?;
    Ok(())
}

/// The provider hasn't: when to try again.
pub(in super::super) async fn refund_again(
    connection: &mut Connection,
    refund: &Refund,
    next: i64,
    attention: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update refund set attempts = attempts + 1, due_at = ?, attention = coalesce(?, attention) \
         where payment_no = ? and refund_no = ? and state = ?",
    )
    .bind(next)
    .bind(attention)
    .bind(&refund.payment_no)
    .bind(&refund.refund_no)
    .bind(OWED)
    .execute(connection)
    .await?;
    Ok(())
}

/// A payment's refunds, by number.
pub(in super::super) async fn refunds(
    connection: &mut Connection,
    payment_no: &str,
    limit: i64,
) -> sqlx::Result<Vec<Refund>> {
    sqlx::query_as(select_refund!(
        "where payment_no = ? order by refund_no limit ?"
    ))
    .bind(payment_no)
    .bind(limit)
    .fetch_all(connection)
    .await
}
