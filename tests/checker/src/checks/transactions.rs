//! The coordinator's log by itself: each row one story.

use super::branch_state as branch;
use super::transaction_state::{CANCELLED, CANCELLING, CONFIRMED, CONFIRMING, TRYING};
use crate::Expected;
use crate::report::{Report, Rule};
use crate::snapshot::{Branch, Snapshot, Transaction};

pub(super) fn check(snapshot: &Snapshot, expected: &Expected, report: &mut Report) {
    for (gid, transaction) in &snapshot.transactions {
        times(gid, transaction, report);
        match &transaction.branches {
            Ok(branches) => {
                states(gid, transaction.state, branches, report);
                names(gid, transaction, branches, report);
            }
            Err(error) => report.add(Rule::LogRow, gid, error),
        }
        if expected.settled && !matches!(transaction.state, CONFIRMED | CANCELLED) {
            report.add(
                Rule::Unfinished,
                gid,
                format!("is still {}", word(transaction.state)),
            );
        }
    }
}

fn times(gid: &str, transaction: &Transaction, report: &mut Report) {
    let state = transaction.state;
    if transaction.is_decided == (state == TRYING) {
        report.add(
            Rule::LogRow,
            gid,
            format!("{} and its time of decision disagree", word(state)),
        );
    }
    if transaction.is_ended != matches!(state, CONFIRMED | CANCELLED) {
        report.add(
            Rule::LogRow,
            gid,
            format!("{} and its time of end disagree", word(state)),
        );
    }
}

/// Which states a branch can be in while its transaction is in this one.
fn allowed(state: i64) -> &'static [u64] {
    match state {
        TRYING => &[
            branch::REGISTERED,
            branch::TRIED,
            branch::REFUSED,
            branch::IN_DOUBT,
        ],
        // A branch that its initiator tried itself stays registered: the initiator vouches for it.
        CONFIRMING => &[branch::REGISTERED, branch::TRIED, branch::CONFIRMED],
        CONFIRMED => &[branch::CONFIRMED],
        CANCELLING => &[
            branch::REGISTERED,
            branch::TRIED,
            branch::REFUSED,
            branch::IN_DOUBT,
            branch::CANCELLED,
        ],
        CANCELLED => &[branch::CANCELLED],
        _ => &[],
    }
}

fn states(gid: &str, state: i64, branches: &[Branch], report: &mut Report) {
    for found in branches {
        if !allowed(state).contains(&found.state) {
            let what = format!(
                "is {} and branch {} is {}",
                word(state),
                found.id,
                branch_word(found.state)
            );
            report.add(Rule::LogRow, gid, what);
        }
    }
}

/// The columns that people search by say what the blobs say.
fn names(gid: &str, transaction: &Transaction, branches: &[Branch], report: &mut Report) {
    let mut column = transaction.participants.clone();
    let mut blob: Vec<String> = branches.iter().map(|b| b.participant.clone()).collect();
    for names in [&mut column, &mut blob] {
        names.sort();
        names.dedup();
    }
    // An initiator's participant may stand in the column beside those of the branches.
    if blob.iter().any(|name| !column.contains(name)) {
        report.add(
            Rule::LogRow,
            gid,
            format!("lists participants {column:?}, its branches name {blob:?}"),
        );
    }
    let mut ids: Vec<&str> = branches.iter().map(|b| b.id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        report.add(Rule::LogRow, gid, "has two branches of one id");
    }
}

/// A transaction's state in the words of the contract.
pub(super) fn word(state: i64) -> String {
    match state {
        TRYING => "TRYING".to_owned(),
        CONFIRMING => "CONFIRMING".to_owned(),
        CONFIRMED => "CONFIRMED".to_owned(),
        CANCELLING => "CANCELLING".to_owned(),
        CANCELLED => "CANCELLED".to_owned(),
        other => format!("in state {other}"),
    }
}

fn branch_word(state: u64) -> String {
    match state {
        branch::REGISTERED => "REGISTERED".to_owned(),
        branch::TRIED => "TRIED".to_owned(),
        branch::REFUSED => "REFUSED".to_owned(),
        branch::IN_DOUBT => "IN_DOUBT".to_owned(),
        branch::CONFIRMED => "CONFIRMED".to_owned(),
        branch::CANCELLED => "CANCELLED".to_owned(),
        other => format!("in state {other}"),
    }
}
