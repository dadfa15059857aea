//! The text of the waterfall, as an operator sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tercet_client::proto::{
    Attention, CallError, CancelCause, CancelReason, Phase, TransactionState,
};

use super::*;
use crate::render::sample::{at, attempt, branch, confirmed, stamp};

fn plain(transaction: &Transaction, now: i64) -> Vec<String> {
    let text = render(transaction, at(now), Style::Plain);
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn a_confirmed_transaction_is_a_waterfall() {
    assert_eq!(
        plain(&confirmed(), 500),
        [
            "order-1  CONFIRMED",
            "  begun        2026-01-31 13:05:09.000 UTC, ended after 120 ms",
            "  labels       order_no=4711",
            "  branch       1 order.create   CONFIRMED",
            "  branch       2 stock.reserve  CONFIRMED",
            "",
            "     +0.0 ms  try     1 order.create    #1 │████                    │    20 ms  OK",
            "     +0.0 ms  try     2 stock.reserve   #1 │██████                  │    30 ms  OK",
            "      +30 ms  ◆ decided to confirm",
            "      +30 ms  confirm 1 order.create    #1 │      ██                │    10 ms  OK",
            "      +30 ms  confirm 2 stock.reserve   #1 │      ▒▒▒▒▒▒            │    30 ms  UNAVAILABLE connection refused",
            "     +100 ms  confirm 2 stock.reserve   #2 │                    ████│    20 ms  OK",
            "     +120 ms  ■ CONFIRMED",
        ]
    );
}

#[test]
fn what_waits_says_why_and_until_when() {
    let mut transaction = confirmed();
    transaction.set_state(TransactionState::Confirming);
    transaction.ended_at = None;
    transaction.attempts.truncate(4);
    transaction.branches[1] = BranchStatus {
        attempts: 1,
        next_attempt_at: stamp(3_250),
        last_error: Some(CallError {
            code: 14,
            reason: String::new(),
            message: "connection refused".to_owned(),
        }),
        ..branch("2", "stock.reserve", BranchState::Tried)
    };
    let lines = plain(&transaction, 50);
    assert_eq!(
        lines[1],
        "  begun        2026-01-31 13:05:09.000 UTC, open for 50 ms"
    );
    assert_eq!(
        lines.last().unwrap(),
        "  waits 2 stock.reserve: next attempt 13:05:12.250, in 3.2 s, attempt 1 ended UNAVAILABLE: connection refused"
    );
}

#[test]
fn a_parked_branch_says_so() {
    let mut transaction = confirmed();
    transaction.set_state(TransactionState::Confirming);
    let attention = Attention {
        why: "9 attempts used up".to_owned(),
        since: stamp(1_000),
        parked: true,
    };
    transaction.attention = Some(attention.clone());
    transaction.branches[0] = BranchStatus {
        attention: Some(attention),
        ..branch("1", "order.create", BranchState::Tried)
    };
    let lines = plain(&transaction, 61_000);
    assert!(lines.contains(&"  attention    parked: 9 attempts used up, for 1 min 0 s".to_owned()));
    assert_eq!(
        lines.last().unwrap(),
        "  waits 1 order.create: parked, no further attempt until resumed (parked: 9 attempts used up, for 1 min 0 s)"
    );
}

#[test]
fn an_undecided_transaction_names_its_deadline() {
    let transaction = Transaction {
        gid: "g".to_owned(),
        state: TransactionState::Trying.into(),
        begun_at: stamp(0),
        try_deadline: stamp(30_000),
        branches: vec![branch("1", "a.b", BranchState::Registered)],
        ..Transaction::default()
    };
    assert_eq!(
        plain(&transaction, 10_000)[3..],
        [
            "",
            "  undecided until 13:05:39.000, in 20.0 s",
            "  waits 1 a.b: its try is under way",
        ]
    );
}

#[test]
fn the_cause_of_a_cancel_names_branch_and_reason() {
    let mut transaction = confirmed();
    transaction.set_state(TransactionState::Cancelled);
    transaction.cancel_cause = Some(CancelCause {
        reason: CancelReason::Refused.into(),
        branch_id: "2".to_owned(),
        error: Some(CallError {
            code: 9,
            reason: "OUT_OF_STOCK".to_owned(),
            message: "0 of tea left".to_owned(),
        }),
        note: String::new(),
    });
    let lines = plain(&transaction, 500);
    assert_eq!(
        lines[2],
        "  cancelled    refused by 2 stock.reserve: FAILED_PRECONDITION OUT_OF_STOCK: 0 of tea left"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.ends_with("◆ decided to cancel"))
    );
}

#[test]
fn attempts_that_are_not_kept_leave_a_gap() {
    let mut transaction = confirmed();
    transaction.attempts = vec![
        attempt("2", Phase::Confirm, 1, 30, 10, 14),
        attempt("2", Phase::Confirm, 9, 110, 10, 0),
    ];
    let lines = plain(&transaction, 500);
    let gap = "              … 7 attempts to confirm 2 stock.reserve are not kept";
    assert!(lines.contains(&gap.to_owned()), "{lines:#?}");
}

#[test]
fn bars_never_leave_their_frame() {
    let mut transaction = confirmed();
    // A clock that went back, and a call that outlasted the end.
    transaction
        .attempts
        .push(attempt("1", Phase::Confirm, 2, -50, 5, 14));
    transaction
        .attempts
        .push(attempt("1", Phase::Confirm, 3, 119, 9_000, 14));
    for line in plain(&transaction, 500) {
        if let Some((_, rest)) = line.split_once('│') {
            let bar = rest.split('│').next().unwrap();
            assert_eq!(bar.chars().count(), BAR_CELLS, "{line}");
            assert!(bar.contains(['█', '▒']), "{line}");
        }
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let colour = render(&confirmed(), at(500), Style::Colour);
    assert!(colour.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut rest = colour.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, render(&confirmed(), at(500), Style::Plain));
}
