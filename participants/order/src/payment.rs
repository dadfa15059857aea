//! Paying from outside: attempts, one in flight at most, many to one order over time.
//!
//! Each attempt is a row with a number of its own. The order waits for it (PAYING); the payment service is told of it,
//! again and again until it answers, and reports what became of it. A success runs the global transaction that pays the order;
//! what the order can't take any more is answered with REFUND, and that answer is kept before it is given.
//!
//! Must never: let two attempts pay one order, or answer REFUND for one that did. Whoever changes an order and a
//! payment changes the order first.
//!
//! Where next: `payment/action.rs` for what the transaction does here, `payment/report.rs` for the verdicts.

pub(super) mod action;
pub(super) mod queries;
mod report;

use std::time::Duration;

use tercet_client::Client;
use tercet_participant::{ActionError, Refusal, error_status, micros, now_micros};
use tercet_proto::shop::payment::v1::StartPaymentRequest;
use tonic::{Code, Status};

use super::Connection;
use super::desk::{DOMAIN, Desk, again, owned};
use crate::money::PaymentState;
use crate::number;
use crate::order::Order;
use crate::peer::{CALL_TIMEOUT, PaymentPeer, StartPaymentError};
use crate::state::{Event, No, State, next};
use queries::Payment;

/// Whoever tells the payment service of a payment has this long; longer than the call.
const LEASE: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(1));
/// The wait between two tellings doubles up to this: a buyer waits for the answer.
const LEASE_MAX: Duration = Duration::from_secs(15);
/// Payments told of at once.
const PAGE: i64 = 32;

/// Pays orders from outside. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Payments {
    pub(super) desk: Desk,
    pub(super) client: Client,
    /// None where this shop takes no money.
    pub(super) service: Option<PaymentPeer>,
}

impl Payment {
    pub(super) fn standing(&self) -> Result<PaymentState, ActionError> {
        PaymentState::from_code(self.state).ok_or_else(|| {
            let message = format!("payment {} has the state {}", self.payment_no, self.state);
            ActionError::Internal(message)
        })
    }
}

impl Payments {
    /// Begins an attempt, or goes on with the one in flight. Answers the order, and where the buyer pays; empty while nobody
    /// knows.
    pub(super) async fn pay(&self, order_no: &str, owner: &str) -> Result<(Order, String), Status> {
        let Some(service) = &self.service else {
            let message = "this shop takes no money";
            return Err(error_status(
                Code::FailedPrecondition,
                "WRONG_METHOD",
                DOMAIN,
                message,
            ));
        };
        let begun = again(|| self.begin(order_no, owner)).await;
        let payment = begun.map_err(|error| error.into_status(DOMAIN))?;
        let mut redirect_url = payment.redirect_url.clone();
        if redirect_url.is_empty() {
            redirect_url = self.tell(service, &payment, owner).await;
        }
        let order = self.desk.read(order_no, Some(owner)).await?;
        Ok((order, redirect_url))
    }

