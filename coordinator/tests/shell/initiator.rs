//! Reliable messages: the initiator is asked at the deadline.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, options};

fn outcome(outcome: pb::CheckOutcome) -> Behaviour {
    let response = pb::CheckTransactionResponse {
        outcome: outcome as i32,
    };
    Behaviour::Reply(Bytes::from(response.encode_to_vec()))
}

/// A message to `b`, whose initiator is `a`.
async fn message(world: &World) {
    let options = pb::TransactionOptions {
        initiator: Some(pb::Initiator {
            participant: "a".to_owned(),
            service: "test.v1.CheckService".to_owned(),
        }),
        // The branch has to be registered before.
        ..options(Duration::from_secs(2))
    };
    world.begin_with("g", options).await.unwrap();
    let mut branch = branch("x", "b");
    "message".clone_into(&mut branch.action);
    let registered = world.register("g", branch).await.unwrap();
    assert_eq!(registered.state(), pb::BranchState::Tried);
}

#[tokio::test]
async fn committed_sends_the_message() {
    let world = World::start().await;
    world.a.on(|_| outcome(pb::CheckOutcome::Committed));
    message(&world).await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(world.b.count("Confirm"), 1);
    let asked = world.a.seen().remove(0);
    assert_eq!(asked.method, "CheckTransaction");
    let request = pb::CheckTransactionRequest::decode(asked.payload.clone()).unwrap();
    assert_eq!(request.gid, "g");
    assert!(!asked.header("traceparent").is_empty());
}

#[tokio::test]
async fn aborted_cancels_it() {
    let world = World::start().await;
    world.a.on(|_| outcome(pb::CheckOutcome::Aborted));
    message(&world).await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(
        ended.cancel_cause.unwrap().reason(),
        pb::CancelReason::Initiator
    );
    assert!(world.b.seen().is_empty());
}

#[tokio::test]
async fn unknown_is_flagged_and_asked_again_never_decided() {
    let world = World::start().await;
    let asked = AtomicUsize::new(0);
    world
        .a
        .on(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => outcome(pb::CheckOutcome::Unspecified),
            1 => outcome(pb::CheckOutcome::Unknown),
            2 => Behaviour::code(Code::FailedPrecondition),
            3 => Behaviour::Reply(Bytes::from_static(b"\xff\xff")),
            _ => Behaviour::Hang,
        });
    message(&world).await;
    world.a.wait_for("CheckTransaction", 5).await;
    let flagged = world.get("g").await.unwrap();
    assert_eq!(flagged.state(), pb::TransactionState::Trying);
    assert!(flagged.attention.is_some());
    world.a.on(|_| outcome(pb::CheckOutcome::Committed));
    // The hanging question is answered with an empty reply, which is UNKNOWN, and the next one decides.
    world.a.release();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.attention, None);
}

#[tokio::test]
async fn its_own_decision_comes_first() {
    let world = World::start().await;
    message(&world).await;
    let confirmed = world.confirm("g").await.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirmed);
}
