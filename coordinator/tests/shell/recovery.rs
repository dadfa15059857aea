//! The coordinator dies at some moment, and another one comes up on the same log.

use tercet_proto::tercet::v1 as pb;

use crate::support::{Behaviour, World, branch, execute};

#[tokio::test]
async fn a_decision_is_carried_out_by_the_next_one() {
    let mut world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let decided = world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    world.crash_and_restart().await;
    world.a.release();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.decided_at, decided.decided_at);
    assert_eq!(world.a.count("Cancel") + world.b.count("Cancel"), 0);
}

#[tokio::test]
async fn an_undecided_one_is_tried_again_and_keeps_its_trace() {
    let mut world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let (client, request) = (world.client.clone(), execute("g", &["a"]));
    let lost = tokio::spawn(async move { client.clone().execute_transaction(request).await });
    world.a.wait_for("Try", 1).await;
    world.crash_and_restart().await;
    assert!(lost.await.unwrap().is_err());
    world.a.wait_for("Try", 2).await;
    world.a.release();
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
    let trace = |seen: &crate::support::Seen| seen.header("traceparent")[3..35].to_owned();
    let traces: std::collections::BTreeSet<String> = world.a.seen().iter().map(trace).collect();
    assert_eq!(traces.len(), 1, "one trace a transaction: {traces:?}");
}

#[tokio::test]
async fn after_a_take_over_a_try_that_was_never_sent_is_cancelled_all_the_same() {
    let mut world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.options = Some(pb::TransactionOptions {
        try_order: pb::TryOrder::Sequential as i32,
        ..pb::TransactionOptions::default()
    });
    let client = world.client.clone();
    let lost = tokio::spawn(async move { client.clone().execute_transaction(request).await });
    world.a.wait_for("Try", 1).await;
    world.crash().await;
    lost.await.unwrap().unwrap_err();
    world
        .a
        .on_method("Try", Behaviour::code(tonic::Code::FailedPrecondition));
    world.restart().await;
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Cancelled
    );
    assert_eq!((world.b.count("Try"), world.b.count("Cancel")), (0, 1));
}

#[tokio::test]
async fn confirm_waits_for_the_tries_that_are_repeated() {
    let mut world = World::start().await;
    world.begin("g").await;
    world.try_branch("g", branch("x", "a")).await.unwrap();
    world.crash_and_restart().await;
    // Whether the first answer had reached the log or not.
    let confirmed = world.confirm("g").await.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn a_participant_that_is_no_longer_configured_is_flagged_and_kept() {
    let mut world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    world.crash().await;
    world.unconfigure("a");
    world.restart().await;
    let flagged = world
        .wait_until("g", "attention", |found| found.attention.is_some())
        .await;
    assert_eq!(flagged.state(), pb::TransactionState::Confirming);
    assert!(flagged.attention.unwrap().why.contains('a'));
}
