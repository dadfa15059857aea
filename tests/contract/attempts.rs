//! What uses up an attempt and what doesn't, how calls are numbered, and what comes of it: doubt, parking, attention.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::participant::Answer;
use crate::world::{World, branch, one, plain};

const LONG: Duration = Duration::from_hours(1);

/// "Still working" costs no attempt, in either phase, and its delay is held to the back-off's maximum.
#[tokio::test]
async fn retry_info_beside_doubt_uses_up_no_attempt() {
    let world = World::with("try_attempts = 2\nmax_attempts = 2", "").await;
    world.p.on(|seen| match seen.attempt() {
        // An hour, where the longest pause is 20 ms.
        1..=6 => Answer::later(Code::Unavailable, LONG),
        7 => Answer::code(Code::Aborted),
        _ => Answer::ok(),
    });
    let ended = world.execute(one("g")).await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.branches[0].attempts, 8, "calls, not attempts used up");
    let numbers = |phase: pb::Phase| -> Vec<u32> {
        let of_phase = ended.attempts.iter().filter(|it| it.phase() == phase);
        of_phase.map(|it| it.number).collect()
    };
    assert_eq!(numbers(pb::Phase::Try), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(numbers(pb::Phase::Confirm), [1, 2, 3, 4, 5, 6, 7, 8]);
    let seen: Vec<u32> = world
        .p
        .seen()
        .iter()
        .map(crate::participant::Seen::attempt)
        .collect();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
}

/// However short the delay that is asked for, 10 ms lie between two calls.
#[tokio::test]
async fn retry_info_waits_10_ms_at_least() {
    let world = World::start().await;
    world.p.on(|seen| match seen.attempt() {
        1..=4 => Answer::later(Code::Unavailable, Duration::ZERO),
        _ => Answer::ok(),
    });
    let ended = world.execute(one("g")).await.unwrap();
    let micros = |at: &prost_types::Timestamp| at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000;
    let tries: Vec<_> = ended
        .attempts
        .iter()
        .filter(|it| it.phase() == pb::Phase::Try)
        .collect();
    assert_eq!(tries.len(), 5);
    for pair in tries.windows(2) {
        let starts = [pair[0], pair[1]].map(|it| micros(it.started_at.as_ref().unwrap()));
        assert!(starts[1] - starts[0] >= 10_000, "{pair:?}");
    }
}

/// Beside a definite code it is ignored: a refusal is one, and a refused confirm uses up its attempts.
#[tokio::test]
async fn retry_info_beside_a_definite_code_is_ignored() {
    let world = World::with("max_attempts = 3", "").await;
    world
        .p
        .on(|seen| match (seen.gid().as_str(), seen.phase().as_str()) {
            ("tried", "try") | ("confirmed", "confirm") => {
                Answer::later(Code::FailedPrecondition, Duration::from_millis(1))
            }
            _ => Answer::ok(),
        });
    let refused = world.execute(one("tried")).await.unwrap();
    let cause = refused.cancel_cause.unwrap();
    assert_eq!(
        (cause.reason(), cause.error.unwrap().reason),
        (pb::CancelReason::Refused, "BUSY".to_owned())
    );
    assert_eq!(world.p.calls("tried"), ["try 1 1", "cancel 1 1"]);

    // It answers because it is parked.
    let parked = world.execute(one("confirmed")).await.unwrap();
    assert!(parked.attention.unwrap().parked);
    assert_eq!(world.p.calls("confirmed").len(), 4);
}

