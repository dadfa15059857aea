//! The ledger's words: what moved, by how much, for which order. No SQL, no gRPC.

use tercet_proto::shop::points::v1::LedgerKind;

/// What moved an account. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Points to begin with.
    Seed = 1,
    /// A try of spend.
    Freeze = 2,
    /// A confirm of spend.
    Spend = 3,
    /// A cancel of spend.
    Unfreeze = 4,
}

impl Kind {
    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// How `points` move an account: the changes of `available` and of `frozen`.
    pub(super) fn deltas(self, points: i64) -> (i64, i64) {
        match self {
            Self::Seed => (points, 0),
            Self::Freeze => (-points, points),
            Self::Spend => (0, -points),
            Self::Unfreeze => (points, -points),
        }
    }

    /// The kind as the API names it; a number that was never written is UNSPECIFIED.
    pub(super) fn proto(code: i64) -> LedgerKind {
        match code {
            1 => LedgerKind::Seed,
            2 => LedgerKind::Freeze,
            3 => LedgerKind::Spend,
            4 => LedgerKind::Unfreeze,
            _ => LedgerKind::Unspecified,
        }
    }
}
