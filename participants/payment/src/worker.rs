//! What happens later: questions to the provider, reports to the order service, refunds to the provider.
//!
//! Three loops, so that a silent provider holds up no report. Each reads a page of what is due through an index, claims
//! every row by moving its time a lease ahead, makes the call outside of any SQL transaction, and writes what became of it.
//! Who dies in between leaves a row that is due again when the lease is over. Each loop sleeps until the next time in the
//! table, or until the bell rings, and looks once a `poll` for what other instances left.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tercet_participant::{micros, now_micros};

use super::queries::{self, Payment, Refund};
use super::settle::{Store, again};
use crate::ScheduleSection;
use crate::outside::{Answer, Outside};
use crate::provider::{Asked, Charge, ProviderError};
use crate::words::{Outcome, PENDING, Verdict};

/// Rows that one loop works on at once.
const PAGE: i64 = 32;

/// One of the loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    Ask,
    Report,
    Refund,
}

impl Duty {
    pub(super) const ALL: [Self; 3] = [Self::Ask, Self::Report, Self::Refund];
}

/// Looks after what is due. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) outside: Outside,
    pub(super) schedule: Arc<ScheduleSection>,
}

impl Worker {
    /// Runs one loop until it is dropped.
    pub(super) async fn run(self, duty: Duty) {
        let mut bell = self.store.bell();
        loop {
            bell.mark_unchanged();
            let wait = match self.round(duty).await {
                Ok(true) => continue,
                Ok(false) => self.until_due(duty).await,
                Err(error) => {
                    tracing::warn!(%error, ?duty, "can't look after what is due");
                    self.schedule.poll.get()
                }
            };
            // A bell that is gone means that the service is, and this loop with it.
            let _rung_or_due = tokio::time::timeout(wait, bell.changed()).await;
        }
    }

    async fn until_due(&self, duty: Duty) -> Duration {
        let poll = self.schedule.poll.get();
        let due = match self.store.database.reader().acquire().await {
            Ok(mut connection) => queries::next_due(&mut connection).await,
            Err(error) => Err(error),
        };
        let Ok([ask, report, refund]) = due else {
            return poll;
        };
        let next = match duty {
            Duty::Ask => ask,
            Duty::Report => report,
            Duty::Refund => refund,
        };
        next.map_or(poll, |at| {
            let wait = u64::try_from(at - now_micros()).unwrap_or(0);
            // Never nothing: what is due but can't be claimed belongs to another instance.
            Duration::from_micros(wait).clamp(Duration::from_millis(5), poll)
        })
    }

    /// One page of what is due; whether there was any.
    async fn round(&self, duty: Duty) -> sqlx::Result<bool> {
        let mut reader = self.store.database.reader().acquire().await?;
        let now = now_micros();
        match duty {
            Duty::Ask => {
                let due = queries::to_ask(&mut reader, now, PAGE).await?;
                drop(reader);
                let done = join_all(due.iter().map(|payment| self.ask(payment))).await;
                any(done)
            }
            Duty::Report => {
                let due = queries::to_report(&mut reader, now, PAGE).await?;
                drop(reader);
                let done = join_all(due.iter().map(|payment| self.report(payment))).await;
                any(done)
            }
            Duty::Refund => {
                let due = queries::to_refund(&mut reader, now, PAGE).await?;
                drop(reader);
                let done = join_all(due.iter().map(|refund| self.refund(refund))).await;
                any(done)
            }
        }
    }

    fn leased(&self) -> i64 {
        now_micros() + micros(self.schedule.lease.get())
    }

