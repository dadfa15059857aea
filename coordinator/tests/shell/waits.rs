//! When a call is answered: at the decision, at the end, or shortly before its caller's deadline.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tercet_service::{ConfigDuration, Endpoint};
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, json_branch, with_timeout};

/// A caller's deadline that leaves the coordinator half a second, the most there is, to answer before it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_decision_is_answered_while_confirms_go_on() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Unspecified as i32;
    let decided = world.execute(request).await.unwrap();
    assert_eq!(decided.state(), pb::TransactionState::Confirming);
    assert!(decided.decided_at.is_some() && decided.ended_at.is_none());
    world.a.release();
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
}

#[tokio::test]
async fn completion_is_answered_shortly_before_the_callers_deadline() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let request = with_timeout(execute("g", &["a"]), ANSWERED_WITHIN);
    let answered = world.execute(request).await.unwrap();
    assert_eq!(answered.state(), pb::TransactionState::Confirming);
    world.a.release();
}

#[tokio::test]
async fn completion_of_a_decision_is_answered_shortly_before_the_deadline_too() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    world.begin("g").await;
    world.try_branch("g", branch("x", "a")).await.unwrap();
    let request = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    let request = with_timeout(request, ANSWERED_WITHIN);
    let answer = world
        .client
        .clone()
        .confirm_transaction(request)
        .await
        .unwrap();
    let transaction = answer.into_inner().transaction.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirming);
    world.a.release();
}

#[tokio::test]
async fn a_caller_that_goes_away_changes_nothing() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let gone = world
        .execute(with_timeout(request, Duration::from_secs(2)))
        .await;
    let code = gone.unwrap_err().code();
    assert!(
        matches!(code, Code::DeadlineExceeded | Code::Cancelled),
        "{code:?}"
    );
    world.a.release();
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
}

/// How often the participant says no before the retries count as going on. Each is a timer that a question may come across.
const RETRIES: usize = 16;
/// Those who ask all the time.
const ASKERS: usize = 100;

/// On one thread that is never idle, so that timers go off while questions wait to be heard.
#[tokio::test]
async fn retries_and_deadlines_come_in_time_while_others_keep_asking() {
    // Long enough that the attempt before has been written when the next one is due, so that nothing else wakes anybody.
    let world = World::start_with(|config| {
        config.retry.initial = ConfigDuration::from_millis(300);
        config.retry.max = ConfigDuration::from_millis(300);
    })
    .await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("retried", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    let options = pb::TransactionOptions {
        try_timeout: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..pb::TransactionOptions::default()
    };
    world.begin_with("late", options).await.unwrap();
    world.try_branch("late", branch("x", "b")).await.unwrap();
    let mut askers = tokio::task::JoinSet::new();
    for gid in ["retried", "late"].repeat(ASKERS / 2) {
        let mut client = world.client.clone();
        askers.spawn(async move {
            let gid = gid.to_owned();
            loop {
                let request = pb::GetTransactionRequest { gid: gid.clone() };
                client.get_transaction(request).await.unwrap();
            }
        });
    }
    world.a.wait_for("Confirm", RETRIES).await;
    let late = world.ended("late").await;

    assert_eq!(late.state(), pb::TransactionState::Cancelled);
    assert!(askers.try_join_next().is_none(), "an asker was refused");
}

#[tokio::test]
async fn completion_is_answered_when_it_is_parked() {
    let world = World::start_with(|config| config.retry.max_attempts = 2).await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Internal));
    let parked = world.execute(execute("g", &["a", "b"])).await.unwrap();
    assert_eq!(parked.state(), pb::TransactionState::Confirming);
    let attention = parked.attention.unwrap();
    assert!(attention.parked, "{attention:?}");
    assert_eq!(world.a.count("Confirm"), 2);
}

#[tokio::test]
async fn a_parked_branch_that_holds_back_the_rest_counts_as_parked() {
    let world = World::start_with(|config| config.retry.max_attempts = 2).await;
    world.b.on(|seen| match seen.method.as_str() {
        "Try" => Behaviour::code(Code::FailedPrecondition),
        _ => Behaviour::code(Code::Internal),
    });
    let mut request = execute("g", &["a", "b"]);
    request.options = Some(pb::TransactionOptions {
        try_order: pb::TryOrder::Sequential as i32,
        ..pb::TransactionOptions::default()
    });
    let parked = world.execute(request).await.unwrap();
    assert_eq!(parked.state(), pb::TransactionState::Cancelling);
    assert!(parked.attention.unwrap().parked);
    assert_eq!(world.a.count("Cancel"), 0);
}

#[tokio::test]
async fn what_has_not_begun_by_then_is_not_said_to_be_unknown() {
    // It takes connections and says nothing: reading its schema lasts longer than the caller waits.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.endpoints = vec![Endpoint::http("127.0.0.1", port)];
        }
    })
    .await;
    let mut request = execute("g", &[]);
    request.branches = vec![json_branch("x", "a", &serde_json::json!({"sku": "s"}))];
    let answer = world.execute(with_timeout(request, Duration::from_millis(300)));
    let code = answer.await.unwrap_err().code();
    assert!(
        matches!(code, Code::DeadlineExceeded | Code::Cancelled),
        "{code:?}"
    );
}
