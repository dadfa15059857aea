//! What was found: each violation one line with the gid, or the SKU or customer, that it is about.

use std::fmt;

/// The rules, by the names that a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The database itself finds its file or tables in order.
    Integrity,
    /// A row of the log is one story: state, times, participants and branches agree.
    LogRow,
    /// Every transaction has ended once everything is said to be settled.
    Unfinished,
    /// Nothing is confirmed and cancelled under one gid.
    Split,
    /// A branch's fence row says what the coordinator says.
    Fence,
    /// Every fence row belongs to a branch that the coordinator knows.
    Orphan,
    /// No fence row is left *tried* once everything is said to be settled.
    LeftTried,
    /// No number of the shop is below zero.
    BelowZero,
    /// Stock is what was seeded and delivered.
    StockSum,
    /// Each branch has taken its stock exactly once.
    StockEffect,
    /// Each confirmed message has written its notice exactly once.
    Notice,
    /// An account is the sum of its ledger.
    PointsSum,
    /// The ledger has one entry for each order, kind and number.
    LedgerKey,
    /// Each branch has taken its points exactly once.
    PointsEffect,
    /// One order for each submission and each branch.
    OrderKey,
    /// An order stands where its transaction stands.
    OrderState,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 16] = [
        Self::Integrity,
        Self::LogRow,
        Self::Unfinished,
        Self::Split,
        Self::Fence,
        Self::Orphan,
        Self::LeftTried,
        Self::BelowZero,
        Self::StockSum,
        Self::StockEffect,
        Self::Notice,
        Self::PointsSum,
        Self::LedgerKey,
        Self::PointsEffect,
        Self::OrderKey,
        Self::OrderState,
    ];

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::LogRow => "log-row",
            Self::Unfinished => "unfinished",
            Self::Split => "split",
            Self::Fence => "fence",
            Self::Orphan => "orphan",
            Self::LeftTried => "left-tried",
            Self::BelowZero => "below-zero",
            Self::StockSum => "stock-sum",
            Self::StockEffect => "stock-effect",
            Self::Notice => "notice",
            Self::PointsSum => "points-sum",
            Self::LedgerKey => "ledger-key",
            Self::PointsEffect => "points-effect",
            Self::OrderKey => "order-key",
            Self::OrderState => "order-state",
        }
    }
}

/// A rule that doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// The gid, SKU, customer or file that it is about.
    pub subject: String,
    /// What is wrong, for a person.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule.name(), self.subject, self.what)
    }
}

/// How much was looked at. A check of nothing finds nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions of the coordinator.
    pub transactions: usize,
    /// Of those, confirmed.
    pub confirmed: usize,
    /// Of those, cancelled.
    pub cancelled: usize,
    /// Fence rows of all participants.
    pub fence_rows: usize,
    /// Orders.
    pub orders: usize,
    /// Entries of the points ledger.
    pub ledger_entries: usize,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How much was looked at.
    pub counts: Counts,
    /// What doesn't hold.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether every rule holds.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn add(&mut self, rule: Rule, subject: &str, what: impl Into<String>) {
        self.violations.push(Violation {
            rule,
            subject: subject.to_owned(),
            what: what.into(),
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            transactions,
            confirmed,
            cancelled,
            fence_rows,
            orders,
            ledger_entries,
        } = self.counts;
        write!(
            f,
            "{transactions} transactions ({confirmed} confirmed, {cancelled} cancelled), {fence_rows} fence rows, \
             {orders} orders, {ledger_entries} ledger entries: {} violations",
            self.violations.len()
        )?;
        for violation in &self.violations {
            write!(f, "\n{violation}")?;
        }
        Ok(())
    }
}
