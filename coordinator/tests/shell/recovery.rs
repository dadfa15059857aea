//! The coordinator dies and another one goes on.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute};

#[tokio::test]
async fn between_the_decision_and_the_confirms() {
    let mut world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let decided = world.execute(request.clone()).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    world.crash().await;
    world.a.release();
    world.restart().await;

    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.decided_at, decided.decided_at);
    assert_eq!(world.a.count("Confirm"), 2);
    assert_eq!((world.a.count("Try"), world.b.count("Cancel")), (1, 0));
    // The same again is answered the same.
    assert_eq!(world.execute(request).await.unwrap().state(), ended.state());
}

#[tokio::test]
async fn tries_are_repeated_and_carry_the_same_trace() {
    let mut world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let waiting = {
        let client = world.client.clone();
        let request = execute("g", &["a", "b"]);
        tokio::spawn(async move { client.clone().execute_transaction(request).await })
    };
    world.a.wait_for("Try", 1).await;
    world.crash().await;
    assert_ne!(waiting.await.unwrap().unwrap_err().code(), Code::Ok);
    world.a.release();
    world.restart().await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    let traces: Vec<_> = world
        .a
        .seen()
        .iter()
        .map(|seen| seen.header("traceparent"))
        .collect();
    assert!(
        traces
            .iter()
            .all(|trace| *trace == traces[0] && trace.len() == 55),
        "{traces:?}"
    );
}

#[tokio::test]
async fn every_branch_counts_as_sent_afterwards() {
    let mut world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.options = Some(pb::TransactionOptions {
        try_order: pb::TryOrder::Sequential as i32,
        ..pb::TransactionOptions::default()
    });
    let waiting = {
        let client = world.client.clone();
        tokio::spawn(async move { client.clone().execute_transaction(request).await })
    };
    world.a.wait_for("Try", 1).await;
    world.crash().await;
    waiting.abort();
    world
        .a
        .on_method("Try", Behaviour::code(Code::FailedPrecondition));
    world.restart().await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(world.b.count("Cancel"), 1);
    world.a.release();
}

#[tokio::test]
async fn a_confirm_waits_for_the_tries_that_are_repeated() {
    let mut world = World::start().await;
    world.begin("g").await;
    world.a.on_method("Try", Behaviour::Hang);
    let trying = {
        let client = world.client.clone();
        let request = pb::TryBranchRequest {
            gid: "g".to_owned(),
            branch: Some(branch("x", "a")),
        };
        tokio::spawn(async move { client.clone().try_branch(request).await })
    };
    world.a.wait_for("Try", 1).await;
    world.crash().await;
    trying.abort();
    world.restart().await;
    world.a.wait_for("Try", 2).await;
    let confirming = world.confirm("g");
    let releasing = async { world.a.release() };
    let (confirmed, ()) = tokio::join!(confirming, releasing);
    assert_eq!(confirmed.unwrap().state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn attempts_are_still_there_and_go_on() {
    let mut world = World::start().await;
    world
        .a
        .on(|seen| match (seen.method.as_str(), seen.attempt()) {
            ("Confirm", 4) => Behaviour::Hang,
            ("Confirm", _) => Behaviour::code(Code::Internal),
            _ => Behaviour::ok(),
        });
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 4).await;
    // Attempts are written lazily: an operator's command takes along what is there.
    let retry = pb::RetryTransactionRequest {
        gid: "g".to_owned(),
        reason: String::new(),
    };
    world.admin.clone().retry_transaction(retry).await.unwrap();
    world.crash().await;
    world.a.on(|_| Behaviour::ok());
    world.restart().await;
    let ended = world.ended("g").await;
    let numbers: Vec<_> = ended
        .attempts
        .iter()
        .filter(|attempt| attempt.phase() == pb::Phase::Confirm)
        .map(|attempt| (attempt.number, attempt.code))
        .collect();
    // The fourth was under way when the coordinator died; its number is used again.
    assert_eq!(numbers, [(1, 13), (2, 13), (3, 13), (4, 0)]);
    world.a.release();
}

#[tokio::test]
async fn an_unconfigured_participant_is_flagged_and_its_branch_kept() {
    let mut world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.crash().await;
    world.unconfigure("a");
    world.restart().await;
    let flagged = world
        .wait_until("g", "attention", |transaction| {
            transaction.attention.is_some()
        })
        .await;
    assert_eq!(flagged.state(), pb::TransactionState::Confirming);
    assert!(flagged.attention.unwrap().why.contains("configured"));
    world.a.release();
}

#[tokio::test]
async fn everything_that_is_open_goes_on() {
    let mut world = World::start().await;
    for number in 0..30 {
        world.begin(&format!("g{number}")).await;
    }
    world.crash_and_restart().await;
    for number in 0..30 {
        let ended = world.confirm(&format!("g{number}")).await.unwrap();
        assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    }
}
