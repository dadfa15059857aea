//! The order's part in what happens to it after it was placed. Each of these actions is a try that sets the order aside
//! ([`aside`]), a confirm that goes forward and a cancel that goes back ([`settle`]). Where each leads is `state.rs`'s.
//!
//! `order.close` and `order.release_hold` are here; the actions of payments and refunds are with those.
//!
//! Must never: change an order that another transaction has set aside.

use tercet_participant::{Action, ActionError, BranchContext, Refusal};
use tercet_proto::shop::order::v1 as proto;

use super::deadline::{Kind, queries as deadlines};
use super::desk::{Changed, Desk, owned, refusal};
use super::{Connection, Db};
use crate::order::{Hold, Order, Standing};
use crate::state::{Event, No};

/// Sets the order aside for the transaction that calls.
pub(super) async fn aside(
    desk: &Desk,
    connection: &mut Connection,
    context: &BranchContext,
    order: Order,
    event: Event,
    edit: impl FnOnce(&Order, &mut Standing) -> Result<(), ActionError> + Send,
) -> Result<Changed, ActionError> {
    let gid = context.gid().to_owned();
    desk.change(connection, order, event, |order, after| {
        after.busy_gid = Some(gid);
        edit(order, after)
    })
    .await
}

/// Ends what [`aside`] began. The fence says that the order is set aside for this transaction; if it isn't, the table was
/// changed by hand. A person must look, and the branch stays open until then.
pub(super) async fn settle(
    desk: &Desk,
    connection: &mut Connection,
    context: &BranchContext,
    order_no: &str,
    event: impl FnOnce(&Order) -> Event + Send,
    edit: impl FnOnce(&Order, &mut Standing) + Send,
) -> Result<Changed, ActionError> {
    let order = owned(&mut *connection, order_no, None).await?;
    if order.standing.busy_gid.as_deref() != Some(context.gid()) {
        return Err(ActionError::Internal(format!(
            "order {order_no} should be set aside for {} and isn't",
            context.gid()
        )));
    }
    let event = event(&order);
    let changed = desk.change(connection, order, event, |order, after| {
        after.busy_gid = None;
        edit(order, after);
        Ok(())
    });
    match changed.await {
        Err(ActionError::Refused(refusal)) => Err(ActionError::Internal(refusal.to_string())),
        changed => changed,
    }
}

pub(super) fn unchanged(_: &Order, _: &mut Standing) {}

/// The caller's branches were made for an order that stands otherwise.
fn stale(order: &Order) -> ActionError {
    refusal(No::Busy, order)
}

pub(super) fn holds(order: &Order, expected: bool) -> Result<(), ActionError> {
    let is_held = order.standing.hold == Hold::Held;
    if order.standing.hold == Hold::Ending || is_held != expected {
        return Err(stale(order));
    }
    Ok(())
}

/// `order.close`.
#[derive(Debug)]
pub(super) struct Close(pub(super) Desk);

impl Action for Close {
    type Db = Db;
    type Request = proto::CloseOrderRequest;
    type Reply = proto::CloseOrderTryResponse;
    const SERVICE: &'static str = crate::CLOSE;

    async fn on_try(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<Self::Reply, ActionError> {
        if request.cause() == proto::CloseCause::Unspecified {
            return Err(Refusal::invalid("INVALID_CLOSE", "cause must be set").into());
        }
        let order = owned(&mut *connection, &request.order_no, None).await?;
        aside(
            &self.0,
            connection,
            context,
            order,
            Event::CloseTried,
            |order, _| holds(order, request.releases_held),
        )
        .await?;
        Ok(Self::Reply::default())
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        let event = match request.cause() {
            proto::CloseCause::TimedOut => Event::ClosedByTime,
            _ => Event::ClosedByBuyer,
        };
        let done = |_: &Order, after: &mut Standing| after.hold = Hold::None;
        settle(
            &self.0,
            connection,
            context,
            &request.order_no,
            |_| event,
            done,
        )
        .await?;
        Ok(())
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        context: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        let event = |_: &Order| Event::CloseCancelled;
        settle(
            &self.0,
            connection,
            context,
            &request.order_no,
            event,
            unchanged,
        )
        .await?;
        Ok(())
    }
}

/// `order.release_hold`. The state stays, so the hold has three positions of its own.
#[derive(Debug)]
pub(super) struct ReleaseHold(pub(super) Desk);

impl ReleaseHold {
    async fn end(
        &self,
        connection: &mut Connection,
        order_no: &str,
        to: Hold,
    ) -> Result<(), ActionError> {
        let order = owned(&mut *connection, order_no, None).await?;
        if order.standing.hold != Hold::Ending {
            let message = format!("the hold of order {order_no} should be ending and isn't");
            return Err(ActionError::Internal(message));
        }
        let set = |_: &Order, after: &mut Standing| {
            after.hold = to;
            Ok(())
        };
        self.0
            .change(connection, order, Event::HoldEnds, set)
            .await?;
        Ok(())
    }
}

impl Action for ReleaseHold {
    type Db = Db;
    type Request = proto::ReleaseHoldRequest;
    type Reply = proto::ReleaseHoldTryResponse;
    const SERVICE: &'static str = crate::RELEASE_HOLD;

    async fn on_try(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: Self::Request,
    ) -> Result<Self::Reply, ActionError> {
        let order = owned(&mut *connection, &request.order_no, None).await?;
        let set = |order: &Order, after: &mut Standing| {
            holds(order, true)?;
            after.hold = Hold::Ending;
            Ok(())
        };
        self.0
            .change(connection, order, Event::HoldEnds, set)
            .await?;
        Ok(Self::Reply::default())
    }

    async fn on_confirm(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        self.end(&mut *connection, &request.order_no, Hold::None)
            .await?;
        deadlines::clear(connection, &request.order_no, Kind::Hold.code()).await?;
        Ok(())
    }

    async fn on_cancel(
        &self,
        connection: &mut Connection,
        _: &BranchContext,
        request: Self::Request,
    ) -> Result<(), ActionError> {
        self.end(connection, &request.order_no, Hold::Held).await
    }
}
