//! Watching a transaction.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, refusal, soon};

#[tokio::test]
async fn every_change_until_the_end() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    world.begin("g").await;
    let mut changes = world.watch("g").await.unwrap();
    let mut next = async || {
        let change = soon("a change", changes.message()).await.unwrap();
        change.map(|change| change.transaction.unwrap())
    };
    let first = next().await.unwrap();
    assert_eq!(first.state(), pb::TransactionState::Trying);
    assert!(first.branches.is_empty());

    world.try_branch("g", branch("x", "a")).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&pb::BranchState::Tried) {
        seen.extend(
            next()
                .await
                .unwrap()
                .branches
                .iter()
                .map(pb::BranchStatus::state),
        );
    }
    let request = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Decision as i32,
    };
    world
        .client
        .clone()
        .confirm_transaction(request)
        .await
        .unwrap();
    while next().await.unwrap().state() != pb::TransactionState::Confirming {}
    world.a.release();
    let mut last = next().await.unwrap();
    while let Some(change) = next().await {
        last = change;
    }
    assert_eq!(last.state(), pb::TransactionState::Confirmed);
    assert_eq!(last, world.get("g").await.unwrap());
}

#[tokio::test]
async fn what_has_ended_is_shown_once() {
    let world = World::start().await;
    let ended = world.execute(execute("g", &["a"])).await.unwrap();
    let mut changes = world.watch("g").await.unwrap();
    let only = changes.message().await.unwrap().unwrap();
    assert_eq!(only.transaction.unwrap(), ended);
    assert_eq!(changes.message().await.unwrap(), None);
}

#[tokio::test]
async fn several_watchers_each_begin_with_the_transaction_as_it_is() {
    let world = World::start().await;
    world.begin("g").await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut changes = world.watch("g").await.unwrap();
        let first = soon("the first look", changes.message())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(first.transaction.unwrap().gid, "g");
        streams.push(changes);
    }
    world.confirm("g").await.unwrap();
    for mut changes in streams {
        let last = soon("the end", changes.message()).await.unwrap().unwrap();
        assert_eq!(
            last.transaction.unwrap().state(),
            pb::TransactionState::Confirmed
        );
    }
}

#[tokio::test]
async fn a_drain_ends_it() {
    let world = World::start().await;
    world.begin("g").await;
    let mut changes = world.watch("g").await.unwrap();
    changes.message().await.unwrap().unwrap();
    world.drain.begin();
    let told = refusal(soon("the end of the stream", changes.message()).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "DRAINING")
    );
}

#[tokio::test]
async fn each_finished_attempt_and_attention_are_changes() {
    let world = World::start().await;
    world
        .a
        .on(|seen| match (seen.method.as_str(), seen.attempt()) {
            ("Confirm", 1) => Behaviour::code(Code::FailedPrecondition),
            ("Confirm", 2) => Behaviour::Hang,
            _ => Behaviour::ok(),
        });
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    let seen = world
        .wait_until("g", "the refused confirm", |found| {
            found.attempts.len() == 2
        })
        .await;
    assert!(seen.attention.is_some());
    world.a.release();
    assert!(
        world.ended("g").await.attention.is_none(),
        "cleared when the branch ends"
    );
}
