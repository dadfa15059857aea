//! `WatchTransaction`: the transaction now, then each change, until its end.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, execute, refusal, soon};

#[tokio::test]
async fn it_shows_the_way_to_the_end_and_then_ends() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let running = world.execute(execute("g", &["a", "b"]));
    let watching = async {
        world.a.wait_for("Try", 1).await;
        let mut changes = world.watch("g").await.unwrap();
        world.a.release();
        let mut states = Vec::new();
        while let Some(change) = soon("a change", changes.message()).await.unwrap() {
            states.push(change.transaction.unwrap().state());
        }
        states
    };
    let (_, states) = tokio::join!(running, watching);
    assert_eq!(states.first(), Some(&pb::TransactionState::Trying));
    assert_eq!(states.last(), Some(&pb::TransactionState::Confirmed));
    assert!(states.is_sorted(), "never backwards: {states:?}");
}

#[tokio::test]
async fn one_that_has_ended_is_shown_once() {
    let world = World::start().await;
    let ended = world.execute(execute("g", &["a"])).await.unwrap();
    let mut changes = world.watch("g").await.unwrap();
    let shown = changes
        .message()
        .await
        .unwrap()
        .unwrap()
        .transaction
        .unwrap();
    assert_eq!(shown, ended);
    assert_eq!(shown.coordinator, "", "nobody owns what has ended");
    assert!(changes.message().await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_gid_is_not_watched() {
    let world = World::start().await;
    let told = refusal(world.watch("nobody").await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::NotFound, "UNKNOWN_TRANSACTION")
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

#[tokio::test]
async fn a_drain_ends_it_with_draining() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    world.begin("g").await;
    let mut changes = world.watch("g").await.unwrap();
    changes.message().await.unwrap().unwrap();
    world.drain.begin();
    let told = loop {
        match soon("the end of the watch", changes.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without saying why"),
            Err(status) => break refusal::<()>(Err(status)),
        }
    };
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "DRAINING")
    );
}
