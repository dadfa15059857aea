//! The actions `order.refund` and `order.return`: the order's part in giving back.

use tercet_participant::{Action, ActionError, BranchContext, Refusal};
use tercet_proto::shop::order::v1 as proto;

use super::super::actions::{aside, settle, unchanged};
use super::super::desk::{Desk, owned};
use super::super::{Connection, Db};
use super::queries;
use crate::money::RefundState;
use crate::order::{Order, Standing};
use crate::split::{Paid, Part};
use crate::state::Event;

/// The events of one kind of giving back.
#[derive(Debug, Clone, Copy)]
struct Events {
    tried: Event,
    part: Event,
    all: Event,
    cancelled: Event,
}

const REFUND: Events = Events {
    tried: Event::RefundTried,
    part: Event::RefundedPart,
    all: Event::RefundedAll,
    cancelled: Event::RefundCancelled,
};

const RETURN: Events = Events {
    tried: Event::ReturnTried,
    part: Event::ReturnedPart,
    all: Event::ReturnedAll,
    cancelled: Event::ReturnCancelled,
};

/// What is given back.
#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    order_no: &'a str,
    refund_no: &'a str,
    cents: i64,
    points: i64,
    /// None of a refund, whose goods stay where they are.
    pieces: Option<i64>,
}

impl<'a> From<&'a proto::RefundOrderRequest> for Given<'a> {
    fn from(request: &'a proto::RefundOrderRequest) -> Self {
        Self {
            order_no: &request.order_no,
            refund_no: &request.refund_no,
            cents: request.amount_cents,
            points: request.points,
            pieces: None,
        }
    }
}

impl<'a> From<&'a proto::ReturnOrderActionRequest> for Given<'a> {
    fn from(request: &'a proto::ReturnOrderActionRequest) -> Self {
        Self {
            order_no: &request.order_no,
            refund_no: &request.refund_no,
            cents: request.amount_cents,
            points: request.points,
            pieces: Some(request.pieces),
        }
    }
}

impl Given<'_> {
    fn events(&self) -> Events {
        if self.pieces.is_some() {
            RETURN
        } else {
            REFUND
        }
    }

    fn pieces(&self) -> i64 {
        self.pieces.unwrap_or(0)
    }

    /// Only what the merchant said yes to.
    async fn is_approved(&self, connection: &mut Connection) -> Result<bool, ActionError> {
        let refund = queries::get(connection, self.refund_no).await?;
        Ok(refund.is_some_and(|refund| {
            refund.state == RefundState::Approved.code()
                && refund.order_no == self.order_no
                && refund.is_return == i64::from(self.pieces.is_some())
                && refund.amount_cents == self.cents
                && refund.points == self.points
                && refund.pieces == self.pieces()
        }))
    }

    async fn on_try(
        &self,
        desk: &Desk,
        connection: &mut Connection,
        context: &BranchContext,
    ) -> Result<(), ActionError> {
        let order = owned(&mut *connection, self.order_no, None).await?;
        if !self.is_approved(&mut *connection).await? {
            let message = format!("{} isn't approved as such", self.refund_no);
            return Err(Refusal::precondition("NOT_APPROVED", message).into());
        }
        let left = |order: &Order, _: &mut Standing| self.is_left(order);
        let tried = self.events().tried;
        aside(desk, connection, context, order, tried, left).await?;
        Ok(())
    }

    /// What is approved was left when it was; this is the wall behind that.
    fn is_left(&self, order: &Order) -> Result<(), ActionError> {
        let rest = Paid::from(order).rest();
        let fits = |part: i64, rest: i64| (0..=rest).contains(&part);
        if fits(self.cents, rest.cents)
            && fits(self.points, rest.points)
            && fits(self.pieces(), rest.pieces)
        {
            return Ok(());
        }
        let message = format!("less is left of order {}", order.number);
        Err(Refusal::precondition("REFUND_TOO_LARGE", message).into())
    }

    /// Whether nothing is left to give after it; of a return also no piece.
    fn is_all(&self, order: &Order) -> bool {
        let part = Part {
            cents: self.cents,
            points: self.points,
            pieces: self.pieces(),
        };
        let rest = Paid::from(order).after(part).rest();
        rest.cents == 0 && rest.points == 0 && (self.pieces.is_none() || rest.pieces == 0)
    }

    async fn on_confirm(
        &self,
        desk: &Desk,
        connection: &mut Connection,
        context: &BranchContext,
    ) -> Result<(), ActionError> {
        let events = self.events();
        let event = |order: &Order| {
            if self.is_all(order) {
                events.all
            } else {
                events.part
            }
        };
        let count = |_: &Order, after: &mut Standing| {
            after.refunded_cents += self.cents;
            after.refunded_points += self.points;
            after.returned_pieces += self.pieces();
        };
        settle(desk, &mut *connection, context, self.order_no, event, count).await?;
        let (from, to) = (RefundState::Approved.code(), RefundState::Done.code());
        if queries::end(connection, self.refund_no, from, to).await? {
            return Ok(());
        }
        // The order is set aside for it; if it isn't approved, the table was changed by hand. A person must look.
        let message = format!("refund {} should be approved and isn't", self.refund_no);
        Err(ActionError::Internal(message))
    }

    async fn on_cancel(
        &self,
        desk: &Desk,
        connection: &mut Connection,
        context: &BranchContext,
    ) -> Result<(), ActionError> {
        let event = self.events().cancelled;
        settle(
            desk,
            connection,
            context,
            self.order_no,
            |_| event,
            unchanged,
        )
        .await?;
        Ok(())
    }
}

macro_rules! giving_back {
    ($(#[$doc:meta])* $name:ident, $service:expr, $request:ident, $reply:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(in super::super) struct $name(pub(in super::super) Desk);

        impl Action for $name {
            type Db = Db;
            type Request = proto::$request;
            type Reply = proto::$reply;
            const SERVICE: &'static str = $service;

            async fn on_try(
                &self,
                connection: &mut Connection,
                context: &BranchContext,
                request: Self::Request,
            ) -> Result<Self::Reply, ActionError> {
                let given = Given::from(&request);
                given.on_try(&self.0, connection, context).await?;
                Ok(Self::Reply::default())
            }

            async fn on_confirm(
                &self,
                connection: &mut Connection,
                context: &BranchContext,
                request: Self::Request,
            ) -> Result<(), ActionError> {
                let given = Given::from(&request);
                given.on_confirm(&self.0, connection, context).await
            }

            async fn on_cancel(
                &self,
                connection: &mut Connection,
                context: &BranchContext,
                request: Self::Request,
            ) -> Result<(), ActionError> {
                let given = Given::from(&request);
                given.on_cancel(&self.0, connection, context).await
            }
        }
    };
}

giving_back!(
    /// `order.refund`.
    Refund,
    crate::REFUND,
    RefundOrderRequest,
    RefundOrderTryResponse
);
giving_back!(
    /// `order.return`.
    Return,
    crate::RETURN,
    ReturnOrderActionRequest,
    ReturnOrderActionTryResponse
);
