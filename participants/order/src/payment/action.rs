//! The action `order.pay`: the order's part in being paid, from outside or with points.

use tercet_participant::{Action, ActionError, BranchContext, Refusal};
use tercet_proto::shop::order::v1::{PayOrderActionRequest, PayOrderActionTryResponse};

use super::super::actions::{aside, holds, settle, unchanged};
use super::super::desk::{Desk, owned, refusal};
use super::super::{Connection, Db};
use super::queries;
use crate::money::PaymentState;
use crate::order::{Hold, Order, Standing};
use crate::state::{Event, No};

/// Pays orders.
#[derive(Debug)]
pub(in super::super) struct Pay(pub(in super::super) Desk);

/// The payment's number; none where the order is paid with points.
fn payment_no(request: &PayOrderActionRequest) -> Option<&str> {
    Some(request.payment_no.as_str()).filter(|no| !no.is_empty())
}

impl Action for Pay {
    type Db = Db;
    type Request = PayOrderActionRequest;
    type Reply = PayOrderActionTryResponse;
    const SERVICE: &'static str = crate::PAY;

    async fn on_try(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<Self::Reply, ActionError> {
        let order = owned(&mut *connection, &request.order_no, None).await?;
        let payment_no = payment_no(&request);
        is_its_own(&mut *connection, &order, payment_no).await?;
        let held = |order: &Order, _: &mut Standing| holds(order, request.takes_held);
        let changed = aside(
            &self.0,
            &mut *connection,
            context,
            order,
            Event::PayTried,
            held,
        );
        let changed = changed.await?;
        let Some(payment_no) = payment_no else {
            return Ok(Self::Reply::default());
        };
        let from = (PaymentState::Started.code(), PaymentState::Failed.code());
        let to = PaymentState::Accepting.code();
        if !queries::shift(connection, payment_no, from, to).await? {
            return Err(refusal(No::WrongState, &changed.order));
        }
        Ok(Self::Reply::default())
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        let payment_no = payment_no(&request);
        let paid = |_: &Order, after: &mut Standing| {
            after.hold = Hold::None;
            after.payment_no = payment_no.map(str::to_owned);
        };
        let event = |_: &Order| Event::PayConfirmed;
        let number = &request.order_no;
        settle(&self.0, &mut *connection, context, number, event, paid).await?;
        end(connection, payment_no, PaymentState::Accepted).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        let event = |_: &Order| Event::PayCancelled;
        let number = &request.order_no;
        settle(&self.0, &mut *connection, context, number, event, unchanged).await?;
        end(connection, payment_no(&request), PaymentState::Started).await
    }
}

/// Money is paid with a payment of this order, and points with none.
async fn is_its_own(
    connection: &mut Connection,
    order: &Order,
    payment_no: Option<&str>,
) -> Result<(), ActionError> {
    let Some(payment_no) = payment_no else {
        if order.submission.amount_cents == 0 {
            return Ok(());
        }
        let message = format!("order {} costs money", order.number);
        return Err(Refusal::precondition("WRONG_METHOD", message).into());
    };
    let payment = queries::get(connection, payment_no).await?;
    if payment.is_none_or(|payment| payment.order_no != order.number) {
        let message = format!("{payment_no} isn't a payment of order {}", order.number);
        return Err(Refusal::not_found("UNKNOWN_PAYMENT", message).into());
    }
    Ok(())
}

/// The fence says that the payment is being accepted; if it isn't, the table was changed by hand. A person must look, and
/// the branch stays open until then.
async fn end(
    connection: &mut Connection,
    payment_no: Option<&str>,
    to: PaymentState,
) -> Result<(), ActionError> {
    let Some(payment_no) = payment_no else {
        return Ok(());
    };
    let from = PaymentState::Accepting.code();
    if queries::shift(connection, payment_no, (from, from), to.code()).await? {
        return Ok(());
    }
    let message = format!("payment {payment_no} should be being accepted and isn't");
    Err(ActionError::Internal(message))
}
