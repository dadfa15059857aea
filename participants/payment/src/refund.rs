//! The action `payment.refund`: money goes back, never more of a payment than was paid.
//!
//! Try takes it out of what can still be refunded; confirm makes the refund owed, and the worker tells the provider. So
//! two refunds that are under way at once can't be more together than was paid, whichever ends first.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, is_id, now_micros};
use tercet_proto::shop::payment::v1::{RefundPaymentRequest, RefundPaymentTryResponse};

use super::settle::Store;
use super::{Connection, Db, queries};
use crate::words::{AMOUNT_MAX, ID_LENGTH_MAX, Outcome};

/// Gives money back.
#[derive(Debug)]
pub(super) struct Refund {
    pub(super) store: Store,
}

impl Action for Refund {
    type Db = Db;
    type Request = RefundPaymentRequest;
    type Reply = RefundPaymentTryResponse;
    const SERVICE: &'static str = crate::REFUND;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPaymentRequest,
    ) -> Result<RefundPaymentTryResponse, ActionError> {
        check(&request)?;
        let RefundPaymentRequest {
            payment_no,
            refund_no,
            amount_cents,
        } = &request;
        let is_taken = queries::shift(&mut *connection, payment_no, (*amount_cents, 0)).await?;
        let Some(payment) = queries::payment(&mut *connection, payment_no).await? else {
            let message = format!("{payment_no} isn't a payment");
            return Err(Refusal::not_found("UNKNOWN_PAYMENT", message).into());
        };
        if payment.state != Outcome::Succeeded.code() {
            let message = format!("payment {payment_no} isn't paid");
            return Err(Refusal::precondition("NOT_PAID", message).into());
        }
        let refundable_cents =
            payment.amount_cents - payment.refunding_cents - payment.refunded_cents;
        if !is_taken {
            let message = format!(
                "{amount_cents} cents were asked for, {refundable_cents} of payment {payment_no} can be refunded"
            );
            return Err(Refusal::precondition("REFUND_TOO_LARGE", message).into());
        }
        let now = now_micros();
        let is_new =
            queries::insert_refund(connection, payment_no, refund_no, *amount_cents, None, now);
        if !is_new.await? {
            let message = format!("payment {payment_no} has a refund {refund_no} already");
            return Err(Refusal::already_exists("DUPLICATE_REFUND", message).into());
        }
        Ok(RefundPaymentTryResponse { refundable_cents })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPaymentRequest,
    ) -> Result<(), ActionError> {
        let RefundPaymentRequest {
            payment_no,
            refund_no,
            amount_cents,
        } = &request;
        let delta = (-amount_cents, *amount_cents);
        let is_done = queries::shift(&mut *connection, payment_no, delta).await?
            && queries::owe_refund(connection, payment_no, refund_no, now_micros()).await?;
        // It isn't committed yet: whoever is woken too early looks again within a `poll`.
        self.store.ring();
        if is_done { Ok(()) } else { Err(lost(&request)) }
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPaymentRequest,
    ) -> Result<(), ActionError> {
        let RefundPaymentRequest {
            payment_no,
            refund_no,
            amount_cents,
        } = &request;
        let is_done = queries::shift(&mut *connection, payment_no, (-amount_cents, 0)).await?
            && queries::delete_refund(connection, payment_no, refund_no).await?;
        if is_done { Ok(()) } else { Err(lost(&request)) }
    }
}

/// The fence says that the money is set aside; if it isn't, the tables were changed by hand. A person must look, and the
/// branch stays open until then.
fn lost(request: &RefundPaymentRequest) -> ActionError {
    let RefundPaymentRequest {
        payment_no,
        refund_no,
        amount_cents,
    } = request;
    ActionError::Internal(format!(
        "{amount_cents} cents of payment {payment_no} should be set aside for refund {refund_no} and aren't"
    ))
}

fn check(request: &RefundPaymentRequest) -> Result<(), Refusal> {
    let invalid = |message| Err(Refusal::invalid("INVALID_REFUND", message));
    if !is_id(&request.payment_no, ID_LENGTH_MAX) {
        return invalid("payment_no must be 1 to 64 visible ASCII characters");
    }
    if !is_id(&request.refund_no, ID_LENGTH_MAX) || request.refund_no.starts_with("auto-") {
        return invalid(
            "refund_no must be 1 to 64 visible ASCII characters, not beginning with auto-",
        );
    }
    if !(1..=AMOUNT_MAX).contains(&request.amount_cents) {
        return invalid("amount_cents must be 1 to 1000000000000");
    }
    Ok(())
}
