//! The drain: new gids are refused, known ones served, what is in flight gets its time.

use tercet_proto::tercet::v1 as pb;
use tercet_service::ConfigDuration;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, refusal, soon};

#[tokio::test]
async fn new_gids_are_refused_and_known_ones_served() {
    let mut world = World::start().await;
    world.execute(execute("ended", &["a"])).await.unwrap();
    world.begin("open").await;
    world.drain.begin();

    for told in [
        refusal(world.execute(execute("g", &["a"])).await),
        refusal(
            world
                .begin_with("g", pb::TransactionOptions::default())
                .await,
        ),
        refusal(world.cancel("g").await),
        // Draining is looked at before the shape.
        refusal(world.execute(execute("g", &[])).await),
    ] {
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::Unavailable, "DRAINING")
        );
        assert!(told.retry_after.is_some());
    }
    let ended = world.execute(execute("ended", &["a"])).await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    world.try_branch("open", branch("x", "a")).await.unwrap();
    let open = world.confirm("open").await.unwrap();
    assert_eq!(open.state(), pb::TransactionState::Confirming);
    // Nothing undecided is left, so it doesn't last until the grace period is over.
    world.stopped().await;
}

#[tokio::test]
async fn a_wait_for_completion_is_over() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let waiting = world.execute(execute("g", &["a"]));
    let draining = async {
        world.a.wait_for("Confirm", 1).await;
        world.drain.begin();
    };
    let (answer, ()) = tokio::join!(waiting, draining);
    assert_eq!(answer.unwrap().state(), pb::TransactionState::Confirming);
    world.a.release();
}

#[tokio::test]
async fn a_decision_that_comes_in_time_is_answered() {
    let mut world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let waiting = world.execute(request);
    let draining = async {
        world.a.wait_for("Try", 1).await;
        world.drain.begin();
        world.a.release();
    };
    let (answer, ()) = tokio::join!(waiting, draining);
    assert_eq!(answer.unwrap().state(), pb::TransactionState::Confirming);
    world.stopped().await;
    world.restart().await;
    // Its confirm was done in the grace period, or is done now: the call may be repeated, the branch is confirmed.
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn at_the_end_of_the_grace_period_the_rest_is_left() {
    let mut world = World::start_with(|config| {
        config.limits.drain_grace = ConfigDuration::from_millis(50);
    })
    .await;
    world.a.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let waiting = world.execute(request);
    let draining = async {
        world.a.wait_for("Try", 1).await;
        world.drain.begin();
    };
    let (answer, ()) = tokio::join!(waiting, draining);
    let told = refusal(answer);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "DRAINING")
    );
    world.stopped().await;

    world.a.on(|_| Behaviour::ok());
    world.restart().await;
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(world.a.count("Try"), 2);
}

#[tokio::test]
async fn what_waits_for_a_dead_participant_holds_up_no_drain() {
    let mut world = World::start_with(|config| {
        config.limits.drain_grace = ConfigDuration::from_secs(3_600);
        config.retry.initial = ConfigDuration::from_secs(3_600);
        config.retry.max = ConfigDuration::from_secs(3_600);
    })
    .await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    world.drain.begin();
    soon("the end of the drain", world.stopped()).await;
}
