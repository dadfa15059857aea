//! What is gathered, and that everyone in it gets their own answer.

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;

use super::super::{Spend, queries};
use super::{Fixture, Held, Hot, word};
use crate::Action as _;
use crate::fence::{FenceOptions, FenceState, Phase};
use crate::hot::{HotCounts, HotOptions};
use crate::testing::{WALLET, context, key};

#[tokio::test]
async fn what_waits_for_a_row_shares_one_sql_transaction() {
    let fixture = given!(Fixture::new());
    let hot = Arc::new(Hot::new(fixture.reopen().await));
    let held = Held::wallet(fixture.fence.database()).await;
    let mut calls = vec![hot.queued(Phase::Try, "first", 10).await];
    for branch in 0..20 {
        calls.push(hot.queued(Phase::Try, format!("b{branch}"), 10).await);
    }

    held.release().await;

    let mut words = Vec::new();
    for call in calls {
        words.push(word(&call.await.unwrap()));
    }
    assert_eq!(words[..10], ["OK"; 10], "in the order of arrival");
    assert_eq!(words[10..], ["NOT_ENOUGH"; 11]);
    assert_eq!(fixture.balance().await, (0, 100, 0));
    let HotCounts { batches, calls, .. } = hot.rows.counts();
    assert!(batches <= 2 && calls == 21, "{:?}", hot.rows.counts());
}

#[tokio::test]
async fn an_idle_row_answers_a_lone_call_at_once_and_keeps_no_queue() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    for (phase, balance) in [
        (Phase::Try, (70, 30, 0)),
        (Phase::Confirm, (70, 0, 30)),
        (Phase::Try, (70, 0, 30)),
        (Phase::Confirm, (70, 0, 30)),
    ] {
        hot.call(phase, "b", 30).await.unwrap();
        assert_eq!(fixture.balance().await, balance);
    }
    assert_eq!(hot.rows.counts().batches, 4);
    hot.fence.stop().wait().await;
    assert_eq!(hot.rows.queues_now(), 0);
}

#[tokio::test]
async fn one_branch_in_one_batch_goes_through_all_its_phases() {
    let fixture = given!(Fixture::new());
    let hot = Arc::new(Hot::new(fixture.reopen().await));
    let held = Held::wallet(fixture.fence.database()).await;
    let mut calls = vec![hot.queued(Phase::Try, "first", 0).await];
    for (phase, branch) in [
        (Phase::Try, "a"),
        (Phase::Try, "a"),
        (Phase::Confirm, "a"),
        (Phase::Confirm, "a"),
        (Phase::Cancel, "a"),
        (Phase::Cancel, "b"),
        (Phase::Try, "b"),
        (Phase::Confirm, "c"),
    ] {
        calls.push(hot.queued(phase, branch, 30).await);
    }
    held.release().await;
    let mut words = Vec::new();
    for call in calls {
        words.push(word(&call.await.unwrap()));
    }
    assert_eq!(
        words[1..],
        [
            "OK",
            "OK",
            "OK",
            "OK",
            "ALREADY_CONFIRMED",
            "OK",
            "CANCELLED_BEFORE_TRY",
            "NEVER_TRIED"
        ]
    );
    assert_eq!(fixture.balance().await, (70, 0, 30));
    assert_eq!(fixture.state("a").await, Some(FenceState::Confirmed));
    assert_eq!(fixture.state("b").await, Some(FenceState::Cancelled));
    assert_eq!(fixture.state("c").await, None);
}

#[tokio::test]
async fn a_row_that_isnt_there_refuses_a_try_and_records_a_cancel() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    let call = |phase, branch| hot.call_as(context(phase, branch), "nobody's", 1);
    assert_eq!(word(&call(Phase::Try, "t").await), "NO_WALLET");
    assert_eq!(word(&call(Phase::Cancel, "c").await), "OK");
    assert_eq!(word(&call(Phase::Try, "c").await), "CANCELLED_BEFORE_TRY");
    assert_eq!(fixture.state("t").await, None);
}