    /// Tells the provider of a payment that it doesn't know yet. Also the first step of a new payment.
    pub(super) async fn charge(&self, payment: &Payment) -> Result<(), ProviderError> {
        let charge = Charge {
            payment_no: payment.payment_no.clone(),
            order_no: payment.order_no.clone(),
            amount_cents: payment.amount_cents,
        };
        let charged = self.outside.provider.charge(charge).await?;
        let next = self.next_question(payment.asks);
        let written = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            let known = (charged.provider_no.as_str(), charged.redirect_url.as_str());
            queries::charged(&mut connection, &payment.payment_no, known, next).await
        });
        written
            .await
            .map_err(|error| ProviderError::Unavailable(error.to_string()))
    }

    fn next_question(&self, asks: i64) -> Option<i64> {
        let wait = self.schedule.ask_wait(asks)?;
        Some(now_micros() + micros(wait))
    }

    async fn ask(&self, payment: &Payment) -> sqlx::Result<bool> {
        let payment_no = payment.payment_no.as_str();
        let (from, to) = (payment.ask_at.unwrap_or_default(), self.leased());
        let is_mine = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            queries::move_ask(&mut connection, payment_no, from, to).await
        });
        if !is_mine.await? {
            return Ok(false);
        }
        if payment.provider_no.is_empty() {
            if let Err(error) = self.charge(payment).await {
                self.asked(payment, &error.to_string()).await?;
            }
            return Ok(true);
        }
        match self.outside.provider.ask(payment_no).await {
            Ok(Asked::Succeeded { amount_cents }) if amount_cents == payment.amount_cents => {
                tracing::info!(payment_no, "found by asking: succeeded");
                self.store.settle(payment, Outcome::Succeeded).await?;
            }
            Ok(Asked::Failed) => {
                tracing::info!(payment_no, "found by asking: failed");
                self.store.settle(payment, Outcome::Failed).await?;
            }
            Ok(Asked::Succeeded { amount_cents }) => {
                let why = format!("the provider took {amount_cents} cents");
                self.asked(payment, &why).await?;
            }
            Ok(Asked::Unknown) => {
                let told = self.charge(payment).await;
                let why = told.err().map_or_else(
                    || "the provider had not heard of it".to_owned(),
                    |error| error.to_string(),
                );
                self.asked(payment, &why).await?;
            }
            Ok(Asked::Pending) => self.asked(payment, "not paid yet").await?,
            Err(error) => self.asked(payment, &error.to_string()).await?,
        }
        Ok(true)
    }

    /// After a question that ended nothing.
    async fn asked(&self, payment: &Payment, why: &str) -> sqlx::Result<()> {
        let payment_no = payment.payment_no.as_str();
        let asks = payment.asks + 1;
        let next = self.next_question(asks);
        let attention = next
            .is_none()
            .then(|| short(&format!("no outcome after {asks} questions: {why}")));
        if let Some(why) = &attention {
            tracing::error!(payment_no, why, "a payment needs a person");
        } else {
            tracing::debug!(payment_no, asks, why, "asked");
        }
        again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            queries::asked(&mut connection, payment_no, next, attention.as_deref()).await
        })
        .await
    }

    async fn report(&self, payment: &Payment) -> sqlx::Result<bool> {
        let payment_no = payment.payment_no.as_str();
        let (from, to) = (payment.report_at.unwrap_or_default(), self.leased());
        let is_mine = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            queries::move_report(&mut connection, payment_no, from, to).await
        });
        if !is_mine.await? {
            return Ok(false);
        }
        let Some(outcome) = Outcome::from_code(payment.state) else {
            debug_assert!(payment.state != PENDING, "a pending payment has no report");
            return Ok(true);
        };
        let (order_no, cents) = (payment.order_no.as_str(), payment.amount_cents);
        let orders = &self.outside.orders;
        let why = match orders.report(payment_no, order_no, cents, outcome).await {
            Ok(Answer::Accepted) => {
                self.store
                    .hear(payment_no, outcome, Verdict::Accepted)
                    .await?;
                return Ok(true);
            }
            Ok(Answer::Refund) => {
                self.store
                    .hear(payment_no, outcome, Verdict::Refund)
                    .await?;
                return Ok(true);
            }
            Ok(Answer::Wait) => "the order service says wait".to_owned(),
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        };
        let reports = payment.reports + 1;
        let next = now_micros() + micros(self.schedule.back_off(reports));
        let attention = self.attention(reports, "report", payment_no, &why);
        let written = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            queries::report_again(&mut connection, payment_no, to, next, attention.as_deref()).await
        });
        written.await.map(|()| true)
    }

    async fn refund(&self, refund: &Refund) -> sqlx::Result<bool> {
        let Refund {
            payment_no,
            refund_no,
            amount_cents,
            ..
        } = refund;
        let to = self.leased();
        let is_mine = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            queries::move_refund(&mut connection, refund, to).await
        });
        if !is_mine.await? {
            return Ok(false);
        }
        let provider = &self.outside.provider;
        let done = provider.refund(payment_no, refund_no, *amount_cents).await;
        let attempts = refund.attempts + 1;
        let next = now_micros() + micros(self.schedule.back_off(attempts));
        let attention = match &done {
            Ok(()) => None,
            // Repeating a "no" won't help by itself: at once.
            Err(ProviderError::Refused(why)) => self.attention(i64::MAX, "refund", payment_no, why),
            Err(error) => self.attention(attempts, "refund", payment_no, &error.to_string()),
        };
        let written = again(|| async {
            let mut connection = self.store.database.writer().acquire().await?;
            if done.is_ok() {
                queries::refund_done(&mut connection, refund).await
            } else {
                queries::refund_again(&mut connection, refund, next, attention.as_deref()).await
            }
        });
        written.await.map(|()| true)
    }

    fn attention(&self, attempts: i64, what: &str, payment_no: &str, why: &str) -> Option<String> {
        if self.schedule.is_tiresome(attempts) {
            tracing::error!(payment_no, what, why, "a payment needs a person");
            return Some(short(&format!("{what}: {why}")));
        }
        tracing::debug!(payment_no, what, why, "later again");
        None
    }
}

/// Whether anything was claimed; the first error if there is one.
fn any(done: Vec<sqlx::Result<bool>>) -> sqlx::Result<bool> {
    let mut was_any = false;
    for one in done {
        was_any |= one?;
    }
    Ok(was_any)
}

/// As much as the table takes.
fn short(why: &str) -> String {
    why.chars().take(500).collect()
}
