//! The gid as idempotency key, at every state.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, json_branch, options, refusal};

#[tokio::test]
async fn the_same_execute_at_every_state_is_the_same_transaction() {
    let world = World::start().await;
    world.a.on(|_| Behaviour::Hang);
    let request = execute("g", &["a"]);
    let (first, second) = (
        world.execute(request.clone()),
        world.execute(request.clone()),
    );
    let while_trying = async {
        world.a.wait_for("Try", 1).await;
        world.a.release();
    };
    let (first, second, ()) = tokio::join!(first, second, while_trying);
    assert_eq!(first.unwrap(), second.unwrap());
    // And once it has ended, from the log.
    let third = world.execute(request).await.unwrap();
    assert_eq!(third.state(), pb::TransactionState::Confirmed);
    assert_eq!((world.a.count("Try"), world.a.count("Confirm")), (1, 1));
}

#[tokio::test]
async fn many_of_the_same_at_once_are_one() {
    let world = World::start().await;
    let same = (0..50).map(|_| world.execute(execute("g", &["a", "b"])));
    let answers = futures::future::join_all(same).await;
    let begun: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().begun_at)
        .collect();
    assert!(begun.iter().all(|at| *at == begun[0]));
    assert_eq!(world.a.count("Try"), 1);
}

#[tokio::test]
async fn the_same_while_confirming_joins_it() {
    let world = World::start().await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    for _ in 0..2 {
        let transaction = world.execute(request.clone()).await.unwrap();
        assert_eq!(transaction.state(), pb::TransactionState::Confirming);
        assert!(!transaction.coordinator.is_empty());
    }
    assert_eq!(world.a.count("Try"), 1);
}

#[tokio::test]
async fn other_content_is_a_conflict() {
    let world = World::start().await;
    world.execute(execute("g", &["a", "b"])).await.unwrap();
    let conflicts = [
        execute("g", &["b", "a"]),
        execute("g", &["a"]),
        {
            let mut request = execute("g", &["a", "b"]);
            request.branches[0].payload = None;
            request
        },
        {
            let mut request = execute("g", &["a", "b"]);
            request.options = Some(pb::TransactionOptions {
                try_order: pb::TryOrder::Sequential as i32,
                ..pb::TransactionOptions::default()
            });
            request
        },
    ];
    for request in conflicts {
        let told = refusal(world.execute(request).await);
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::AlreadyExists, "GID_CONFLICT")
        );
    }
    let begin = world
        .begin_with("g", pb::TransactionOptions::default())
        .await;
    assert_eq!(refusal(begin).reason, "GID_CONFLICT");
}