#[tokio::test]
async fn what_no_row_could_serve_is_refused() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    let refused = hot.call(Phase::Try, "b", -1).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.reason()),
        (Code::InvalidArgument, "NEGATIVE")
    );
    hot.call(Phase::Try, "b", 1).await.unwrap();
    hot.call(Phase::Try, "b", -1)
        .await
        .expect("a branch that is tried stays so, whatever the repeat says");
}

#[tokio::test]
async fn phase_two_finds_the_row_that_was_tried_whatever_the_caller_says() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    hot.call(Phase::Try, "b", 30).await.unwrap();

    let confirmed = hot
        .call_as(context(Phase::Confirm, "b"), "another", 99)
        .await;

    assert_eq!(word(&confirmed), "OK");
    assert_eq!(fixture.balance().await, (70, 0, 30));
}

#[tokio::test]
async fn a_branch_of_another_action_is_a_conflict() {
    let fixture = given!(Fixture::new());
    let saga = Arc::new(super::super::Saga::default());
    fixture
        .fence
        .call(
            saga as _,
            context(Phase::Try, "b"),
            crate::testing::request(1),
        )
        .await
        .unwrap();
    let hot = Hot::new(fixture.reopen().await);
    for phase in [Phase::Try, Phase::Confirm, Phase::Cancel] {
        assert_eq!(word(&hot.call(phase, "b", 1).await), "BRANCH_CONFLICT");
    }
}

#[tokio::test]
async fn a_branch_ended_by_hand_runs_nothing() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    hot.call(Phase::Try, "b", 30).await.unwrap();
    hot.fence
        .end_by_hand(&key("b"), Spend::SERVICE)
        .await
        .unwrap();
    for phase in [Phase::Try, Phase::Confirm, Phase::Cancel] {
        assert_eq!(word(&hot.call(phase, "b", 30).await), "OK");
    }
    assert_eq!(fixture.balance().await, (70, 30, 0));
}

#[tokio::test]
async fn the_sold_out_are_refused_from_memory_and_the_known_are_not() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    hot.call(Phase::Try, "all", 100).await.unwrap();
    assert_eq!(word(&hot.call(Phase::Try, "late", 1).await), "NOT_ENOUGH");
    let row = {
        let mut reader = fixture.fence.database().reader().acquire().await.unwrap();
        queries::read(&mut reader, WALLET).await.unwrap().unwrap()
    };
    // Read anew right now, however slow this machine is.
    let from_memory = async |branch| {
        hot.rows.note(WALLET, &row);
        word(&hot.call(Phase::Try, branch, 1).await)
    };
    assert_eq!(from_memory("later").await, "NOT_ENOUGH");
    assert_eq!(
        from_memory("all").await,
        "OK",
        "it was tried, and has its piece"
    );
    hot.call(Phase::Cancel, "given-up", 1).await.unwrap();
    assert_eq!(from_memory("given-up").await, "CANCELLED_BEFORE_TRY");

    hot.call(Phase::Cancel, "all", 100).await.unwrap();
    assert_eq!(
        word(&hot.call(Phase::Try, "later", 1).await),
        "OK",
        "what this process gave back it sells at once"
    );
}

