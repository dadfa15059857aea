//! An order as it is kept. No SQL, no calls.

use tercet_participant::{Refusal, is_id, timestamp};
use tercet_proto::shop::order::v1 as proto;

/// Pieces in one order.
const QUANTITY_MAX: i64 = 1000;
const POINTS_MAX: i64 = 1_000_000_000_000;

/// Where an order stands. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its transaction is undecided, or its confirm is on the way.
    Pending = 1,
    /// Placed.
    Created = 2,
    /// Refused or cancelled.
    Cancelled = 3,
}

impl State {
    pub(super) fn code(self) -> i64 {
        self as i64
    }

    pub(super) fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Pending),
            2 => Some(Self::Created),
            3 => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// What is ordered: a repeated request id is compared by all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submission {
    pub(super) request_id: String,
    pub(super) user_id: String,
    pub(super) sku: String,
    pub(super) quantity: i64,
    pub(super) points: i64,
}

impl Submission {
    /// Checks everything that can be wrong with an order in itself.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::invalid("INVALID_ORDER", message));
        for (field, id) in [
            ("request_id", &self.request_id),
            ("user_id", &self.user_id),
            ("sku", &self.sku),
        ] {
            if !is_id(id, 64) {
                return invalid(format!("{field} must be 1 to 64 visible ASCII characters"));
            }
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return invalid(format!("quantity must be 1 to {QUANTITY_MAX}"));
        }
        if !(0..=POINTS_MAX).contains(&self.points) {
            return invalid(format!("points_to_spend must be 0 to {POINTS_MAX}"));
        }
        Ok(())
    }

    /// The global transaction that places this order. The request id alone makes it, so a repeat after a crash is
    /// the same transaction, and other content under it is a conflict that the coordinator sees too.
    pub(super) fn gid(&self) -> String {
        format!("order-{}", self.request_id)
    }
}

impl From<proto::PlaceOrderRequest> for Submission {
    fn from(request: proto::PlaceOrderRequest) -> Self {
        let proto::PlaceOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..
        } = request;
        Self {
            request_id,
            user_id,
            sku,
            quantity,
            points: points_to_spend,
        }
    }
}

impl From<proto::CreateOrderRequest> for Submission {
    fn from(request: proto::CreateOrderRequest) -> Self {
        let proto::CreateOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..
        } = request;
        Self {
            request_id,
            user_id,
            sku,
            quantity,
            points: points_to_spend,
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) number: String,
    pub(super) gid: String,
    pub(super) submission: Submission,
    pub(super) state: State,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl From<Order> for proto::Order {
    fn from(order: Order) -> Self {
        Self {
            order_no: order.number,
            created_at: Some(timestamp(order.created_at)),
            updated_at: Some(timestamp(order.updated_at)),
            ..unwritten(order.submission, order.gid, order.state)
        }
    }
}

/// An order that there is no row for: refused before it was written, or not written yet.
pub(super) fn unwritten(submission: Submission, gid: String, state: State) -> proto::Order {
    let Submission {
        request_id,
        user_id,
        sku,
        quantity,
        points,
    } = submission;
    let (state, points_spent) = match state {
        State::Pending => (proto::OrderState::Pending, points),
        State::Created => (proto::OrderState::Created, points),
        State::Cancelled => (proto::OrderState::Cancelled, 0),
    };
    proto::Order {
        request_id,
        gid,
        user_id,
        sku,
        quantity,
        points_spent,
        state: state.into(),
        ..proto::Order::default()
    }
}
