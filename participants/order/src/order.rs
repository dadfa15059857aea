//! An order as it is kept. No SQL, no calls.

use tercet_participant::{Refusal, is_id, timestamp};
use tercet_proto::shop::order::v1 as proto;

use crate::state::{Event, Next, No, State, next};

/// Pieces in one order.
pub(crate) const QUANTITY_MAX: i64 = 1000;
/// Points and cents of one order.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// What is ordered: a repeated request id is compared by all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) request_id: String,
    pub(crate) user_id: String,
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    /// Spent when it is placed.
    pub(crate) points: i64,
    pub(crate) campaign_id: Option<String>,
    pub(crate) amount_cents: i64,
    /// Spent when it is paid.
    pub(crate) points_due: i64,
}

impl Submission {
    /// Checks everything that can be wrong with an order in itself.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::invalid("INVALID_ORDER", message));
        let ids = [
            ("request_id", Some(&self.request_id)),
            ("user_id", Some(&self.user_id)),
            ("sku", Some(&self.sku)),
            ("campaign_id", self.campaign_id.as_ref()),
        ];
        for (field, id) in ids {
            if id.is_some_and(|id| !is_id(id, 64)) {
                return invalid(format!("{field} must be 1 to 64 visible ASCII characters"));
            }
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return invalid(format!("quantity must be 1 to {QUANTITY_MAX}"));
        }
        for (field, amount) in [
            ("points_to_spend", self.points),
            ("amount_cents", self.amount_cents),
            ("points_due", self.points_due),
        ] {
            if !(0..=AMOUNT_MAX).contains(&amount) {
                return invalid(format!("{field} must be 0 to {AMOUNT_MAX}"));
            }
        }
        Ok(())
    }

    /// The same for what a customer sends, who need not know what a campaign sells.
    pub(crate) fn check_sent(&self) -> Result<(), Refusal> {
        if self.campaign_id.is_none() || !self.sku.is_empty() {
            return self.check();
        }
        let mut known = self.clone();
        "unsaid".clone_into(&mut known.sku);
        known.check()
    }

    /// The global transaction that places this order, of a round from 0. The request id and the round alone make it, so a
    /// repeat after a crash is the same transaction, and other content under it is a conflict that the coordinator sees
    /// too. The round comes first: a request id may look like another one with a number behind it.
    pub(crate) fn gid(&self, round: i64) -> String {
        match round {
            0 => format!("order-{}", self.request_id),
            _ => format!("order{}-{}", round + 1, self.request_id),
        }
    }

    /// The round that has this gid; none where it isn't one of this submission.
    pub(crate) fn round_of(&self, gid: &str) -> Option<i64> {
        let (number, request_id) = gid.strip_prefix("order")?.split_once('-')?;
        let round = match number {
            "" => 0,
            number => number.parse::<i64>().ok()?.checked_sub(1)?,
        };
        (request_id == self.request_id && self.gid(round) == gid).then_some(round)
    }
}

fn campaign(id: String) -> Option<String> {
    Some(id).filter(|id| !id.is_empty())
}

impl From<proto::PlaceOrderRequest> for Submission {
    fn from(request: proto::PlaceOrderRequest) -> Self {
        Self {
            request_id: request.request_id,
            user_id: request.user_id,
            sku: request.sku,
            quantity: request.quantity,
            points: request.points_to_spend,
            campaign_id: campaign(request.campaign_id),
            amount_cents: 0,
            points_due: 0,
        }
    }
}

impl From<proto::CreateOrderRequest> for Submission {
    fn from(request: proto::CreateOrderRequest) -> Self {
        Self {
            request_id: request.request_id,
            user_id: request.user_id,
            sku: request.sku,
            quantity: request.quantity,
            points: request.points_to_spend,
            campaign_id: campaign(request.campaign_id),
            amount_cents: request.amount_cents,
            points_due: request.points_due,
        }
    }
}

/// Whether stock is held for an unpaid order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It never was, or no longer is.
    None = 0,
    /// It is.
    Held = 1,
    /// It is ending.
    Ending = 2,
}

