//! Transactions for the tests of rendering, with times relative to one begin.

use jiff::{SignedDuration, Timestamp};
use tercet_client::proto::{
    Attempt, BranchState, BranchStatus, Phase, Transaction, TransactionState,
};

/// 2026-01-31 13:05:09 UTC.
pub(crate) const BEGUN: Timestamp = Timestamp::constant(1_769_864_709, 0);

/// So many milliseconds after the begin.
pub(crate) fn at(millis: i64) -> Timestamp {
    BEGUN + SignedDuration::from_millis(millis)
}

/// The same as the contract writes it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the contract is optional"
)]
pub(crate) fn stamp(millis: i64) -> Option<prost_types::Timestamp> {
    let at = at(millis);
    Some(prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    })
}

pub(crate) fn branch(id: &str, name: &str, state: BranchState) -> BranchStatus {
    let (participant, action) = name.split_once('.').unwrap_or((name, ""));
    BranchStatus {
        id: id.to_owned(),
        participant: participant.to_owned(),
        action: action.to_owned(),
        state: state.into(),
        ..BranchStatus::default()
    }
}

pub(crate) fn attempt(
    branch: &str,
    phase: Phase,
    number: u32,
    start: i64,
    took: i64,
    code: i32,
) -> Attempt {
    Attempt {
        branch_id: branch.to_owned(),
        phase: phase.into(),
        number,
        started_at: stamp(start),
        took: Some(prost_types::Duration {
            seconds: took / 1000,
            nanos: i32::try_from(took % 1000).unwrap_or(0) * 1_000_000,
        }),
        code,
        message: if code == 0 {
            String::new()
        } else {
            "connection refused".to_owned()
        },
        endpoint: String::new(),
    }
}

/// Two branches, confirmed; the second one's confirm needed a second call.
pub(crate) fn confirmed() -> Transaction {
    Transaction {
        gid: "order-1".to_owned(),
        state: TransactionState::Confirmed.into(),
        branches: vec![
            branch("1", "order.create", BranchState::Confirmed),
            branch("2", "stock.reserve", BranchState::Confirmed),
        ],
        begun_at: stamp(0),
        decided_at: stamp(30),
        ended_at: stamp(120),
        labels: [("order_no".to_owned(), "4711".to_owned())].into(),
        attempts: vec![
            attempt("1", Phase::Try, 1, 0, 20, 0),
            attempt("2", Phase::Try, 1, 0, 30, 0),
            attempt("1", Phase::Confirm, 1, 30, 10, 0),
            attempt("2", Phase::Confirm, 1, 30, 30, 14),
            attempt("2", Phase::Confirm, 2, 100, 20, 0),
        ],
        ..Transaction::default()
    }
}
