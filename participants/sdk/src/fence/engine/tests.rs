//! The fence on a real database (mounted once for each, in `testing/`): every cell of the table with what it does to the business, repeats, calls
//! at once, failures half way, and a random walk that must keep the sums.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tonic::Code;

use super::{Connection, Db, Fixture, Notice, Saga, queries};
use crate::clock::{micros, now_micros};
use crate::error::ActionError;
use crate::fence::{FenceOptions, FenceState, Phase};
use crate::testing::{Left, context, request};

#[path = "tests/walk.rs"]
mod walk;

const AMOUNT: i64 = 30;

fn word(answer: &Result<Bytes, ActionError>) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(error) => error.reason().to_owned(),
    }
}

/// One cell: what is answered, the row afterwards, which verbs ran, and the wallet.
async fn check_cell(
    phase: Phase,
    row: Option<FenceState>,
    answer: &str,
    after: Option<FenceState>,
    wallet: (i64, i64, i64),
) {
    let fixture = given!(Fixture::new());
    fixture.given(row, "b", AMOUNT).await;
    let before = fixture.spend.0.runs();

    let got = fixture.call(phase, "b", AMOUNT).await;

    let cell = format!("{phase} on {row:?}");
    assert_eq!(word(&got), answer, "{cell}");
    assert_eq!(fixture.state("b").await, after, "{cell}");
    assert_eq!(fixture.balance().await, wallet, "{cell}");
    if let Err(error) = got {
        assert_eq!(error.code(), Code::FailedPrecondition, "{cell}");
        assert_eq!(fixture.spend.0.runs(), before, "{cell}: nothing runs");
    }
}

#[tokio::test]
async fn every_cell_of_the_table_does_what_it_says() {
    use FenceState::{Cancelled, Confirmed, EndedByHand, Tried};
    use Phase::{Cancel, Confirm, Try};
    let (untouched, frozen, spent) = ((100, 0, 0), (70, 30, 0), (70, 0, 30));

    check_cell(Try, None, "OK", Some(Tried), frozen).await;
    check_cell(Try, Some(Tried), "OK", Some(Tried), frozen).await;
    check_cell(Try, Some(Confirmed), "OK", Some(Confirmed), spent).await;
    check_cell(
        Try,
        Some(Cancelled),
        "CANCELLED_BEFORE_TRY",
        Some(Cancelled),
        untouched,
    )
    .await;
    check_cell(Try, Some(EndedByHand), "OK", Some(EndedByHand), frozen).await;

    check_cell(Confirm, None, "NEVER_TRIED", None, untouched).await;
    check_cell(Confirm, Some(Tried), "OK", Some(Confirmed), spent).await;
    check_cell(Confirm, Some(Confirmed), "OK", Some(Confirmed), spent).await;
    check_cell(
        Confirm,
        Some(Cancelled),
        "ALREADY_CANCELLED",
        Some(Cancelled),
        untouched,
    )
    .await;
    check_cell(Confirm, Some(EndedByHand), "OK", Some(EndedByHand), frozen).await;

    check_cell(Cancel, None, "OK", Some(Cancelled), untouched).await;
    check_cell(Cancel, Some(Tried), "OK", Some(Cancelled), untouched).await;
    check_cell(
        Cancel,
        Some(Confirmed),
        "ALREADY_CONFIRMED",
        Some(Confirmed),
        spent,
    )
    .await;
    check_cell(Cancel, Some(Cancelled), "OK", Some(Cancelled), untouched).await;
    check_cell(Cancel, Some(EndedByHand), "OK", Some(EndedByHand), frozen).await;
}

#[tokio::test]
async fn a_branch_that_was_tried_and_then_cancelled_refuses_a_late_try() {
    let fixture = given!(Fixture::new());
    fixture.call(Phase::Try, "b", AMOUNT).await.unwrap();
    fixture.call(Phase::Cancel, "b", AMOUNT).await.unwrap();

    let late = fixture.call(Phase::Try, "b", AMOUNT).await;

    assert_eq!(word(&late), "CANCELLED_BEFORE_TRY");
    assert_eq!(fixture.balance().await, (100, 0, 0));
    assert_eq!(fixture.spend.0.runs(), [1, 0, 1]);
}

