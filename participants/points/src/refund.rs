//! The action `points.refund`: spent points come back, never more of an order's than were spent for it.
//!
//! Try takes them out of what can still be refunded; the account is first touched by confirm. So two refunds that are
//! under way at once can't be more together than was spent, whichever ends first.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, now_micros};
use tercet_proto::shop::points::v1::{RefundPointsRequest, RefundPointsTryResponse};

use super::queries::{Movement, OrderDelta};
use super::{Connection, Db, queries};
use crate::ledger::{Kind, is_amount, is_name};

/// Gives spent points back.
#[derive(Debug)]
pub(super) struct Refund;

impl Action for Refund {
    type Db = Db;
    type Request = RefundPointsRequest;
    type Reply = RefundPointsTryResponse;
    const SERVICE: &'static str = crate::REFUND;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPointsRequest,
    ) -> Result<RefundPointsTryResponse, ActionError> {
        check(&request)?;
        let RefundPointsRequest {
            account_id,
            order_no,
            refund_no,
            points,
        } = &request;
        let delta = OrderDelta {
            refunding: *points,
            refunded: 0,
        };
        let is_taken =
            queries::shift_refunds(&mut *connection, order_no, account_id, delta).await?;
        let order = queries::order_points(&mut *connection, order_no, account_id).await?;
        let Some(order) = order else {
            let message = format!("{account_id} spent no points for order {order_no}");
            return Err(Refusal::not_found("NOTHING_SPENT", message).into());
        };
        let refundable = order.spent - order.refunding - order.refunded;
        if !is_taken {
            let message = format!(
                "{points} points were asked for, {refundable} of order {order_no} can be refunded"
            );
            return Err(Refusal::precondition("REFUND_TOO_LARGE", message).into());
        }
        let now = now_micros();
        let is_new =
            queries::insert_refund(connection, order_no, refund_no, account_id, *points, now)
                .await?;
        if !is_new {
            let message = format!("order {order_no} has a refund {refund_no} already");
            return Err(Refusal::already_exists("DUPLICATE_REFUND", message).into());
        }
        Ok(RefundPointsTryResponse { refundable })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPointsRequest,
    ) -> Result<(), ActionError> {
        let movement = Movement {
            user_id: &request.account_id,
            order_ref: Some(&request.order_no),
            entry_no: &request.refund_no,
            kind: Kind::Refund,
            points: request.points,
            now: now_micros(),
        };
        let delta = OrderDelta {
            refunding: -request.points,
            refunded: request.points,
        };
        // The account first, as a spend does, so that the two never wait for each other.
        let is_done = queries::apply(&mut *connection, movement).await?
            && queries::shift_refunds(
                &mut *connection,
                &request.order_no,
                &request.account_id,
                delta,
            )
            .await?
            && queries::write(connection, movement).await?;
        if is_done { Ok(()) } else { Err(lost(&request)) }
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: RefundPointsRequest,
    ) -> Result<(), ActionError> {
        let delta = OrderDelta {
            refunding: -request.points,
            refunded: 0,
        };
        let is_done = queries::shift_refunds(
            &mut *connection,
            &request.order_no,
            &request.account_id,
            delta,
        )
        .await?
            && queries::delete_refund(connection, &request.order_no, &request.refund_no).await?;
        if is_done { Ok(()) } else { Err(lost(&request)) }
    }
}

/// The fence says that the points are set aside; if they aren't, the tables were changed by hand. A person must look,
/// and the branch stays open until then.
fn lost(request: &RefundPointsRequest) -> ActionError {
    let RefundPointsRequest {
        account_id,
        order_no,
        refund_no,
        points,
    } = request;
    ActionError::Internal(format!(
        "{points} of {account_id} should be set aside for refund {refund_no} of order {order_no} and aren't"
    ))
}

fn check(request: &RefundPointsRequest) -> Result<(), Refusal> {
    let invalid = |message| Err(Refusal::invalid("INVALID_REFUND", message));
    if !is_name(&request.account_id) {
        return invalid("account_id must be 1 to 64 visible ASCII characters");
    }
    if !is_name(&request.order_no) {
        return invalid("order_no must be 1 to 64 visible ASCII characters");
    }
    if !is_name(&request.refund_no) {
        return invalid("refund_no must be 1 to 64 visible ASCII characters");
    }
    if !is_amount(request.points) {
        return invalid("points must be 1 to 1000000000000");
    }
    Ok(())
}
