//! The rules. Each file has one subject and reads only the snapshot; a rule that can't be checked because what it
//! needs is missing is somebody else's violation, not a pass.

mod fences;
mod orders;
mod points;
mod stock;
mod transactions;

use crate::Expected;
use crate::report::{Counts, Report, Rule};
use crate::snapshot::{Branch, FenceRow, Snapshot, Transaction};

/// States of a transaction as the log numbers them.
mod transaction_state {
    pub(super) const TRYING: i64 = 1;
    pub(super) const CONFIRMING: i64 = 2;
    pub(super) const CONFIRMED: i64 = 3;
    pub(super) const CANCELLING: i64 = 4;
    pub(super) const CANCELLED: i64 = 5;
}

/// States of a branch as the blobs number them.
mod branch_state {
    pub(super) const REGISTERED: u64 = 1;
    pub(super) const TRIED: u64 = 2;
    pub(super) const REFUSED: u64 = 3;
    pub(super) const IN_DOUBT: u64 = 4;
    pub(super) const CONFIRMED: u64 = 5;
    pub(super) const CANCELLED: u64 = 6;
}

/// States of a fence row.
mod fence_state {
    pub(super) const TRIED: i64 = 1;
    pub(super) const CONFIRMED: i64 = 2;
    pub(super) const CANCELLED: i64 = 3;
    pub(super) const BY_HAND: i64 = 4;
}

/// The verbs as the blobs number them.
const VERB_TRY: u64 = 1;
const VERB_CONFIRM: u64 = 2;

/// Checks everything.
pub fn check(snapshot: &Snapshot, expected: &Expected) -> Report {
    let mut report = Report {
        counts: counts(snapshot),
        ..Report::default()
    };
    for damage in &snapshot.damaged {
        report.add(Rule::Integrity, "file", damage);
    }
    transactions::check(snapshot, expected, &mut report);
    fences::check(snapshot, expected, &mut report);
    stock::check(snapshot, expected, &mut report);
    points::check(snapshot, &mut report);
    orders::check(snapshot, &mut report);
    report.violations.sort();
    report
}

fn counts(snapshot: &Snapshot) -> Counts {
    let in_state = |state| {
        let transactions = snapshot.transactions.values();
        transactions.filter(|found| found.state == state).count()
    };
    Counts {
        transactions: snapshot.transactions.len(),
        confirmed: in_state(transaction_state::CONFIRMED),
        cancelled: in_state(transaction_state::CANCELLED),
        fence_rows: snapshot.fences.values().map(Vec::len).sum(),
        orders: snapshot.orders.len(),
        ledger_entries: snapshot.points.ledger.len(),
    }
}

impl Transaction {
    /// Its branches, as far as they can be read.
    fn readable(&self) -> &[Branch] {
        self.branches.as_deref().unwrap_or_default()
    }
}

impl Branch {
    fn has_try(&self) -> bool {
        self.verbs.contains(&VERB_TRY)
    }

    fn has_confirm(&self) -> bool {
        self.verbs.contains(&VERB_CONFIRM)
    }
}

/// The branch that a participant's fence row belongs to.
fn branch_of<'a>(snapshot: &'a Snapshot, participant: &str, row: &FenceRow) -> Option<&'a Branch> {
    let transaction = snapshot.transactions.get(&row.gid)?;
    let mut branches = transaction.readable().iter();
    branches.find(|branch| branch.id == row.branch && branch.participant == participant)
}

/// The fence rows of one participant's action, each with the branch it belongs to. Rows of no branch are the fence
/// rules' business.
fn rows_of<'a>(
    snapshot: &'a Snapshot,
    participant: &'a str,
    service: &'a str,
) -> impl Iterator<Item = (&'a FenceRow, &'a Branch)> {
    let rows = snapshot.fences.get(participant).into_iter().flatten();
    rows.filter(move |row| row.service == service)
        .filter_map(move |row| Some((row, branch_of(snapshot, participant, row)?)))
}

/// A branch for people.
fn named(participant: &str, branch: &str) -> String {
    format!("branch {branch} of {participant}")
}
