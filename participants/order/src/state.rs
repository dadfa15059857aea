//! Where an order stands, and where each event takes it: the whole state machine, pure. `docs/shop.md` has its table.
//!
//! A change that other services take part in goes through a state of its own (settling, closing, refunding, returning):
//! the try enters it, confirm leaves it forward, cancel goes back. Whoever finds an order in one comes too late or
//! has to come again; so two changes that race have one winner.

use tercet_proto::shop::order::v1::OrderState;

/// Where an order stands. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Its transaction is undecided, or its confirm is on the way.
    Pending = 1,
    /// Placed, not paid.
    Created = 2,
    /// Refused when it was placed.
    Cancelled = 3,
    /// An outside payment is under way.
    Paying = 4,
    /// Paid.
    Paid = 5,
    /// On its way.
    Shipped = 6,
    /// Arrived.
    Received = 7,
    /// Over and done.
    Completed = 8,
    /// Not paid in time.
    TimedOut = 9,
    /// A refund is asked for.
    RefundAsked = 10,
    /// All is given back.
    Refunded = 11,
    /// The goods are back, and all is given back.
    Returned = 12,
    /// Cancelled by its buyer.
    Closed = 13,
    /// Being paid.
    Settling = 14,
    /// Being closed.
    Closing = 15,
    /// A refund is being given.
    Refunding = 16,
    /// Goods are being taken back.
    Returning = 17,
}

/// What may happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// order.create is confirmed.
    Placed,
    /// order.create is cancelled.
    PlacingCancelled,
    /// An outside payment begins.
    PaymentStarted,
    /// It failed, or its money can't be taken.
    PaymentFailed,
    /// order.pay: try, confirm, cancel.
    PayTried,
    PayConfirmed,
    PayCancelled,
    /// order.close: try, confirm for each cause, cancel.
    CloseTried,
    ClosedByBuyer,
    ClosedByTime,
    CloseCancelled,
    /// The hold ends; the order stays as it is.
    HoldEnds,
    /// The merchant has sent it.
    Shipped,
    /// The buyer has it, or time says so.
    Received,
    /// The receipt is put off; the order stays as it is.
    ReceiptPutOff,
    /// The time for complaints is over.
    Completed,
    /// The buyer asks for a refund.
    RefundAsked,
    /// The merchant says no.
    RefundRejected,
    /// order.refund: try, confirm of a part and of the rest, cancel.
    RefundTried,
    RefundedPart,
    RefundedAll,
    RefundCancelled,
    /// order.return: the same.
    ReturnTried,
    ReturnedPart,
    ReturnedAll,
    ReturnCancelled,
}

/// Where an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// To this state.
    To(State),
    /// To this one, and what was left is remembered.
    Aside(State),
    /// Back to what was left.
    Back,
}

/// Why an event doesn't happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum No {
    /// Another change is under way: come again.
    Busy,
    /// Not in this state.
    WrongState,
}

/// The transition.
#[expect(clippy::match_same_arms, reason = "one line a transition")]
pub(crate) fn next(state: State, event: Event) -> Result<Next, No> {
    use Event as E;
    use Next::{Aside, Back, To};
    use State as S;
    Ok(match (state, event) {
        (S::Pending, E::Placed) => To(S::Created),
        (S::Pending, E::PlacingCancelled) => To(S::Cancelled),
        (S::Created, E::PaymentStarted) => To(S::Paying),
        (S::Paying, E::PaymentFailed) => To(S::Created),
        (S::Created | S::Paying, E::PayTried) => Aside(S::Settling),
        (S::Settling, E::PayConfirmed) => To(S::Paid),
        (S::Created | S::Paying, E::CloseTried) => Aside(S::Closing),
        (S::Closing, E::ClosedByBuyer) => To(S::Closed),
        (S::Closing, E::ClosedByTime) => To(S::TimedOut),
        (S::Created | S::Paying, E::HoldEnds) => To(state),
        (S::Paid, E::Shipped) => To(S::Shipped),
        (S::Shipped, E::Received) => To(S::Received),
        (S::Shipped, E::ReceiptPutOff) => To(S::Shipped),
        (S::Received, E::Completed) => To(S::Completed),
        (S::Paid | S::Shipped | S::Received, E::RefundAsked) => Aside(S::RefundAsked),
        (S::RefundAsked, E::RefundTried) => To(S::Refunding),
        (S::Refunding, E::RefundedAll) => To(S::Refunded),
        (S::RefundAsked, E::ReturnTried) => To(S::Returning),
        (S::Returning, E::ReturnedAll) => To(S::Returned),
        (S::Refunding, E::RefundCancelled) | (S::Returning, E::ReturnCancelled) => {
            To(S::RefundAsked)
        }
        (S::Settling, E::PayCancelled)
        | (S::Closing, E::CloseCancelled)
        | (S::RefundAsked, E::RefundRejected)
        | (S::Refunding, E::RefundedPart)
        | (S::Returning, E::ReturnedPart) => Back,
        (S::Pending | S::Settling | S::Closing | S::Refunding | S::Returning, _) => {
            return Err(No::Busy);
        }
        _ => return Err(No::WrongState),
    })
}

