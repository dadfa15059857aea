//! The coordinator's rows against every participant's fence, gid by gid and branch by branch.

use std::collections::{BTreeMap, BTreeSet};

use super::fence_state::{BY_HAND, CANCELLED, CONFIRMED, TRIED};
use super::{branch_of, branch_state, named, transaction_state as state, transactions};
use crate::Expected;
use crate::report::{Report, Rule};
use crate::snapshot::{Branch, FenceRow, Snapshot};

pub(super) fn check(snapshot: &Snapshot, expected: &Expected, report: &mut Report) {
    split(snapshot, report);
    for (participant, rows) in &snapshot.fences {
        for row in rows {
            owned(snapshot, participant, row, report);
            left_tried(snapshot, expected, participant, row, report);
        }
        matched(snapshot, participant, rows, report);
    }
}

/// The rule of all rules, from the fences alone: it needs nobody's word for what was decided.
fn split(snapshot: &Snapshot, report: &mut Report) {
    let mut ends: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for row in snapshot.fences.values().flatten() {
        if matches!(row.state, CONFIRMED | CANCELLED) {
            ends.entry(&row.gid).or_default().insert(row.state);
        }
    }
    for (gid, ends) in ends {
        if ends.len() > 1 {
            report.add(
                Rule::Split,
                gid,
                "is confirmed at one fence and cancelled at another",
            );
        }
    }
}

/// Every row belongs to a branch that was durable before its try was sent.
fn owned(snapshot: &Snapshot, participant: &str, row: &FenceRow, report: &mut Report) {
    let what = named(participant, &row.branch);
    if !snapshot.transactions.contains_key(&row.gid) {
        report.add(
            Rule::Orphan,
            &row.gid,
            format!("{what} has a fence row, the log has no transaction"),
        );
        return;
    }
    match branch_of(snapshot, participant, row) {
        None => report.add(
            Rule::Orphan,
            &row.gid,
            format!("{what} has a fence row, the log has no such branch"),
        ),
        Some(branch) if branch.service != row.service => report.add(
            Rule::Fence,
            &row.gid,
            format!(
                "{what} is of {} and its fence row of {}",
                branch.service, row.service
            ),
        ),
        Some(_) => {}
    }
}

fn left_tried(
    snapshot: &Snapshot,
    expected: &Expected,
    participant: &str,
    row: &FenceRow,
    report: &mut Report,
) {
    // Without confirm a branch is done with its try; its row may stay as it is.
    let is_done = branch_of(snapshot, participant, row)
        .is_some_and(|branch| branch.state == branch_state::CONFIRMED && !branch.has_confirm());
    if expected.settled && row.state == TRIED && !is_done {
        report.add(
            Rule::LeftTried,
            &row.gid,
            format!("{} is still tried", named(participant, &row.branch)),
        );
    }
}

/// Every branch of this participant against its row.
fn matched(snapshot: &Snapshot, participant: &str, rows: &[FenceRow], report: &mut Report) {
    let rows: BTreeMap<(&str, &str), &FenceRow> = rows
        .iter()
        .map(|row| ((row.gid.as_str(), row.branch.as_str()), row))
        .collect();
    for (gid, transaction) in &snapshot.transactions {
        let branches = transaction.readable().iter();
        for branch in branches.filter(|branch| branch.participant == participant) {
            let row = rows.get(&(gid.as_str(), branch.id.as_str()));
            let found = row.map(|row| row.state);
            if !agrees(transaction.state, branch, found) {
                let what = format!(
                    "is {} and the fence row of {} is {}",
                    transactions::word(transaction.state),
                    named(participant, &branch.id),
                    word(found)
                );
                report.add(Rule::Fence, gid, what);
            }
        }
    }
}

/// Whether a fence may say `row` while the log says this of the branch.
fn agrees(transaction: i64, branch: &Branch, row: Option<i64>) -> bool {
    if row == Some(BY_HAND) {
        return branch.is_forced || !matches!(transaction, state::CONFIRMED | state::CANCELLED);
    }
    if branch.is_forced {
        // A person ended it whatever the participant has; only the opposite of the decision can't be.
        let opposite = match transaction {
            state::CONFIRMING | state::CONFIRMED => CANCELLED,
            _ => CONFIRMED,
        };
        return row != Some(opposite);
    }
    let has_try = branch.has_try();
    match (transaction, branch.state) {
        (state::CONFIRMING | state::CONFIRMED, branch_state::CONFIRMED) => {
            row == Some(CONFIRMED) || (row == Some(TRIED) && !branch.has_confirm())
        }
        (state::CONFIRMING, branch_state::TRIED) if !has_try => {
            matches!(row, None | Some(CONFIRMED))
        }
        // Its confirm may have been committed and not be known yet.
        (state::CONFIRMING, branch_state::TRIED | branch_state::REGISTERED) => {
            matches!(row, Some(TRIED | CONFIRMED))
        }
        (state::CANCELLING | state::CANCELLED, branch_state::CANCELLED) => {
            matches!(row, None | Some(CANCELLED))
        }
        (state::CANCELLING, _) => matches!(row, None | Some(TRIED | CANCELLED)),
        (state::TRYING, branch_state::TRIED) if has_try => row == Some(TRIED),
        (state::TRYING, branch_state::REFUSED) => row.is_none(),
        (state::TRYING, _) => matches!(row, None | Some(TRIED)),
        // The log contradicts itself, which another rule says.
        _ => true,
    }
}

fn word(row: Option<i64>) -> String {
    match row {
        None => "missing".to_owned(),
        Some(TRIED) => "tried".to_owned(),
        Some(CONFIRMED) => "confirmed".to_owned(),
        Some(CANCELLED) => "cancelled".to_owned(),
        Some(BY_HAND) => "ended by hand".to_owned(),
        Some(other) => format!("in state {other}"),
    }
}
