//! The action `order.create`: pending, then created or cancelled.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, now_micros};
use tercet_proto::shop::order::v1::{CreateOrderRequest, CreateOrderTryResponse};

use super::order::{State, Submission};
use super::{Connection, Db, queries};
use crate::number;

/// Writes orders.
#[derive(Debug)]
pub(super) struct Create;

impl Action for Create {
    type Db = Db;
    type Request = CreateOrderRequest;
    type Reply = CreateOrderTryResponse;
    const SERVICE: &'static str = crate::CREATE;

    async fn on_try(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: CreateOrderRequest,
    ) -> Result<CreateOrderTryResponse, ActionError> {
        let submission = Submission::from(request);
        submission.check()?;
        let order_no = number::new();
        if queries::insert(
            &mut *connection,
            context,
            &order_no,
            &submission,
            now_micros(),
        )
        .await?
        {
            return Ok(CreateOrderTryResponse { order_no });
        }
        if queries::by_request(connection, &submission.request_id)
            .await?
            .is_some()
        {
            let message = format!("there is an order for request {}", submission.request_id);
            return Err(Refusal::already_exists("DUPLICATE_REQUEST", message).into());
        }
        // The number was taken: in doubt for the coordinator, whose next call draws another one.
        Err(ActionError::Internal(format!(
            "order number {order_no} is taken"
        )))
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        _: CreateOrderRequest,
    ) -> Result<(), ActionError> {
        settle(connection, context, State::Created).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        _: CreateOrderRequest,
    ) -> Result<(), ActionError> {
        settle(connection, context, State::Cancelled).await
    }
}

/// The fence says that the order is pending; if it isn't, the table was changed by hand. A person must look, and the
/// branch stays open until then.
async fn settle(
    connection: &mut Connection,
    context: &BranchContext,
    to: State,
) -> Result<(), ActionError> {
    if queries::settle(connection, context, to, now_micros()).await? {
        return Ok(());
    }
    Err(ActionError::Internal(format!(
        "the order of {} should be pending and isn't",
        context.gid()
    )))
}