#[tokio::test]
async fn what_is_parked_waits_and_a_resume_gives_it_its_attempts_anew() {
    let world = World::with("max_attempts = 2", "").await;
    world.p.on_phase("confirm", Answer::code(Code::Unavailable));
    let parked = world.execute(one("g")).await.unwrap();
    let check = |transaction: &pb::Transaction, attempts: u32| {
        assert_eq!(transaction.state(), pb::TransactionState::Confirming);
        let branch = &transaction.branches[0];
        assert_eq!(branch.state(), pb::BranchState::Tried);
        assert_eq!(branch.attempts, attempts);
        assert_eq!(branch.next_attempt_at, None);
        assert!(branch.attention.as_ref().unwrap().parked);
        assert_eq!(branch.last_error.as_ref().unwrap().code, 14);
    };
    check(&parked, 2);
    // A retry is no resume.
    check(&world.retry("g").await.unwrap(), 2);
    world.resume("g").await.unwrap();
    let again = world
        .once("g", "parked again", |it| {
            it.branches[0].attempts == 4 && it.attention.as_ref().is_some_and(|it| it.parked)
        })
        .await;
    check(&again, 4);
    assert_eq!(
        world.p.calls("g"),
        [
            "try 1 1",
            "confirm 1 1",
            "confirm 1 2",
            "confirm 1 3",
            "confirm 1 4"
        ]
    );
    world.p.on(|_| Answer::ok());
    world.resume("g").await.unwrap();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.attention, None);
    assert_eq!(ended.attempts.last().unwrap().number, 5);
}

/// Whatever is answered, or not: what takes long after the decision is flagged.
#[tokio::test]
async fn what_is_not_done_in_time_is_flagged_while_its_call_is_still_under_way() {
    let world = World::with("attention_after = \"50ms\"", "").await;
    world.p.on_phase("confirm", Answer::hold());
    let executing = world.executing(one("g"));
    let flagged = world
        .once("g", "attention", |it| it.attention.is_some())
        .await;
    assert!(!flagged.attention.unwrap().parked);
    assert_eq!(flagged.branches[0].attempts, 1);
    assert!(flagged.branches[0].last_error.is_none());
    world.p.release();
    let ended = executing.await.unwrap().unwrap();
    assert_eq!(
        (ended.state(), ended.attention),
        (pb::TransactionState::Confirmed, None)
    );
}

#[tokio::test]
async fn the_first_5_and_the_last_20_attempts_are_kept() {
    let world = World::with("max = \"4ms\"", "").await;
    world
        .p
        .on(|seen| match (seen.phase().as_str(), seen.attempt()) {
            ("confirm", ..=39) => Answer::code(Code::Unavailable),
            _ => Answer::ok(),
        });
    let ended = world.execute(one("g")).await.unwrap();
    let confirms = ended
        .attempts
        .iter()
        .filter(|it| it.phase() == pb::Phase::Confirm);
    let numbers: Vec<u32> = confirms.map(|it| it.number).collect();
    let expected: Vec<u32> = (1..=5).chain(21..=40).collect();
    assert_eq!(numbers, expected);
    assert_eq!(ended.branches[0].attempts, 40);
    assert_eq!(ended.attempts.len(), 26, "of each phase");
}

/// Step by step a try whose attempts are used up is in doubt, and stands against a confirm; nothing is decided.
#[tokio::test]
async fn step_by_step_doubt_decides_nothing() {
    let world = World::with("try_attempts = 2", "").await;
    world.begin("g", plain()).await.unwrap();
    world.p.on_phase("try", Answer::code(Code::Internal));
    let doubted = world.try_branch("g", branch("1", "p")).await.unwrap();
    assert_eq!(doubted.state(), pb::BranchState::InDoubt);
    assert_eq!(doubted.last_error.unwrap().code, 13);
    assert_eq!((doubted.attempts, doubted.next_attempt_at), (2, None));
    world.p.on(|_| Answer::ok());
    let again = world.try_branch("g", branch("1", "p")).await.unwrap();
    assert_eq!(again.state(), pb::BranchState::InDoubt, "never done twice");
    assert_eq!(
        crate::told::reason(world.confirm("g").await),
        "BRANCH_NOT_TRIED"
    );
    assert_eq!(
        world.get("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    world.cancel("g", "").await.unwrap();
    world.ended("g").await;
    assert_eq!(world.p.calls("g"), ["try 1 1", "try 1 2", "cancel 1 1"]);
}
