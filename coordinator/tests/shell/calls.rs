//! How calls get to a participant: its endpoints, its number of calls at a time.

use std::num::NonZeroU32;
use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tercet_service::Endpoint;
use tonic::Code;

use crate::support::{Behaviour, World, execute, options};

/// A port that nobody listens on.
async fn dead_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_dead_endpoint_beside_a_live_one_fails_no_call() {
    let dead = dead_port().await;
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            let dead = Endpoint::http("127.0.0.1", dead);
            participant.endpoints.insert(0, dead);
        }
    })
    .await;
    for number in 0..10 {
        let gid = format!("g{number}");
        let transaction = world.execute(execute(&gid, &["a", "b"])).await.unwrap();
        assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
        assert!(
            transaction.attempts.iter().all(|attempt| attempt.code == 0),
            "{transaction:?}"
        );
    }
}

#[tokio::test]
async fn a_try_whose_turn_never_came_was_never_sent() {
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.max_in_flight = NonZeroU32::MIN;
        }
    })
    .await;
    world.a.on_method("Try", Behaviour::Hang);
    let first = world.execute(execute("first", &["a"]));
    let second = async {
        world.a.wait_for("Try", 1).await;
        let mut request = execute("second", &["a", "b"]);
        request.options = Some(options(Duration::from_millis(100)));
        request.wait_for = pb::WaitFor::Decision as i32;
        let decided = world.execute(request).await.unwrap();
        world.a.release();
        decided
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().state(), pb::TransactionState::Confirmed);
    let cause = second.cancel_cause.unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Deadline);
    let ended = world.ended("second").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert!(
        !world
            .a
            .seen()
            .iter()
            .any(|seen| seen.gid() == "second" && seen.method == "Try")
    );
}

#[tokio::test]
async fn one_slow_participant_holds_up_nobody_else() {
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.max_in_flight = NonZeroU32::MIN;
        }
    })
    .await;
    world.a.on_method("Confirm", Behaviour::Hang);
    for number in 0..5 {
        let mut stuck = execute(&format!("stuck{number}"), &["a"]);
        stuck.wait_for = pb::WaitFor::Decision as i32;
        stuck.branches[0].action = "message".to_owned();
        world.execute(stuck).await.unwrap();
    }
    let other = world.execute(execute("other", &["b", "c"])).await.unwrap();
    assert_eq!(other.state(), pb::TransactionState::Confirmed);
    world.a.release();
    for number in 0..5 {
        world.ended(&format!("stuck{number}")).await;
    }
}

#[tokio::test]
async fn retries_that_hang_leave_room_for_first_calls() {
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.max_in_flight = NonZeroU32::MIN.saturating_add(1);
        }
    })
    .await;
    // Ten confirms fail once; their retries hang.
    world.a.on(|seen| match (&*seen.method, seen.attempt()) {
        ("Confirm", 1) => Behaviour::code(Code::Unavailable),
        ("Confirm", _) => Behaviour::Hang,
        _ => Behaviour::ok(),
    });
    for number in 0..10 {
        let mut stuck = execute(&format!("stuck{number}"), &["a"]);
        stuck.wait_for = pb::WaitFor::Decision as i32;
        stuck.branches[0].action = "message".to_owned();
        world.execute(stuck).await.unwrap();
    }
    world.a.wait_for("Confirm", 11).await;

    world.a.on(|seen| match seen.gid().as_str() {
        "other" => Behaviour::ok(),
        _ => Behaviour::Hang,
    });
    let other = world.execute(execute("other", &["a"])).await.unwrap();

    assert_eq!(other.state(), pb::TransactionState::Confirmed);
    let retries = || {
        let seen = world.a.seen().into_iter();
        seen.filter(|seen| seen.attempt() > 1).count()
    };
    assert_eq!(retries(), 1, "one at a time: half of two");
    world.a.release();
    for number in 0..10 {
        world.ended(&format!("stuck{number}")).await;
    }
}
