//! What the payment service reports, and the verdict on it. Final verdicts are in the payment's row before they are given,
//! so that the same report gets the same one for ever.

use std::time::Duration;

use tercet_client::{Branch, CallContext, Execute};
use tercet_participant::{ActionError, error_status, is_id};
use tercet_proto::shop::order::v1::{
    PaymentOutcome, PaymentVerdict as Verdict, ReportPaymentRequest,
};
use tonic::{Code, Status};

use super::super::attempt;
use super::super::desk::{DOMAIN, again};
use super::Payments;
use super::queries::{self, Payment};
use crate::money::{Meaning, ORDER_BRANCH, PaymentState, meaning};
use crate::order::Order;
use crate::sale::sale;
use crate::state::{Event, No, next};

/// How long one report may take in all; the payment service asks again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often an order is looked at that something else is under way for, and the wait between.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// After one look at a payment whose money was taken.
enum Step {
    Said(Verdict),
    LookAgain,
}

impl Payments {
    /// The verdict on what became of a payment.
    pub(in super::super) async fn report(
        &self,
        request: &ReportPaymentRequest,
        context: CallContext,
    ) -> Result<Verdict, Status> {
        let outcome = request.outcome();
        if !is_id(&request.payment_no, 64) || outcome == PaymentOutcome::Unspecified {
            let message = "payment_no and outcome must be set";
            return Err(invalid("INVALID_REQUEST", message));
        }
        let payment = self.read(&request.payment_no).await?;
        if payment.order_no != request.order_no || payment.amount_cents != request.amount_cents {
            let message = format!(
                "payment {} was started for {} cents of order {}",
                payment.payment_no, payment.amount_cents, payment.order_no
            );
            tracing::error!(
                payment_no = payment.payment_no,
                "a report doesn't fit its payment"
            );
            return Err(invalid("PAYMENT_MISMATCH", &message));
        }
        let verdict = if outcome == PaymentOutcome::Succeeded {
            self.succeeded(payment, context.timeout(PATIENCE)).await?
        } else {
            let failed = again(|| self.fail_once(&payment.payment_no)).await;
            failed.map_err(|error| error.into_status(DOMAIN))?
        };
        tracing::debug!(
            payment_no = request.payment_no,
            ?outcome,
            ?verdict,
            "reported"
        );
        Ok(verdict)
    }

    async fn read(&self, payment_no: &str) -> Result<Payment, Status> {
        let read = async {
            let mut reader = self.desk.database.reader().acquire().await?;
            queries::get(&mut reader, payment_no).await
        };
        let payment = read
            .await
            .map_err(|error| ActionError::from(error).into_status(DOMAIN))?;
        payment.ok_or_else(|| {
            let message = format!("there is no payment {payment_no}");
            error_status(Code::NotFound, "UNKNOWN_PAYMENT", DOMAIN, message)
        })
    }

    async fn succeeded(
        &self,
        mut payment: Payment,
        context: CallContext,
    ) -> Result<Verdict, Status> {
        for _ in 0..LOOKS {
            match self.look(&payment, context.clone()).await? {
                Step::Said(verdict) => return Ok(verdict),
                Step::LookAgain => tokio::time::sleep(LOOK_EVERY).await,
            }
            payment = self.read(&payment.payment_no).await?;
        }
        Ok(Verdict::Wait)
    }

