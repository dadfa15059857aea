//! A coordinator that drains: what is known is served, what is new is refused, the rest is left durable.

use tercet_proto::tercet::v1 as pb;
use tercet_service::ConfigDuration;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, refusal};

#[tokio::test]
async fn known_gids_are_served_and_new_ones_refused_before_they_are_looked_at() {
    let world = World::start_with(|config| {
        config.limits.drain_grace = ConfigDuration::from_secs(60);
    })
    .await;
    world.begin("open").await;
    let ended = world.execute(execute("ended", &["a"])).await.unwrap();
    world.drain.begin();
    // Not even its shape is looked at.
    let told = refusal(world.execute(execute("new", &[])).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "DRAINING")
    );
    assert_eq!(
        refusal(
            world
                .begin_with("new", pb::TransactionOptions::default())
                .await
        )
        .reason,
        "DRAINING"
    );
    assert_eq!(
        world.execute(execute("ended", &["a"])).await.unwrap(),
        ended
    );
    let tried = world.try_branch("open", branch("x", "a")).await.unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    assert!(world.confirm("open").await.is_ok());
}

#[tokio::test]
async fn who_waits_for_completion_gets_the_state_of_now_and_the_rest_is_left_durable() {
    let mut world = World::start_with(|config| {
        config.limits.drain_grace = ConfigDuration::from_millis(1);
    })
    .await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let client = world.client.clone();
    let waiting = tokio::spawn(async move {
        client
            .clone()
            .execute_transaction(execute("g", &["a"]))
            .await
    });
    world.a.wait_for("Confirm", 1).await;
    world.drain.begin();
    let answered = waiting
        .await
        .unwrap()
        .unwrap()
        .into_inner()
        .transaction
        .unwrap();
    assert_eq!(answered.state(), pb::TransactionState::Confirming);
    world.stopped().await;
    world.a.release();
    world.restart().await;
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
}
