//! The breaker of a participant whose tries get no answer.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, refusal};

/// Tries without an answer until the breaker has opened: two transactions with three attempts each.
async fn open(world: &World) {
    world.a.on_method("Try", Behaviour::Break);
    for gid in ["1", "2"] {
        let cancelled = world.execute(execute(gid, &["a"])).await.unwrap();
        assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
    }
}

#[tokio::test]
async fn it_refuses_only_new_work_for_that_participant() {
    let world = World::start().await;
    world.begin("begun").await;
    open(&world).await;
    let told = refusal(world.execute(execute("3", &["a", "b"])).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "PARTICIPANT_DOWN")
    );
    assert!(told.retry_after.is_some());
    assert_eq!(refusal(world.get("3").await).reason, "UNKNOWN_TRANSACTION");
    let told = refusal(world.try_branch("begun", branch("x", "a")).await);
    assert_eq!(told.reason, "PARTICIPANT_DOWN");
    assert!(
        world.register("begun", branch("x", "a")).await.is_ok(),
        "only Execute and Try"
    );
    assert!(world.execute(execute("4", &["b"])).await.is_ok());
    let known = world.execute(execute("1", &["a"])).await.unwrap();
    assert_eq!(
        known.state(),
        pb::TransactionState::Cancelled,
        "a known gid is answered"
    );
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.breaker = false;
        }
    })
    .await;
    open(&world).await;
    assert!(world.execute(execute("3", &["a"])).await.is_ok());
}