    async fn begin(&self, order_no: &str, owner: &str) -> Result<Payment, ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let order = owned(&mut transaction, order_no, Some(owner)).await?;
        if order.submission.amount_cents == 0 {
            let message = format!("order {order_no} costs no money");
            return Err(Refusal::precondition("WRONG_METHOD", message).into());
        }
        if order.state() == State::Paying
            && let Some(payment_no) = &order.standing.payment_no
            && let Some(payment) = queries::get(&mut transaction, payment_no).await?
        {
            return Ok(payment);
        }
        let now = now_micros();
        let payment = Payment {
            payment_no: format!("p{}", number::new(now)),
            order_no: order.number.clone(),
            amount_cents: order.submission.amount_cents,
            state: PaymentState::Started.code(),
            redirect_url: String::new(),
            round: 0,
            due_at: Some(now.saturating_add(micros(LEASE))),
            attempts: 0,
        };
        let payment_no = payment.payment_no.clone();
        let set = |_: &Order, after: &mut crate::order::Standing| {
            after.payment_no = Some(payment_no);
            Ok(())
        };
        self.desk
            .change(&mut transaction, order, Event::PaymentStarted, set)
            .await?;
        if !queries::insert(&mut transaction, &payment, now).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(payment)
    }

    /// Tells the payment service of an attempt. Answers where the buyer pays.
    async fn tell(&self, service: &PaymentPeer, payment: &Payment, user_id: &str) -> String {
        let payment_no = payment.payment_no.as_str();
        let request = StartPaymentRequest {
            payment_no: payment_no.to_owned(),
            order_no: payment.order_no.clone(),
            user_id: user_id.to_owned(),
            amount_cents: payment.amount_cents,
        };
        let done = match service.start(request).await {
            Ok(started) => {
                let is_known = started.is_over || !started.redirect_url.is_empty();
                let due_at = if is_known { None } else { payment.due_at };
                let done = self
                    .answered(payment_no, &started.redirect_url, due_at)
                    .await;
                done.map(|()| started.redirect_url)
            }
            Err(StartPaymentError::Never(why)) => {
                tracing::error!(payment_no, why, "the payment service won't have it");
                let failed = again(|| self.fail_once(payment_no)).await;
                failed.map(|_| String::new())
            }
            Err(error) => {
                tracing::warn!(payment_no, %error, "not told of the payment; again later");
                Ok(String::new())
            }
        };
        done.unwrap_or_else(|error| {
            tracing::warn!(payment_no, %error, "what became of the start isn't written; again later");
            String::new()
        })
    }

    async fn answered(
        &self,
        payment_no: &str,
        redirect_url: &str,
        due_at: Option<i64>,
    ) -> Result<(), ActionError> {
        again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            queries::answered(&mut transaction, payment_no, redirect_url, due_at).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Tells of what is due; whether there may be more.
    pub(super) async fn sweep(&self) -> Result<bool, ActionError> {
        let Some(service) = &self.service else {
            return Ok(false);
        };
        let mut reader = self.desk.database.reader().acquire().await?;
        let due = queries::due(&mut reader, now_micros(), PAGE).await?;
        drop(reader);
        let told = due.iter().map(|payment| self.tell_again(service, payment));
        for told in futures::future::join_all(told).await {
            told?;
        }
        Ok(i64::try_from(due.len()).is_ok_and(|count| count == PAGE))
    }

    async fn tell_again(
        &self,
        service: &PaymentPeer,
        payment: &Payment,
    ) -> Result<(), ActionError> {
        let next = now_micros().saturating_add(micros(super::chores::lease(
            LEASE,
            payment.attempts,
            LEASE_MAX,
        )));
        let is_ours = again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            let is_ours = queries::claim(&mut transaction, payment, next).await?;
            transaction.commit().await?;
            Ok(is_ours)
        });
        if !is_ours.await? {
            return Ok(());
        }
        let mut reader = self.desk.database.reader().acquire().await?;
        let order = owned(&mut reader, &payment.order_no, None).await?;
        drop(reader);
        if order.standing.payment_no.as_ref() != Some(&payment.payment_no)
            || next_is_wrong(order.state())
        {
            // Nobody waits for it any more. If the buyer pays it all the same, the report finds that out.
            return self.answered(&payment.payment_no, "", None).await;
        }
        let payment = Payment {
            due_at: Some(next),
            ..payment.clone()
        };
        self.tell(service, &payment, &order.submission.user_id)
            .await;
        Ok(())
    }

    /// The order no longer waits for this payment. False while another change of it is under way.
    async fn let_go(
        &self,
        connection: &mut Connection,
        payment: &Payment,
    ) -> Result<bool, ActionError> {
        let order = owned(&mut *connection, &payment.order_no, None).await?;
        if order.standing.payment_no.as_ref() != Some(&payment.payment_no) {
            return Ok(true);
        }
        match next(order.state(), Event::PaymentFailed) {
            Ok(_) => {
                let forget = |_: &Order, after: &mut crate::order::Standing| {
                    after.payment_no = None;
                    Ok(())
                };
                self.desk
                    .change(connection, order, Event::PaymentFailed, forget)
                    .await?;
                Ok(true)
            }
            Err(No::Busy) => Ok(false),
            Err(No::WrongState) => Ok(true),
        }
    }
}

fn next_is_wrong(state: State) -> bool {
    next(state, Event::PaymentFailed) == Err(No::WrongState)
}
