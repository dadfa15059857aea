//! The action `points.spend`: available to frozen, then out of the account or back.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, is_id, now_micros};
use tercet_proto::shop::points::v1::{SpendPointsRequest, SpendPointsTryResponse};

use super::queries::Movement;
use super::{Connection, Db, queries};
use crate::ledger::{Kind, is_amount, is_name};

/// Freezes and spends a customer's points.
#[derive(Debug)]
pub(super) struct Spend;

impl Action for Spend {
    type Db = Db;
    type Request = SpendPointsRequest;
    type Reply = SpendPointsTryResponse;
    const SERVICE: &'static str = crate::SPEND;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SpendPointsRequest,
    ) -> Result<SpendPointsTryResponse, ActionError> {
        check(&request)?;
        let movement = movement(&request, Kind::Freeze);
        let is_frozen = queries::apply(&mut *connection, movement).await?;
        let account = queries::account(&mut *connection, &request.user_id).await?;
        let Some(account) = account else {
            let message = format!("{} has no account", request.user_id);
            return Err(Refusal::not_found("UNKNOWN_ACCOUNT", message).into());
        };
        if !is_frozen {
            let message = format!(
                "{} points were asked for, {} are there",
                request.points, account.available
            );
            return Err(Refusal::precondition("NOT_ENOUGH_POINTS", message).into());
        }
        if !queries::write(connection, movement).await? {
            let message = format!(
                "points for {} were taken by another branch",
                order(&request)
            );
            return Err(Refusal::already_exists("DUPLICATE_SPEND", message).into());
        }
        Ok(SpendPointsTryResponse {
            available: account.available,
            frozen: account.frozen,
        })
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SpendPointsRequest,
    ) -> Result<(), ActionError> {
        settle(connection, &request, Kind::Spend).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: SpendPointsRequest,
    ) -> Result<(), ActionError> {
        settle(connection, &request, Kind::Unfreeze).await
    }
}

/// The order's key: refunds and the ledger go by it.
fn order(request: &SpendPointsRequest) -> &str {
    if request.order_no.is_empty() {
        &request.order_ref
    } else {
        &request.order_no
    }
}

fn movement(request: &SpendPointsRequest, kind: Kind) -> Movement<'_> {
    Movement {
        user_id: &request.user_id,
        order_ref: Some(order(request)),
        entry_no: &request.spend_no,
        kind,
        points: request.points,
        now: now_micros(),
    }
}

/// The fence says that the points are frozen; if they aren't, the tables were changed by hand. A person must look,
/// and the branch stays open until then.
async fn settle(
    connection: &mut Connection,
    request: &SpendPointsRequest,
    kind: Kind,
) -> Result<(), ActionError> {
    let movement = movement(request, kind);
    let (user_id, points, order) = (&request.user_id, request.points, order(request));
    let is_settled = queries::apply(&mut *connection, movement).await?
        && queries::write(&mut *connection, movement).await?;
    if !is_settled {
        return Err(ActionError::Internal(format!(
            "{points} of {user_id} should be frozen for {order} and aren't"
        )));
    }
    if kind == Kind::Spend {
        queries::add_spent(connection, order, user_id, points).await?;
    }
    Ok(())
}

fn check(request: &SpendPointsRequest) -> Result<(), Refusal> {
    let invalid = |message| Err(Refusal::invalid("INVALID_SPEND", message));
    if !is_name(&request.user_id) {
        return invalid("user_id must be 1 to 64 visible ASCII characters");
    }
    if !is_amount(request.points) {
        return invalid("points must be 1 to 1000000000000");
    }
    if request.order_no.is_empty() && !is_id(&request.order_ref, 128) {
        return invalid(
            "order_no or order_ref must be set: 1 to 64 or 128 visible ASCII characters",
        );
    }
    if !request.order_no.is_empty() && !is_name(&request.order_no) {
        return invalid("order_no must be at most 64 visible ASCII characters");
    }
    if !request.spend_no.is_empty() && !is_name(&request.spend_no) {
        return invalid("spend_no must be at most 64 visible ASCII characters");
    }
    Ok(())
}