#[tokio::test]
async fn a_conflict_with_one_that_runs_is_told_at_once() {
    let world = World::start().await;
    world.a.on(|_| Behaviour::Hang);
    let running = world.execute(execute("g", &["a"]));
    let conflicting = async {
        world.a.wait_for("Try", 1).await;
        let told = refusal(world.execute(execute("g", &["b"])).await);
        world.a.release();
        told
    };
    let (running, told) = tokio::join!(running, conflicting);
    assert_eq!(told.reason, "GID_CONFLICT");
    assert_eq!(running.unwrap().state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn labels_headers_and_timeouts_are_no_content() {
    let world = World::start().await;
    world.execute(execute("g", &["a"])).await.unwrap();
    let mut request = execute("g", &["a"]);
    request.options = Some(pb::TransactionOptions {
        labels: [("k".to_owned(), "v".to_owned())].into(),
        headers: [("x-k".to_owned(), "v".to_owned())].into(),
        try_order: pb::TryOrder::Parallel as i32,
        ..options(Duration::from_secs(7))
    });
    request.wait_for = pb::WaitFor::Decision as i32;
    let again = world.execute(request).await.unwrap();
    assert_eq!(again.state(), pb::TransactionState::Confirmed);
    assert!(again.labels.is_empty());
}

#[tokio::test]
async fn a_repetition_is_found_before_anything_is_validated() {
    let world = World::start().await;
    world.execute(execute("g", &["a"])).await.unwrap();
    let mut request = execute("g", &["a"]);
    // Out of bounds, and no content.
    request.options = Some(options(Duration::from_hours(100)));
    let again = world.execute(request).await.unwrap();
    assert_eq!(again.state(), pb::TransactionState::Confirmed);
    // A conflict comes before the bad field, too.
    let told = refusal(world.execute(execute("g", &[])).await);
    assert_eq!(told.reason, "GID_CONFLICT");
}

#[tokio::test]
async fn json_is_compared_as_a_value() {
    let world = World::start().await;
    let json = |text: &str| -> pb::ExecuteTransactionRequest {
        let value = serde_json::from_str(text).unwrap();
        pb::ExecuteTransactionRequest {
            branches: vec![json_branch("x", "a", &value)],
            ..execute("g", &[])
        }
    };
    let first = json(r#"{"sku": "s", "quantity": 1}"#);
    let begun = world.execute(first).await.unwrap();
    assert_eq!(begun.state(), pb::TransactionState::Confirmed);
    let same = json(r#"{"quantity": 1.0, "sku": "s"}"#);
    assert_eq!(world.execute(same).await.unwrap(), begun);
    let other = json(r#"{"quantity": 2, "sku": "s"}"#);
    assert_eq!(refusal(world.execute(other).await).reason, "GID_CONFLICT");
}

#[tokio::test]
async fn a_cancel_that_comes_first_is_remembered() {
    let world = World::start().await;
    for _ in 0..2 {
        let cancelled = world.cancel("g").await.unwrap();
        assert!(cancelled.was_unknown);
        let transaction = cancelled.transaction.unwrap();
        assert_eq!(transaction.state(), pb::TransactionState::Cancelled);
        let cause = transaction.cancel_cause.unwrap();
        assert_eq!(cause.reason(), pb::CancelReason::Requested);
        assert_eq!(cause.note, "a test");
    }
    let late = world.execute(execute("g", &["a"])).await.unwrap();
    assert_eq!(late.state(), pb::TransactionState::Cancelled);
    let late = world.begin("g").await;
    assert_eq!(late.state(), pb::TransactionState::Cancelled);
    assert_eq!(refusal(world.confirm("g").await).reason, "ALREADY_DECIDED");
    assert_eq!(
        refusal(world.try_branch("g", branch("x", "a")).await).reason,
        "ALREADY_DECIDED"
    );
    assert!(world.a.seen().is_empty());
}

#[tokio::test]
async fn cancel_works_for_one_call_transactions() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let running = world.execute(execute("g", &["a"]));
    let cancelling = async {
        world.a.wait_for("Try", 1).await;
        let request = pb::CancelTransactionRequest {
            gid: "g".to_owned(),
            reason: "enough".to_owned(),
            wait_for: pb::WaitFor::Decision as i32,
        };
        let answer = world
            .client
            .clone()
            .cancel_transaction(request)
            .await
            .unwrap();
        world.a.release();
        answer.into_inner()
    };
    let (running, cancelled) = tokio::join!(running, cancelling);
    assert!(!cancelled.was_unknown);
    let transaction = running.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Cancelled);
    assert_eq!(transaction.cancel_cause.unwrap().note, "enough");
    let opposite = refusal(world.confirm("g").await);
    assert_eq!(opposite.reason, "ALREADY_DECIDED");
}

#[tokio::test]
async fn an_empty_gid_is_made_by_begin_only() {
    let world = World::start().await;
    let begun = world.begin("").await;
    let made = uuid::Uuid::parse_str(&begun.gid).unwrap();
    assert_eq!(made.get_version_num(), 7);
    assert_eq!(
        refusal(world.execute(execute("", &["a"])).await).reason,
        "INVALID_GID"
    );
}
