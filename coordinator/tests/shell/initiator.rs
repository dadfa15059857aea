//! Reliable messages: at the deadline the initiator is asked, and nobody decides in its place.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, options, refusal};

fn asked(participant: &str) -> pb::TransactionOptions {
    pb::TransactionOptions {
        initiator: Some(pb::Initiator {
            participant: participant.to_owned(),
            service: "test.v1.CheckService".to_owned(),
        }),
        ..options(Duration::from_millis(100))
    }
}

fn message(id: &str) -> pb::Branch {
    pb::Branch {
        action: "message".to_owned(),
        ..branch(id, "b")
    }
}

fn says(outcome: pb::CheckOutcome) -> Behaviour {
    let response = pb::CheckTransactionResponse {
        outcome: outcome as i32,
    };
    Behaviour::Reply(Bytes::from(response.encode_to_vec()))
}

async fn half_message(world: &World) {
    world.begin_with("g", asked("a")).await.unwrap();
    let registered = world.register("g", message("m")).await.unwrap();
    assert_eq!(registered.state(), pb::BranchState::Tried, "it has no try");
}

#[tokio::test]
async fn a_committed_initiator_sends_the_message() {
    let world = World::start().await;
    world
        .a
        .on_method("CheckTransaction", says(pb::CheckOutcome::Committed));
    half_message(&world).await;
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
    assert_eq!(world.b.count("Confirm"), 1);
    let question = world
        .a
        .seen()
        .into_iter()
        .find(|seen| seen.method == "CheckTransaction");
    let asked = pb::CheckTransactionRequest::decode(question.unwrap().payload).unwrap();
    assert_eq!(asked.gid, "g");
}

#[tokio::test]
async fn an_aborted_initiator_drops_it() {
    let world = World::start().await;
    world
        .a
        .on_method("CheckTransaction", says(pb::CheckOutcome::Aborted));
    half_message(&world).await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(
        ended.cancel_cause.unwrap().reason(),
        pb::CancelReason::Initiator
    );
    assert!(world.b.seen().is_empty());
}

#[tokio::test]
async fn unknown_and_errors_are_asked_again_and_flagged() {
    let world = World::start().await;
    world
        .a
        .on_method("CheckTransaction", Behaviour::code(Code::Internal));
    half_message(&world).await;
    world.a.wait_for("CheckTransaction", 3).await;
    let waiting = world
        .wait_until("g", "attention", |found| found.attention.is_some())
        .await;
    assert_eq!(
        waiting.state(),
        pb::TransactionState::Trying,
        "never decided by the coordinator"
    );
    assert!(waiting.attempts.is_empty(), "checks are no attempts");
    let before = world.a.count("CheckTransaction");
    world
        .a
        .on_method("CheckTransaction", says(pb::CheckOutcome::Unknown));
    world.a.wait_for("CheckTransaction", before + 2).await;
    world
        .a
        .on_method("CheckTransaction", says(pb::CheckOutcome::Committed));
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
}

#[tokio::test]
async fn it_needs_a_configured_participant_and_is_not_for_one_call() {
    let world = World::start().await;
    let told = refusal(world.begin_with("g", asked("nobody")).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::NotFound, "UNKNOWN_PARTICIPANT")
    );
    let mut request = execute("g", &["a"]);
    request.options = Some(asked("a"));
    let told = refusal(world.execute(request).await);
    assert_eq!(told.reason, "INVALID_OPTIONS");
}
