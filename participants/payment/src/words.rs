//! The words of the tables: how payments and refunds stand, and what was made of a notice.

use tercet_proto::shop::payment::v1 as proto;

/// Most that can be paid at once, in cents.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// Longest id of anything but a refund.
pub(crate) const ID_LENGTH_MAX: usize = 64;

/// How a payment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The money was taken.
    Succeeded,
    /// It wasn't.
    Failed,
}

/// Payments that nobody knows the end of.
pub(crate) const PENDING: i64 = 1;
/// Refunds that wait for phase two.
pub(crate) const RESERVED: i64 = 1;
/// Refunds that the provider has to be told of.
pub(crate) const OWED: i64 = 2;
/// Refunds that the provider has done.
pub(crate) const DONE: i64 = 3;

impl Outcome {
    /// As a payment's state in the table.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Succeeded => 2,
            Self::Failed => 3,
        }
    }

    pub(crate) const fn from_code(code: i64) -> Option<Self> {
        match code {
            2 => Some(Self::Succeeded),
            3 => Some(Self::Failed),
            _ => None,
        }
    }

    /// As notices say it.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "SUCCEEDED" => Some(Self::Succeeded),
            "FAILED" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// What the order service said to an outcome, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refund,
}

impl Verdict {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Accepted => 1,
            Self::Refund => 2,
        }
    }
}

/// What was made of a notice; the codes are the proto's.
pub(crate) use proto::NoticeVerdict;

/// Whether a notice was rejected, so that the provider should know.
pub(crate) const fn is_rejected(verdict: NoticeVerdict) -> bool {
    !matches!(
        verdict,
        NoticeVerdict::Taken | NoticeVerdict::Repeated | NoticeVerdict::Late
    )
}
