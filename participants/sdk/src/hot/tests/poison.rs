//! One bad call in a batch: it gets what it deserves, in every position, and its neighbours what they would have got
//! without it.

use std::sync::Arc;

use super::super::hot_wallet::{CONTENDS, FAILS, PANICS, STATEMENT_PANICS, VIOLATES};
use super::{Fixture, Held, Hot, word};
use crate::fence::{FenceState, Phase};

const CALLS: usize = 7;

async fn check_poison(amount: i64, expected: &str) {
    let fixture = given!(Fixture::new());
    for position in 0..CALLS {
        let hot = Arc::new(Hot::new(fixture.reopen().await));
        let before = fixture.balance().await;
        let held = Held::wallet(fixture.fence.database()).await;
        let mut calls = vec![
            hot.queued(Phase::Cancel, format!("first{position}"), 0)
                .await,
        ];
        for index in 0..CALLS {
            let branch = format!("{position}-{index}");
            let amount = if index == position { amount } else { 1 };
            calls.push(hot.queued(Phase::Try, branch, amount).await);
        }
        held.release().await;
        let mut words = Vec::new();
        for call in calls.drain(..).skip(1) {
            words.push(word(&call.await.unwrap()));
        }
        let mut all = [const { "OK" }; CALLS];
        all[position] = expected;
        assert_eq!(words, all, "poison {amount} in position {position}");
        let good = i64::try_from(CALLS).unwrap() - 1;
        assert_eq!(
            fixture.balance().await,
            (before.0 - good, before.1 + good, 0),
            "poison {amount} in position {position}"
        );
        let poisoned = fixture.state(&format!("{position}-{position}")).await;
        assert_eq!(poisoned, None);
        let neighbour = fixture
            .state(&format!("{position}-{}", (position + 1) % CALLS))
            .await;
        assert_eq!(neighbour, Some(FenceState::Tried));
    }
}

#[tokio::test]
async fn a_plan_that_panics() {
    check_poison(PANICS, "INTERNAL").await;
}

#[tokio::test]
async fn a_plan_that_fails() {
    check_poison(FAILS, "INTERNAL").await;
}

#[tokio::test]
async fn a_row_that_the_database_refuses() {
    check_poison(VIOLATES, "DATABASE").await;
}

#[tokio::test]
async fn a_statement_that_panics() {
    check_poison(STATEMENT_PANICS, "INTERNAL").await;
}

#[tokio::test]
async fn a_row_that_is_never_as_it_was() {
    check_poison(CONTENDS, "BRANCH_BUSY").await;
}

#[tokio::test]
async fn plans_that_fail_far_back_in_a_long_batch_undo_themselves_alone() {
    let fixture = given!(Fixture::new());
    let hot = Arc::new(Hot::new(fixture.reopen().await));
    let held = Held::wallet(fixture.fence.database()).await;
    let bad = [20, 37, 38, 59];
    let mut calls = Vec::new();
    for index in 0..60 {
        let amount = if bad.contains(&index) { FAILS } else { 1 };
        calls.push(hot.queued(Phase::Try, format!("b{index}"), amount).await);
    }
    held.release().await;
    for (index, call) in calls.into_iter().enumerate() {
        let expected = if bad.contains(&index) {
            "INTERNAL"
        } else {
            "OK"
        };
        assert_eq!(word(&call.await.unwrap()), expected, "b{index}");
    }
    assert_eq!(fixture.balance().await, (44, 56, 0));
}

#[tokio::test]
async fn a_refusal_is_no_poison() {
    let fixture = given!(Fixture::new());
    let hot = Arc::new(Hot::new(fixture.reopen().await));
    let held = Held::wallet(fixture.fence.database()).await;
    let mut calls = Vec::new();
    for (branch, amount) in [("a", 60), ("b", 60), ("c", 40)] {
        calls.push(hot.queued(Phase::Try, branch, amount).await);
    }
    held.release().await;
    let mut words = Vec::new();
    for call in calls {
        words.push(word(&call.await.unwrap()));
    }
    assert_eq!(words, ["OK", "NOT_ENOUGH", "OK"]);
    assert_eq!(hot.rows.counts().halved, 0);
    assert_eq!(fixture.balance().await, (0, 100, 0));
}