#[tokio::test]
async fn a_repeated_try_gets_the_first_reply_before_and_after_confirm() {
    let fixture = given!(Fixture::new());
    let first = fixture.call(Phase::Try, "b", AMOUNT).await.unwrap();
    assert_eq!(Left::decode(&*first).unwrap(), Left { available: 70 });
    fixture.call(Phase::Try, "other", 50).await.unwrap();

    assert_eq!(fixture.call(Phase::Try, "b", AMOUNT).await.unwrap(), first);
    fixture.call(Phase::Confirm, "b", AMOUNT).await.unwrap();
    assert_eq!(fixture.call(Phase::Try, "b", AMOUNT).await.unwrap(), first);

    assert_eq!(fixture.spend.0.runs(), [2, 1, 0]);
}

#[tokio::test]
async fn a_refused_try_leaves_no_row_and_may_be_tried_again() {
    let fixture = given!(Fixture::new());

    let refused = fixture.call(Phase::Try, "b", 101).await;

    assert_eq!(word(&refused), "NOT_ENOUGH");
    assert_eq!(fixture.state("b").await, None);
    assert_eq!(fixture.balance().await, (100, 0, 0));
    fixture.call(Phase::Try, "b", 100).await.unwrap();
    assert_eq!(fixture.state("b").await, Some(FenceState::Tried));
}

#[tokio::test]
async fn a_verb_that_fails_after_its_change_leaves_nothing_of_it() {
    let fixture = given!(Fixture::new());
    for (phase, before, after) in [
        (Phase::Try, None, Some(FenceState::Tried)),
        (
            Phase::Confirm,
            Some(FenceState::Tried),
            Some(FenceState::Confirmed),
        ),
    ] {
        let balance = fixture.balance().await;
        fixture.spend.0.fail_next(1);

        let failed = fixture.call(phase, "b", AMOUNT).await.unwrap_err();

        assert_eq!(
            failed.code(),
            Code::Internal,
            "{phase}: in doubt, never a refusal"
        );
        assert_eq!(fixture.state("b").await, before, "{phase}");
        assert_eq!(fixture.balance().await, balance, "{phase}");
        fixture.call(phase, "b", AMOUNT).await.unwrap();
        assert_eq!(fixture.state("b").await, after, "{phase}");
    }
    fixture.call(Phase::Try, "c", AMOUNT).await.unwrap();
    fixture.spend.0.fail_next(1);
    fixture.call(Phase::Cancel, "c", AMOUNT).await.unwrap_err();
    assert_eq!(fixture.balance().await, (40, 30, 30));
    fixture.call(Phase::Cancel, "c", AMOUNT).await.unwrap();
    assert_eq!(fixture.balance().await, (70, 0, 30));
}

#[tokio::test]
async fn calls_at_once_for_one_branch_run_once_and_answer_the_same() {
    let fixture = Arc::new(given!(Fixture::new()));
    for (phase, runs) in [(Phase::Try, [1, 0, 0]), (Phase::Confirm, [1, 1, 0])] {
        let calls = (0..8).map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.call(phase, "b", AMOUNT).await.unwrap() })
        });
        let mut replies = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            replies.push(call.await.unwrap());
        }
        assert!(
            replies.windows(2).all(|pair| pair[0] == pair[1]),
            "{replies:?}"
        );
        assert_eq!(fixture.spend.0.runs(), runs, "{phase}");
    }
    assert_eq!(fixture.balance().await, (70, 0, 30));
}

#[tokio::test]
async fn try_and_cancel_at_once_leave_either_way_nothing_frozen() {
    let fixture = Arc::new(given!(Fixture::new()));
    for round in 0..20 {
        let branch = format!("b{round}");
        let calls = [Phase::Try, Phase::Cancel].map(|phase| {
            let (fixture, branch) = (Arc::clone(&fixture), branch.clone());
            tokio::spawn(async move { fixture.call(phase, &branch, AMOUNT).await })
        });
        let [tried, cancelled] = calls;
        let (tried, cancelled) = (tried.await.unwrap(), cancelled.await.unwrap());
        assert!(cancelled.is_ok());
        assert!(["OK", "CANCELLED_BEFORE_TRY"].contains(&word(&tried).as_str()));
        assert_eq!(fixture.state(&branch).await, Some(FenceState::Cancelled));
        assert_eq!(fixture.balance().await, (100, 0, 0));
    }
}