impl Hold {
    pub(crate) fn code(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        [Self::None, Self::Held, Self::Ending]
            .into_iter()
            .find(|hold| hold.code() == code)
    }
}

/// What of an order changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// Where it goes back to.
    pub(crate) before: Option<State>,
    pub(crate) hold: Hold,
    /// The global transaction of the change under way.
    pub(crate) busy_gid: Option<String>,
    pub(crate) payment_no: Option<String>,
    pub(crate) refund_no: Option<String>,
    pub(crate) refunded_cents: i64,
    pub(crate) refunded_points: i64,
    pub(crate) returned_pieces: i64,
    pub(crate) is_put_off: bool,
}

impl Standing {
    /// After the event.
    pub(crate) fn after(&self, event: Event) -> Result<Self, No> {
        let mut after = self.clone();
        match next(self.state, event)? {
            Next::To(state) => after.state = state,
            Next::Aside(state) => {
                after.before = Some(self.state);
                after.state = state;
            }
            Next::Back => {
                after.state = self.before.ok_or(No::WrongState)?;
                after.before = None;
            }
        }
        if matches!(after.state, State::Paid) || after.state.is_final() {
            after.before = None;
        }
        Ok(after)
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) gid: String,
    pub(crate) submission: Submission,
    pub(crate) standing: Standing,
    /// Under which keys stock and points know it.
    pub(crate) stock_ref: String,
    pub(crate) points_ref: String,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Order {
    /// Where it stands.
    pub(crate) fn state(&self) -> State {
        self.standing.state
    }

    /// All points that were spent for it once it is paid.
    pub(crate) fn points_paid(&self) -> i64 {
        self.submission.points + self.submission.points_due
    }
}

impl From<Order> for proto::Order {
    fn from(order: Order) -> Self {
        let standing = order.standing;
        Self {
            order_no: order.number,
            created_at: Some(timestamp(order.created_at)),
            updated_at: Some(timestamp(order.updated_at)),
            refunded_cents: standing.refunded_cents,
            refunded_points: standing.refunded_points,
            returned_pieces: standing.returned_pieces,
            payment_no: standing.payment_no.unwrap_or_default(),
            refund_no: standing.refund_no.unwrap_or_default(),
            ..unwritten(order.submission, order.gid, standing.state)
        }
    }
}

/// An order that there is no row for: refused before it was written, or not written yet.
pub(crate) fn unwritten(submission: Submission, gid: String, state: State) -> proto::Order {
    let points_spent = if state.is_unpaid_end() {
        0
    } else {
        submission.points
    };
    proto::Order {
        request_id: submission.request_id,
        gid,
        user_id: submission.user_id,
        sku: submission.sku,
        quantity: submission.quantity,
        points_spent,
        state: state.shown().into(),
        campaign_id: submission.campaign_id.unwrap_or_default(),
        amount_cents: submission.amount_cents,
        points_due: submission.points_due,
        ..proto::Order::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(request_id: &str) -> Submission {
        Submission::from(proto::PlaceOrderRequest {
            request_id: request_id.to_owned(),
            ..proto::PlaceOrderRequest::default()
        })
    }

    #[test]
    fn a_rounds_gid_is_no_other_submissions() {
        let mut gids = std::collections::BTreeMap::new();
        for request_id in ["r", "r-2", "2-r", "-r", "-2-r", "2", "-"] {
            let submission = submission(request_id);
            for round in [0, 1, 2, 21] {
                let gid = submission.gid(round);
                assert_eq!(submission.round_of(&gid), Some(round));
                let other = gids.insert(gid.clone(), request_id);
                assert_eq!(other, None, "{gid}");
            }
        }
        for gid in [
            "order-x",
            "order1-r",
            "order+2-r",
            "order02-r",
            "orderx-r",
            "cancel-r",
            "order",
        ] {
            assert_eq!(submission("r").round_of(gid), None, "{gid}");
        }
    }
}
