//! What payments and refunds go through, and what a cancelled transaction means for them. Pure.

use tercet_client::Cause;

/// Where one attempt to pay stands. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// Nobody knows yet.
    Started = 1,
    /// No money was taken, as far as is known.
    Failed = 2,
    /// The order is being paid with it.
    Accepting = 3,
    /// The order is paid with it.
    Accepted = 4,
    /// The order can't take its money: all of it goes back.
    Refused = 5,
}

impl PaymentState {
    pub(crate) fn code(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        [
            Self::Started,
            Self::Failed,
            Self::Accepting,
            Self::Accepted,
            Self::Refused,
        ]
        .into_iter()
        .find(|state| state.code() == code)
    }
}

/// Where a refund stands. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundState {
    /// It waits for the merchant.
    Asked = 1,
    /// The merchant said no.
    Rejected = 2,
    /// Given.
    Done = 3,
    /// The merchant said yes; its transaction is under way.
    Approved = 4,
}

impl RefundState {
    pub(crate) fn code(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        [Self::Asked, Self::Rejected, Self::Done, Self::Approved]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// What a cancelled transaction of an order means for whoever wants it to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The order stands otherwise than was thought: look again.
    OrderMoved,
    /// Another service said no: it won't be otherwise by itself.
    Refused,
    /// Nobody said no: the same again, later.
    Unserved,
}

/// The branch of the order itself, in every transaction of this service.
pub(crate) const ORDER_BRANCH: &str = "order";

/// What the cause of a cancel means.
pub(crate) fn meaning(cause: Option<&Cause>) -> Meaning {
    match cause {
        Some(Cause::Refused { branch, .. }) if branch == ORDER_BRANCH => Meaning::OrderMoved,
        Some(Cause::Refused { .. }) => Meaning::Refused,
        _ => Meaning::Unserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(branch: &str) -> Cause {
        Cause::Refused {
            branch: branch.to_owned(),
            error: tercet_client::proto::CallError::default(),
        }
    }

    #[test]
    fn only_another_services_no_is_a_no() {
        assert_eq!(meaning(Some(&refused("stock"))), Meaning::Refused);
        assert_eq!(meaning(Some(&refused("points"))), Meaning::Refused);
        assert_eq!(meaning(Some(&refused("order"))), Meaning::OrderMoved);
        for cause in [
            Cause::Deadline { branch: None },
            Cause::Initiator,
            Cause::Other,
        ] {
            assert_eq!(meaning(Some(&cause)), Meaning::Unserved, "{cause}");
        }
        assert_eq!(meaning(None), Meaning::Unserved);
    }

    #[test]
    fn states_are_stored_and_stay() {
        let payments = [1, 2, 3, 4, 5].map(PaymentState::from_code);
        assert_eq!(
            payments,
            [
                Some(PaymentState::Started),
                Some(PaymentState::Failed),
                Some(PaymentState::Accepting),
                Some(PaymentState::Accepted),
                Some(PaymentState::Refused),
            ]
        );
        let refunds = [1, 2, 3, 4, 5].map(RefundState::from_code);
        assert_eq!(
            refunds,
            [
                Some(RefundState::Asked),
                Some(RefundState::Rejected),
                Some(RefundState::Done),
                Some(RefundState::Approved),
                None,
            ]
        );
    }
}