    async fn look(&self, payment: &Payment, context: CallContext) -> Result<Step, Status> {
        let standing = payment
            .standing()
            .map_err(|error| error.into_status(DOMAIN))?;
        match standing {
            PaymentState::Accepted => return Ok(Step::Said(Verdict::Accepted)),
            PaymentState::Refused => return Ok(Step::Said(Verdict::Refund)),
            PaymentState::Started | PaymentState::Failed | PaymentState::Accepting => {}
        }
        let order = self.desk.read(&payment.order_no, None).await?;
        let gid = attempt::gid(&format!("pay-{}", payment.payment_no), payment.round);
        if order.standing.busy_gid.as_ref() != Some(&gid) {
            match next(order.state(), Event::PayTried) {
                Ok(_) => {}
                Err(No::Busy) => return Ok(Step::LookAgain),
                Err(No::WrongState) => {
                    let word = order.state().word();
                    return self.refuse(payment, &format!("the order is {word}")).await;
                }
            }
        }
        let build = |execute| transaction(execute, &order, payment);
        let outcome = attempt::run(&self.client, &gid, context, build).await?;
        if outcome.is_confirm() {
            return Ok(Step::Said(Verdict::Accepted));
        }
        if !outcome.is_cancel() {
            return Ok(Step::Said(Verdict::Wait));
        }
        let next_round = again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            queries::next_round(&mut transaction, &payment.payment_no, payment.round).await?;
            transaction.commit().await?;
            Ok(())
        });
        next_round
            .await
            .map_err(|error| error.into_status(DOMAIN))?;
        match meaning(outcome.cause()) {
            Meaning::OrderMoved => Ok(Step::LookAgain),
            Meaning::Refused => {
                let why = outcome.cause().map(ToString::to_string).unwrap_or_default();
                self.refuse(payment, &why).await
            }
            Meaning::Unserved => Ok(Step::Said(Verdict::Wait)),
        }
    }

    /// The order can't take this money.
    async fn refuse(&self, payment: &Payment, why: &str) -> Result<Step, Status> {
        let refused = again(|| self.refuse_once(&payment.payment_no)).await;
        let step = refused.map_err(|error| error.into_status(DOMAIN))?;
        if matches!(step, Step::Said(Verdict::Refund)) {
            let Payment {
                payment_no,
                order_no,
                ..
            } = payment;
            tracing::info!(
                payment_no,
                order_no,
                why,
                "the money of a payment goes back"
            );
        }
        Ok(step)
    }

    async fn refuse_once(&self, payment_no: &str) -> Result<Step, ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let Some(payment) = queries::get(&mut transaction, payment_no).await? else {
            return Err(ActionError::Contended);
        };
        match payment.standing()? {
            PaymentState::Accepted => return Ok(Step::Said(Verdict::Accepted)),
            PaymentState::Refused => return Ok(Step::Said(Verdict::Refund)),
            PaymentState::Accepting => return Ok(Step::LookAgain),
            PaymentState::Started | PaymentState::Failed => {}
        }
        if !self.let_go(&mut transaction, &payment).await? {
            return Ok(Step::LookAgain);
        }
        let from = (PaymentState::Started.code(), PaymentState::Failed.code());
        let to = PaymentState::Refused.code();
        if !queries::shift(&mut transaction, payment_no, from, to).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(Step::Said(Verdict::Refund))
    }

    /// No money was taken: the order can be paid again.
    pub(super) async fn fail_once(&self, payment_no: &str) -> Result<Verdict, ActionError> {
        let mut transaction = self.desk.database.begin().await?;
        let Some(payment) = queries::get(&mut transaction, payment_no).await? else {
            return Err(ActionError::Contended);
        };
        match payment.standing()? {
            // Noted, and changes nothing.
            PaymentState::Failed | PaymentState::Accepted | PaymentState::Refused => {
                return Ok(Verdict::Accepted);
            }
            PaymentState::Accepting => return Ok(Verdict::Wait),
            PaymentState::Started => {}
        }
        if !self.let_go(&mut transaction, &payment).await? {
            return Ok(Verdict::Wait);
        }
        let from = PaymentState::Started.code();
        let to = PaymentState::Failed.code();
        if !queries::shift(&mut transaction, payment_no, (from, from), to).await? {
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(Verdict::Accepted)
    }
}

/// The order first, so that who loses a race disturbs nobody.
fn transaction(execute: Execute, order: &Order, payment: &Payment) -> Execute {
    let (pay, sell) = sale(order, payment.payment_no.clone());
    execute
        .sequential()
        .label("order_no", &order.number)
        .label("payment_no", &payment.payment_no)
        .branch(Branch::new(ORDER_BRANCH, "order", "pay").message(&pay))
        .branch(Branch::new("stock", "stock", "sell").message(&sell))
}

fn invalid(reason: &str, message: &str) -> Status {
    error_status(Code::InvalidArgument, reason, DOMAIN, message)
}
