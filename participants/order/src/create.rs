//! The action `order.create`: pending, then created or cancelled.

use tercet_participant::{Action, ActionError, BranchContext, Refusal, now_micros};
use tercet_proto::shop::order::v1::{CreateOrderRequest, CreateOrderTryResponse};

use super::campaign::{self, queries as campaigns};
use super::desk::Desk;
use super::queries::NewOrder;
use super::{Connection, Db, queries};
use crate::number;
use crate::order::{Hold, Order, Submission};
use crate::state::{Event, State};

/// Writes orders.
#[derive(Debug)]
pub(super) struct Create(pub(super) Desk);

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
        let given = request.order_no.clone();
        let submission = Submission::from(request);
        submission.check()?;
        let now = now_micros();
        let campaign = campaign::verify(&mut *connection, &submission, now).await?;
        let is_named = !given.is_empty();
        let order_no = if is_named { given } else { number::new(now) };
        let is_held = campaign
            .as_ref()
            .is_none_or(|campaign| campaign.is_taken_at_order != 0);
        let new = NewOrder {
            order_no: &order_no,
            hold: if is_held { Hold::Held } else { Hold::None },
            // An order that is named by nobody else is known to nobody else.
            stock_ref: if is_named { &order_no } else { "" },
            points_ref: if is_named { &order_no } else { context.gid() },
            now,
        };
        if let Some(campaign) = &campaign {
            let (id, user) = (&campaign.campaign_id, &submission.user_id);
            if !campaigns::take_place(&mut *connection, id, user, &order_no).await? {
                let message = format!("{user} has an order in campaign {id}");
                return Err(Refusal::precondition("ONE_PER_USER", message).into());
            }
        }
        if queries::insert(&mut *connection, context, new, &submission).await? {
            return Ok(CreateOrderTryResponse { order_no });
        }
        let before = queries::by_request(&mut *connection, &submission.request_id).await?;
        if let Some(before) = before {
            if is_superseded(&before, context.gid())
                && queries::delete_refused(&mut *connection, &before).await?
                && queries::insert(connection, context, new, &submission).await?
            {
                return Ok(CreateOrderTryResponse { order_no });
            }
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
        self.settle(connection, context, Event::Placed).await
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        _: CreateOrderRequest,
    ) -> Result<(), ActionError> {
        self.settle(connection, context, Event::PlacingCancelled)
            .await
    }
}

/// Whether an order is what an earlier round of the same submission has left: it came to nothing, and nobody has refused it,
/// else there would be no later round.
fn is_superseded(before: &Order, gid: &str) -> bool {
    let rounds = [before.gid.as_str(), gid].map(|gid| before.submission.round_of(gid));
    matches!(rounds, [Some(earlier), Some(later)] if earlier < later)
        && before.state() == State::Cancelled
}

impl Create {
    /// The fence says that the order is pending; if it isn't, the table was changed by hand. A person must look, and the
    /// branch stays open until then.
    async fn settle(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        event: Event,
    ) -> Result<(), ActionError> {
        let lost = || {
            let message = format!("the order of {} should be pending and isn't", context.gid());
            ActionError::Internal(message)
        };
        let order = queries::by_branch(&mut *connection, context)
            .await?
            .ok_or_else(lost)?;
        match self.0.change(connection, order, event, |_, _| Ok(())).await {
            Ok(_) => Ok(()),
            Err(ActionError::Refused(_)) => Err(lost()),
            Err(error) => Err(error),
        }
    }
}