#[tokio::test]
async fn a_try_long_after_its_deadline_is_too_late_and_one_just_in_time_is_not() {
    let retention = Duration::from_secs(200);
    let options = FenceOptions {
        retention,
        ..FenceOptions::default()
    };
    let fixture = given!(Fixture::with(options));
    let call = |age: Duration, phase| {
        let mut context = context(phase, "b");
        context.try_deadline_micros = now_micros() - micros(age);
        fixture
            .fence
            .call(Arc::clone(&fixture.spend) as _, context, request(AMOUNT))
    };

    assert_eq!(
        word(&call(Duration::from_secs(101), Phase::Try).await),
        "TOO_LATE"
    );
    assert_eq!(fixture.state("b").await, None);
    assert_eq!(word(&call(Duration::from_secs(50), Phase::Try).await), "OK");
    assert_eq!(
        word(&call(Duration::from_secs(101), Phase::Try).await),
        "TOO_LATE"
    );
    assert_eq!(
        word(&call(Duration::from_secs(101), Phase::Confirm).await),
        "OK"
    );
    assert_eq!(fixture.balance().await, (70, 0, 30));
}

#[tokio::test]
async fn phase_two_uses_the_request_that_was_tried() {
    let fixture = given!(Fixture::new());
    fixture.call(Phase::Try, "b", 10).await.unwrap();
    fixture.call(Phase::Confirm, "b", 99).await.unwrap();
    assert_eq!(fixture.balance().await, (90, 0, 10));

    fixture.call(Phase::Try, "c", 20).await.unwrap();
    fixture.call(Phase::Cancel, "c", 1).await.unwrap();
    assert_eq!(fixture.balance().await, (90, 0, 10));
}

#[tokio::test]
async fn ids_are_compared_byte_by_byte() {
    let fixture = given!(Fixture::new());
    fixture.call(Phase::Try, "Order-1", 10).await.unwrap();
    fixture.call(Phase::Try, "order-1", 10).await.unwrap();
    assert_eq!(fixture.spend.0.runs(), [2, 0, 0]);
}

#[tokio::test]
async fn a_branch_belongs_to_the_action_that_was_seen_first() {
    let fixture = given!(Fixture::new());
    let saga = Arc::new(Saga::default());
    fixture.call(Phase::Try, "b", 10).await.unwrap();

    for phase in [Phase::Try, Phase::Cancel] {
        let answer = fixture
            .fence
            .call(Arc::clone(&saga) as _, context(phase, "b"), request(10))
            .await;
        assert_eq!(word(&answer), "BRANCH_CONFLICT");
    }

    assert_eq!(saga.0.runs(), [0, 0, 0]);
    assert_eq!(fixture.state("b").await, Some(FenceState::Tried));
}

#[tokio::test]
async fn a_message_is_confirmed_once_without_a_try() {
    let fixture = given!(Fixture::new());
    let notice = Arc::new(Notice::default());
    let call = |phase| {
        fixture
            .fence
            .call(Arc::clone(&notice) as _, context(phase, "m"), request(10))
    };

    assert_eq!(word(&call(Phase::Try).await), "NOT_OFFERED");
    assert_eq!(word(&call(Phase::Cancel).await), "NOT_OFFERED");
    assert_eq!(word(&call(Phase::Confirm).await), "OK");
    assert_eq!(word(&call(Phase::Confirm).await), "OK");

    assert_eq!(notice.0.runs(), [0, 1, 0]);
    assert_eq!(fixture.balance().await, (90, 0, 10));
    assert_eq!(fixture.state("m").await, Some(FenceState::Confirmed));
}

#[tokio::test]
async fn a_database_that_fails_is_never_a_refusal() {
    let fixture = given!(Fixture::new());
    let mut writer = fixture.fence.database().writer().acquire().await.unwrap();
    queries::drop_wallet(&mut writer).await.unwrap();
    drop(writer);
    let broken = fixture.call(Phase::Try, "b", 1).await.unwrap_err();
    assert_eq!(broken.code(), Code::Internal);

    fixture.fence.database().close().await;
    let closed = fixture.call(Phase::Try, "b", 1).await.unwrap_err();
    assert_eq!(closed.code(), Code::Unavailable);
    assert!(closed.is_retryable());
}