#[cfg(test)]
impl Event {
    /// Every event.
    pub(crate) const ALL: [Self; 26] = [
        Self::Placed,
        Self::PlacingCancelled,
        Self::PaymentStarted,
        Self::PaymentFailed,
        Self::PayTried,
        Self::PayConfirmed,
        Self::PayCancelled,
        Self::CloseTried,
        Self::ClosedByBuyer,
        Self::ClosedByTime,
        Self::CloseCancelled,
        Self::HoldEnds,
        Self::Shipped,
        Self::Received,
        Self::ReceiptPutOff,
        Self::Completed,
        Self::RefundAsked,
        Self::RefundRejected,
        Self::RefundTried,
        Self::RefundedPart,
        Self::RefundedAll,
        Self::RefundCancelled,
        Self::ReturnTried,
        Self::ReturnedPart,
        Self::ReturnedAll,
        Self::ReturnCancelled,
    ];
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 17] = [
        Self::Pending,
        Self::Created,
        Self::Cancelled,
        Self::Paying,
        Self::Paid,
        Self::Shipped,
        Self::Received,
        Self::Completed,
        Self::TimedOut,
        Self::RefundAsked,
        Self::Refunded,
        Self::Returned,
        Self::Closed,
        Self::Settling,
        Self::Closing,
        Self::Refunding,
        Self::Returning,
    ];

    pub(crate) fn code(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Nothing happens any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Completed
                | Self::TimedOut
                | Self::Refunded
                | Self::Returned
                | Self::Closed
        )
    }

    /// Over without having been paid.
    pub(crate) fn is_unpaid_end(self) -> bool {
        matches!(self, Self::Cancelled | Self::TimedOut | Self::Closed)
    }

    /// On its way to be paid, or to end unpaid.
    pub(crate) fn is_unpaid(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Created | Self::Paying | Self::Settling | Self::Closing
        )
    }

    /// In lower case, for messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Created => "created",
            Self::Cancelled => "refused",
            Self::Paying => "paying",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Received => "received",
            Self::Completed => "completed",
            Self::TimedOut => "timed-out",
            Self::RefundAsked => "refund-asked",
            Self::Refunded => "refunded",
            Self::Returned => "returned",
            Self::Closed => "cancelled",
            Self::Settling => "settling",
            Self::Closing => "closing",
            Self::Refunding => "refunding",
            Self::Returning => "returning",
        }
    }

    /// What customers see.
    pub(crate) fn shown(self) -> OrderState {
        match self {
            Self::Pending => OrderState::Pending,
            Self::Created => OrderState::Created,
            Self::Cancelled | Self::Closed => OrderState::Cancelled,
            Self::Paying => OrderState::Paying,
            Self::Paid => OrderState::Paid,
            Self::Shipped => OrderState::Shipped,
            Self::Received => OrderState::Received,
            Self::Completed => OrderState::Completed,
            Self::TimedOut => OrderState::TimedOut,
            Self::RefundAsked => OrderState::RefundAsked,
            Self::Refunded => OrderState::Refunded,
            Self::Returned => OrderState::Returned,
            Self::Settling | Self::Closing | Self::Refunding | Self::Returning => {
                OrderState::Changing
            }
        }
    }
}

#[cfg(test)]
mod tests;
