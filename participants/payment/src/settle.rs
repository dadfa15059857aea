//! What an outcome does: one conditional update ends the payment and makes its report due. Whoever brings it, a notice or
//! the answer to a question, comes through here.

use std::future::Future;

use tercet_database::classify;
use tercet_participant::now_micros;
use tokio::sync::watch;

use super::queries::{self, Payment};
use super::{Connection, Database};
use crate::notice::{Claims, Notice};
use crate::words::{NoticeVerdict, Outcome, Verdict};

/// How often an SQL transaction that the database undid is run again.
const RUNS_MAX: u32 = 8;

/// The service's tables, and the bell that wakes whoever looks after what is due.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) database: Database,
    bell: watch::Sender<()>,
}

/// Runs idempotent work again when the database says that this may help; a lost answer to a commit included.
pub(super) async fn again<T, F>(work: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let mut runs = 1;
    loop {
        match work().await {
            Err(error) if runs < RUNS_MAX && classify(&error).is_retryable() => runs += 1,
            done => return done,
        }
    }
}

impl Store {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            bell: watch::Sender::new(()),
        }
    }

    /// Something is due now.
    pub(super) fn ring(&self) {
        self.bell.send_replace(());
    }

    pub(super) fn bell(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// Ends a payment whose outcome the provider told; false when that was known.
    pub(super) async fn settle(&self, payment: &Payment, outcome: Outcome) -> sqlx::Result<bool> {
        let settled = again(|| async {
            let mut transaction = self.database.begin().await?;
            let settled = queries::settle(
                &mut transaction,
                &payment.payment_no,
                &payment.order_no,
                payment.amount_cents,
                outcome,
                now_micros(),
            )
            .await?;
            transaction.commit().await?;
            Ok(settled)
        })
        .await?;
        self.ring();
        Ok(settled)
    }

    /// Takes a notice that the provider signed: it ends its payment, or is absorbed, or rejected; it is kept in any case.
    pub(super) async fn take(
        &self,
        claims: &Claims,
        notice: Option<&Notice>,
    ) -> sqlx::Result<(NoticeVerdict, String)> {
        let taken = again(|| async {
            let mut transaction = self.database.begin().await?;
            let (verdict, reason) = match notice {
                Some(notice) => judge(&mut transaction, notice).await?,
                None => (NoticeVerdict::Unreadable, "not a notice".to_owned()),
            };
            queries::insert_notice(&mut transaction, claims, verdict, &reason, now_micros())
                .await?;
            transaction.commit().await?;
            Ok((verdict, reason))
        })
        .await?;
        self.ring();
        Ok(taken)
    }

    /// Keeps a notice that isn't the provider's.
    pub(super) async fn keep_forged(&self, claims: &Claims, reason: &str) -> sqlx::Result<()> {
        again(|| async {
            let mut transaction = self.database.begin().await?;
            let verdict = NoticeVerdict::Forged;
            queries::insert_notice(&mut transaction, claims, verdict, reason, now_micros()).await?;
            transaction.commit().await
        })
        .await
    }

    /// Hears the order service's last word. What the order can't take is owed to the customer in the same SQL
    /// transaction: all that isn't refunded yet.
    pub(super) async fn hear(
        &self,
        payment_no: &str,
        outcome: Outcome,
        verdict: Verdict,
    ) -> sqlx::Result<bool> {
        let is_new = again(|| async {
            let mut transaction = self.database.begin().await?;
            let is_new = queries::reported(&mut transaction, payment_no, outcome, verdict).await?;
            if is_new && (outcome, verdict) == (Outcome::Succeeded, Verdict::Refund) {
                owe_the_rest(&mut transaction, payment_no).await?;
            }
            transaction.commit().await?;
            Ok(is_new)
        })
        .await?;
        self.ring();
        Ok(is_new)
    }
}

async fn owe_the_rest(connection: &mut Connection, payment_no: &str) -> sqlx::Result<()> {
    let Some(payment) = queries::payment(&mut *connection, payment_no).await? else {
        return Ok(());
    };
    let rest = payment.amount_cents - payment.refunding_cents - payment.refunded_cents;
    let refund_no = format!("auto-{payment_no}");
    let now = now_micros();
    if rest > 0 && queries::shift(&mut *connection, payment_no, (0, rest)).await? {
        queries::insert_refund(connection, payment_no, &refund_no, rest, Some(now), now).await?;
        tracing::info!(
            payment_no,
            refund_no,
            rest,
            "the order can't take the money, it goes back"
        );
    }
    Ok(())
}

/// The update comes first; only what it didn't change is looked at.
async fn judge(
    connection: &mut Connection,
    notice: &Notice,
) -> sqlx::Result<(NoticeVerdict, String)> {
    let Notice {
        payment_no,
        order_no,
        amount_cents,
        outcome,
    } = notice;
    let now = now_micros();
    let is_settled = queries::settle(
        &mut *connection,
        payment_no,
        order_no,
        *amount_cents,
        *outcome,
        now,
    )
    .await?;
    if is_settled {
        return Ok((NoticeVerdict::Taken, "the payment has ended so".to_owned()));
    }
    let Some(payment) = queries::payment(&mut *connection, payment_no).await? else {
        let reason = "no such payment was started here".to_owned();
        return Ok((NoticeVerdict::Unknown, reason));
    };
    if payment.order_no != *order_no {
        let reason = format!("the payment is of order {}", payment.order_no);
        queries::flag(
            connection,
            payment_no,
            "a signed notice names another order",
        )
        .await?;
        return Ok((NoticeVerdict::WrongOrder, reason));
    }
    if payment.amount_cents != *amount_cents {
        let reason = format!("the payment is of {} cents", payment.amount_cents);
        queries::flag(
            connection,
            payment_no,
            "a signed notice names another amount",
        )
        .await?;
        return Ok((NoticeVerdict::WrongAmount, reason));
    }
    if payment.state == outcome.code() {
        return Ok((NoticeVerdict::Repeated, "known already".to_owned()));
    }
    Ok((
        NoticeVerdict::Late,
        "the payment had succeeded before".to_owned(),
    ))
}