#[tokio::test]
async fn more_calls_than_the_bound_are_overloaded_and_say_when_to_come_back() {
    use tonic_types::StatusExt;
    let options = FenceOptions {
        in_flight_max: 1,
        ..FenceOptions::default()
    };
    let fixture = given!(Fixture::with(options));
    // Whoever holds the writer keeps the first call under way.
    let writer = fixture.fence.database().begin().await.unwrap();
    let mut first = Box::pin(fixture.call(Phase::Try, "b", 1));
    assert!(futures::poll!(&mut first).is_pending());

    let second = fixture
        .call(Phase::Try, "c", 1)
        .await
        .unwrap_err()
        .into_status("test");

    assert_eq!(second.code(), Code::ResourceExhausted);
    assert!(second.get_details_retry_info().is_some());
    writer.rollback().await.unwrap();
    first.await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_doesnt_break_off_the_work() {
    let fixture = given!(Fixture::new());
    let writer = fixture.fence.database().begin().await.unwrap();
    let mut call = Box::pin(fixture.call(Phase::Try, "b", AMOUNT));
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    writer.rollback().await.unwrap();

    fixture.fence.stop().wait().await;

    assert_eq!(fixture.state("b").await, Some(FenceState::Tried));
    let after = fixture.call(Phase::Confirm, "b", AMOUNT).await.unwrap_err();
    assert_eq!(after.reason(), "STOPPING");
}

#[tokio::test]
async fn an_abort_rolls_back_what_wasnt_committed() {
    let fixture = given!(Fixture::new());
    let writer = fixture.fence.database().begin().await.unwrap();
    let mut call = Box::pin(fixture.call(Phase::Try, "b", AMOUNT));
    assert!(futures::poll!(&mut call).is_pending());

    fixture.fence.stop().abort();

    assert_eq!(call.await.unwrap_err().code(), Code::Unavailable);
    writer.rollback().await.unwrap();
    assert_eq!(fixture.state("b").await, None);
    assert_eq!(fixture.balance().await, (100, 0, 0));
}

#[tokio::test]
async fn cleaning_takes_old_ended_rows_and_never_a_tried_one() {
    let retention = Duration::from_secs(1000);
    let fixture = given!(Fixture::with(FenceOptions {
        retention,
        ..FenceOptions::default()
    }));
    for branch in 0..450 {
        fixture
            .given(Some(FenceState::Cancelled), &format!("c{branch}"), 0)
            .await;
    }
    fixture.given(Some(FenceState::Tried), "t", 1).await;
    fixture.given(Some(FenceState::Confirmed), "d", 1).await;
    let cleaner = crate::Cleaner::new(fixture.fence.clone());
    let now = now_micros();

    assert_eq!(cleaner.round(now + micros(retention) / 2).await.unwrap(), 0);
    assert_eq!(
        cleaner.round(now + micros(retention) * 2).await.unwrap(),
        451
    );

    let mut reader = fixture.fence.database().reader().acquire().await.unwrap();
    assert_eq!(queries::count_fence_rows(&mut reader).await.unwrap(), 1);
    assert_eq!(fixture.state("t").await, Some(FenceState::Tried));
}

#[tokio::test]
async fn a_cancel_fences_off_its_try_until_that_would_be_too_late() {
    let retention = Duration::from_secs(10);
    let fixture = given!(Fixture::with(FenceOptions {
        retention,
        ..FenceOptions::default()
    }));
    // Cancelled now; its try deadline is 30 seconds away.
    fixture.given(Some(FenceState::Cancelled), "c", 0).await;
    let cleaner = crate::Cleaner::new(fixture.fence.clone());
    let at = |seconds| now_micros() + micros(Duration::from_secs(seconds));

    assert_eq!(
        cleaner.round(at(20)).await.unwrap(),
        0,
        "a try could still come in time"
    );
    assert_eq!(cleaner.round(at(50)).await.unwrap(), 1);
}

#[tokio::test]
async fn an_action_that_panics_is_in_doubt_and_leaves_nothing() {
    struct Panics;
    impl crate::Action for Panics {
        type Db = Db;
        type Request = ();
        type Reply = ();
        const SERVICE: &'static str = "test.v1.PanicService";

        async fn on_try(
            &self,
            connection: &mut Connection,
            _: &crate::BranchContext,
            (): (),
        ) -> Result<(), ActionError> {
            queries::freeze(connection, crate::testing::WALLET, 1).await?;
            panic!("as any action may");
        }
    }
    let fixture = given!(Fixture::new());

    let answer = fixture
        .fence
        .call(Arc::new(Panics), context(Phase::Try, "p"), Bytes::new())
        .await;

    assert_eq!(answer.unwrap_err().code(), Code::Internal);
    assert_eq!(fixture.state("p").await, None);
    assert_eq!(fixture.balance().await, (100, 0, 0));
    fixture.call(Phase::Try, "p", 1).await.unwrap();
}
