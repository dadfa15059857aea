//! The ledger's words: what moved, by how much. No SQL, no gRPC.

use tercet_participant::is_id;
use tercet_proto::shop::points::v1::LedgerKind;

/// Points in one call, so that sums stay far from overflow.
pub(crate) const POINTS_MAX: i64 = 1_000_000_000_000;
/// Longest id of an account, a refund or an order.
const ID_LENGTH_MAX: usize = 64;

/// What moved an account. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Points to begin with.
    Seed = 1,
    /// A try of spend.
    Freeze = 2,
    /// A confirm of spend.
    Spend = 3,
    /// A cancel of spend.
    Unfreeze = 4,
    /// A confirm of grant.
    Grant = 5,
    /// A confirm of refund.
    Refund = 6,
}

impl Kind {
    pub(crate) fn code(self) -> i64 {
        self as i64
    }

    /// How `points` move an account: the changes of `available` and of `frozen`.
    pub(crate) fn deltas(self, points: i64) -> (i64, i64) {
        match self {
            Self::Seed | Self::Grant | Self::Refund => (points, 0),
            Self::Freeze => (-points, points),
            Self::Spend => (0, -points),
            Self::Unfreeze => (points, -points),
        }
    }

    /// The kind as the API names it; a number that was never written is UNSPECIFIED.
    pub(crate) fn proto(code: i64) -> LedgerKind {
        match code {
            1 => LedgerKind::Seed,
            2 => LedgerKind::Freeze,
            3 => LedgerKind::Spend,
            4 => LedgerKind::Unfreeze,
            5 => LedgerKind::Grant,
            6 => LedgerKind::Refund,
            _ => LedgerKind::Unspecified,
        }
    }
}

/// Whether a text can be the id of an account, a refund or an order.
pub(crate) fn is_name(text: &str) -> bool {
    is_id(text, ID_LENGTH_MAX)
}

/// Whether so many points can move in one call.
pub(crate) fn is_amount(points: i64) -> bool {
    (1..=POINTS_MAX).contains(&points)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 6] = [
        Kind::Seed,
        Kind::Freeze,
        Kind::Spend,
        Kind::Unfreeze,
        Kind::Grant,
        Kind::Refund,
    ];

    #[test]
    fn every_kind_has_its_own_number_and_word() {
        let words: Vec<i32> = ALL.map(|kind| Kind::proto(kind.code()).into()).into();
        assert_eq!(words, [1, 2, 3, 4, 5, 6]);
        assert_eq!(Kind::proto(7), LedgerKind::Unspecified);
    }

    #[test]
    fn freezing_and_what_ends_it_add_up() {
        let (freeze, spend, unfreeze) = (
            Kind::Freeze.deltas(5),
            Kind::Spend.deltas(5),
            Kind::Unfreeze.deltas(5),
        );
        assert_eq!((freeze.0 + unfreeze.0, freeze.1 + unfreeze.1), (0, 0));
        assert_eq!((freeze.0 + spend.0, freeze.1 + spend.1), (-5, 0));
    }
}
