//! The circuit breaker: a participant that doesn't answer holds up nobody.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{World, branch, execute, refusal};

async fn breaker(world: &World, name: &str) -> pb::BreakerState {
    let request = pb::ListParticipantsRequest {};
    let answer = world
        .admin
        .clone()
        .list_participants(request)
        .await
        .unwrap();
    let participants = answer.into_inner().participants;
    let found = participants
        .iter()
        .find(|participant| participant.name == name);
    found.unwrap().breaker()
}

#[tokio::test]
async fn five_tries_without_an_answer_refuse_new_work_for_it() {
    let mut world = World::start_with(|config| {
        config.retry.try_attempts = std::num::NonZeroU32::new(5).unwrap();
    })
    .await;
    world.begin("open").await;
    world.a.die().await;
    world.execute(execute("first", &["a"])).await.unwrap();

    assert_eq!(breaker(&world, "a").await, pb::BreakerState::Open);
    for told in [
        refusal(world.execute(execute("g", &["a", "b"])).await),
        refusal(world.try_branch("open", branch("x", "a")).await),
    ] {
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::Unavailable, "PARTICIPANT_DOWN")
        );
        assert!(told.retry_after.is_some());
    }
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
    // Registering isn't trying, and others are others.
    world.register("open", branch("x", "a")).await.unwrap();
    world.execute(execute("g", &["b"])).await.unwrap();
    // What is there already is answered.
    let first = world.execute(execute("first", &["a"])).await.unwrap();
    assert_eq!(first.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn switched_off_it_refuses_nothing() {
    let mut world = World::start_with(|config| {
        config.retry.try_attempts = std::num::NonZeroU32::new(6).unwrap();
        for participant in config.participants.values_mut() {
            participant.breaker = false;
        }
    })
    .await;
    world.a.die().await;
    for gid in ["first", "second"] {
        let transaction = world.execute(execute(gid, &["a"])).await.unwrap();
        assert_eq!(transaction.state(), pb::TransactionState::Cancelled);
    }
    assert_eq!(breaker(&world, "a").await, pb::BreakerState::Closed);
}
