//! One disagreement: what it is, why it is one, and what would mend it.

use serde_json::{Value, json};

/// Findings that are kept; the rest is counted.
const KEPT: usize = 10_000;

/// Which two things don't agree, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The log has the branch ended, the participant still holds it.
    BranchUnfinished,
    /// The log says one thing, the fence the opposite.
    BranchContradicted,
    /// The log has the branch tried or confirmed, the fence has no row of it.
    BranchMissing,
    /// The participant holds a branch of a transaction that the log doesn't know.
    BranchOrphaned,
    /// The participant has confirmed a branch of a transaction that the log should still know, and doesn't.
    TransactionLost,
    /// A SKU's pieces aren't what was delivered, or what its orders have.
    StockSum,
    /// An account isn't the sum of its ledger.
    PointsSum,
    /// More was refunded for an order than was spent.
    PointsRefunded,
    /// The provider has taken money that the shop doesn't know to be paid.
    PaymentUnheard,
    /// The shop takes a payment for paid that the provider hasn't booked.
    PaymentUnbooked,
    /// The provider has booked a payment that the shop never started.
    PaymentUnknown,
    /// The provider has booked another amount than the shop's.
    PaymentAmount,
    /// The order service was never told that a payment was made, or hasn't answered.
    PaymentUnreported,
    /// The shop owes a refund that the provider hasn't booked.
    RefundOwed,
    /// The shop takes a refund for done that the provider hasn't booked.
    RefundUnbooked,
    /// The provider has booked a refund that the shop doesn't know, or of another amount.
    RefundUnknown,
}

impl Kind {
    /// For scripts; never changed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BranchUnfinished => "branch-unfinished",
            Self::BranchContradicted => "branch-contradicted",
            Self::BranchMissing => "branch-missing",
            Self::BranchOrphaned => "branch-orphaned",
            Self::TransactionLost => "transaction-lost",
            Self::StockSum => "stock-sum",
            Self::PointsSum => "points-sum",
            Self::PointsRefunded => "points-refunded",
            Self::PaymentUnheard => "payment-unheard",
            Self::PaymentUnbooked => "payment-unbooked",
            Self::PaymentUnknown => "payment-unknown",
            Self::PaymentAmount => "payment-amount",
            Self::PaymentUnreported => "payment-unreported",
            Self::RefundOwed => "refund-owed",
            Self::RefundUnbooked => "refund-unbooked",
            Self::RefundUnknown => "refund-unknown",
        }
    }
}

/// What would mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The participant asks the coordinator now, and does what it says.
    Settle,
    /// The payment service asks the provider, reports and refunds now.
    RetryPayment,
    /// The log records the transaction as cancelled, and the participant gives back what it holds.
    CancelUnknown,
    /// The log records the branch as done by hand.
    Force,
    /// Nothing that a program could know.
    ByHand,
}

impl Remedy {
    /// Whether there is exactly one right answer.
    pub(super) fn is_sure(self) -> bool {
        matches!(self, Self::Settle | Self::RetryPayment)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Settle => "the participant asks the coordinator again and does what was decided",
            Self::RetryPayment => {
                "the payment service asks the provider again, reports and refunds"
            }
            Self::CancelUnknown => {
                "cancel the transaction, which the log doesn't know: the participant gives back what it holds"
            }
            Self::Force => {
                "put the participant's data right by hand, then record the branch as done by hand"
            }
            Self::ByHand => "a person compares the two and puts right the one that is wrong",
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Outcome {
    /// It stands.
    #[default]
    Stands,
    /// It is mended.
    Mended,
    /// A person was asked, and said no.
    Declined,
    /// Mending was tried, and failed so.
    Failed(String),
}

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The transaction; empty where none has to do with it.
    pub(super) gid: String,
    /// The participant; its service's name in the coordinator's configuration.
    pub(super) participant: String,
    /// The branch, or the SKU, account, order or payment that it is about.
    pub(super) subject: String,
    /// What each side says.
    pub(super) why: String,
    pub(super) remedy: Remedy,
    pub(super) outcome: Outcome,
}

impl Finding {
    /// About something of a participant that no transaction has to do with.
    pub(super) fn of(kind: Kind, participant: &str, subject: &str, why: String) -> Self {
        Self {
            kind,
            gid: String::new(),
            participant: participant.to_owned(),
            subject: subject.to_owned(),
            why,
            remedy: Remedy::ByHand,
            outcome: Outcome::Stands,
        }
    }

    /// Mended so.
    pub(super) fn with(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// What it is about, in few words.
    pub(super) fn about(&self) -> String {
        let Self {
            gid,
            participant,
            subject,
            ..
        } = self;
        if gid.is_empty() {
            format!("{participant} {subject}")
        } else {
            format!("{gid}, branch {subject} at {participant}")
        }
    }

    /// What would mend it, for people.
    pub(super) fn mend(&self) -> &'static str {
        self.remedy.words()
    }

    pub(super) fn json(&self) -> Value {
        let (outcome, error) = match &self.outcome {
            Outcome::Stands => ("stands", None),
            Outcome::Mended => ("mended", None),
            Outcome::Declined => ("declined", None),
            Outcome::Failed(error) => ("failed", Some(error)),
        };
        json!({
            "kind": self.kind.name(),
            "gid": self.gid,
            "participant": self.participant,
            "subject": self.subject,
            "why": self.why,
            "mend": self.mend(),
            "sure": self.remedy.is_sure(),
            "outcome": outcome,
            "error": error,
        })
    }
}

/// What was found, the first [`KEPT`] of it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    more: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        if self.kept.len() < KEPT {
            self.kept.push(finding);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn kept(&self) -> &[Finding] {
        &self.kept
    }

    pub(super) fn kept_mut(&mut self) -> &mut [Finding] {
        &mut self.kept
    }

    /// How many more there are than are kept.
    pub(super) fn more(&self) -> u64 {
        self.more
    }
}