#[tokio::test]
async fn a_memory_that_is_wrong_dies_by_itself() {
    let fixture = given!(Fixture::new());
    let hot = Hot::new(fixture.reopen().await);
    let wrong = crate::testing::Wallet {
        available: 0,
        frozen: 0,
        spent: 0,
        version: i64::MAX,
    };
    hot.rows.note(WALLET, &wrong);
    let limit = tokio::time::Instant::now() + Duration::from_mins(1);
    let mut branch = 0;
    while word(&hot.call(Phase::Try, &format!("b{branch}"), 1).await) != "OK" {
        branch += 1;
        assert!(tokio::time::Instant::now() < limit, "it never died");
    }
    assert_eq!(fixture.balance().await, (99, 1, 0));
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    use tonic_types::StatusExt;
    let fixture = given!(Fixture::new());
    let options = HotOptions {
        queue_max: 2,
        ..HotOptions::default()
    };
    let hot = Arc::new(Hot::with(
        fixture.reopen().await,
        FenceOptions::default(),
        options,
    ));
    let held = Held::wallet(fixture.fence.database()).await;
    let mut calls = Vec::new();
    // The first is taken out of the queue at some time; then there is room for two.
    let full = loop {
        let branch = format!("b{}", calls.len());
        let mut call = Box::pin(hot.call(Phase::Try, &branch, 1));
        match futures::poll!(&mut call) {
            std::task::Poll::Ready(answer) => break answer.unwrap_err(),
            std::task::Poll::Pending => drop(call),
        }
        calls.push(branch);
        assert!(calls.len() <= 3, "the queue has no bound");
    };
    assert_eq!(
        (full.code(), full.reason()),
        (Code::Unavailable, "ROW_BUSY")
    );
    let status = full.into_status("x");
    assert!(status.get_details_retry_info().is_some());

    // Those who went away are served all the same.
    held.release().await;
    hot.fence.stop().wait().await;
    for branch in calls {
        assert_eq!(fixture.state(&branch).await, Some(FenceState::Tried));
    }
}

#[tokio::test]
async fn a_batch_has_bounds() {
    let fixture = given!(Fixture::new());
    for (options, batches_min) in [
        (
            HotOptions {
                batch_calls_max: 3,
                ..HotOptions::default()
            },
            4,
        ),
        (
            HotOptions {
                batch_bytes_max: 1,
                ..HotOptions::default()
            },
            12,
        ),
    ] {
        let hot = Arc::new(Hot::with(
            fixture.reopen().await,
            FenceOptions::default(),
            options,
        ));
        let held = Held::wallet(fixture.fence.database()).await;
        let mut calls = Vec::new();
        for branch in 0..12 {
            let branch = format!("{batches_min}-{branch}");
            calls.push(hot.queued(Phase::Try, branch, 1).await);
        }
        held.release().await;
        for call in calls {
            call.await.unwrap().unwrap();
        }
        let counts = hot.rows.counts();
        assert!(counts.batches >= batches_min, "{counts:?}");
        assert_eq!(counts.calls, 12);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_sell_exactly_what_is_there() {
    let fixture = given!(Fixture::new());
    let replicas = [
        Arc::new(Hot::new(fixture.reopen().await)),
        Arc::new(Hot::new(fixture.reopen().await)),
    ];
    let calls: Vec<_> = (0..300)
        .map(|buyer| {
            let hot = Arc::clone(&replicas[buyer % 2]);
            tokio::spawn(async move {
                let branch = format!("b{buyer}");
                loop {
                    let answer = hot.call(Phase::Try, &branch, 1).await;
                    match answer {
                        // Both wait for one row, and the database may give up on one of them.
                        Err(error) if error.is_retryable() => {}
                        answer => return (branch, word(&answer)),
                    }
                }
            })
        })
        .collect();
    let mut sold = Vec::new();
    for call in calls {
        let (branch, word) = call.await.unwrap();
        match word.as_str() {
            "OK" => sold.push(branch),
            other => assert_eq!(other, "NOT_ENOUGH"),
        }
    }
    assert_eq!(sold.len(), 100);
    assert_eq!(fixture.balance().await, (0, 100, 0));

    // Every confirm comes twice, at both.
    let confirms: Vec<_> = sold
        .iter()
        .flat_map(|branch| {
            replicas
                .iter()
                .map(move |hot| (Arc::clone(hot), branch.clone()))
        })
        .map(|(hot, branch)| {
            tokio::spawn(async move {
                while let Err(error) = hot.call(Phase::Confirm, &branch, 1).await {
                    assert!(error.is_retryable(), "{error}");
                }
            })
        })
        .collect();
    for confirm in confirms {
        confirm.await.unwrap();
    }
    assert_eq!(fixture.balance().await, (0, 0, 100));
}
