//! Step by step: begin, try or register, renew, confirm or cancel.

use std::time::Duration;

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, options, refusal};

#[tokio::test]
async fn tried_branches_are_confirmed() {
    let world = World::start().await;
    world
        .a
        .on_method("Try", Behaviour::Reply(Bytes::from_static(b"kept")));
    let begun = world.begin("g").await;
    assert_eq!(begun.state(), pb::TransactionState::Trying);

    let tried = world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    assert_eq!(tried.try_response, "kept");
    let ended = world.confirm("g").await.unwrap();

    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!((world.a.count("Try"), world.a.count("Confirm")), (1, 1));
    // Again, from the log.
    assert_eq!(world.confirm("g").await.unwrap(), ended);
    let opposite = refusal(world.cancel("g").await);
    assert_eq!(
        (opposite.code, opposite.reason.as_str()),
        (Code::FailedPrecondition, "ALREADY_DECIDED")
    );
}

#[tokio::test]
async fn a_registered_branch_is_vouched_for_by_its_caller() {
    let world = World::start().await;
    world.begin("g").await;
    let registered = world.register("g", branch("x", "a")).await.unwrap();
    assert_eq!(registered.state(), pb::BranchState::Registered);
    // Try on the same branch calls nothing: the first one's kind stands.
    let again = world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(again.state(), pb::BranchState::Registered);
    let ended = world.confirm("g").await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!((world.a.count("Try"), world.a.count("Confirm")), (0, 1));
}

#[tokio::test]
async fn a_registered_branch_is_cancelled_even_if_nobody_tried_it_here() {
    let world = World::start().await;
    world.begin("g").await;
    world.register("g", branch("x", "a")).await.unwrap();
    let cancelled = world.cancel("g").await.unwrap();
    assert!(!cancelled.was_unknown);
    assert_eq!(world.a.count("Cancel"), 1);
}

#[tokio::test]
async fn a_refusal_decides_nothing_but_stands_against_confirm() {
    let world = World::start().await;
    world
        .a
        .on_method("Try", Behaviour::code(Code::FailedPrecondition));
    world.begin("g").await;
    let refused = world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(refused.state(), pb::BranchState::Refused);
    assert_eq!(refused.last_error.unwrap().code, 9);
    let told = refusal(world.confirm("g").await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::FailedPrecondition, "BRANCH_NOT_TRIED")
    );
    assert_eq!(
        world.get("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    let cancelled = world.cancel("g").await.unwrap().transaction.unwrap();
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
    assert_eq!(world.a.count("Cancel"), 1);
}

#[tokio::test]
async fn a_try_in_doubt_uses_up_its_attempts() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::code(Code::Unknown));
    world.begin("g").await;
    let status = world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(status.state(), pb::BranchState::InDoubt);
    assert_eq!(status.attempts, 3);
    assert_eq!(
        world.get("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    assert_eq!(refusal(world.confirm("g").await).reason, "BRANCH_NOT_TRIED");
}

#[tokio::test]
async fn the_same_branch_again_is_called_once() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    world.begin("g").await;
    let (first, second) = (
        world.try_branch("g", branch("x", "a")),
        world.try_branch("g", branch("x", "a")),
    );
    let released = async {
        world.a.wait_for("Try", 1).await;
        assert_eq!(refusal(world.confirm("g").await).reason, "BRANCH_NOT_TRIED");
        world.a.release();
    };
    let (first, second, ()) = tokio::join!(first, second, released);
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(world.a.count("Try"), 1);
    let registered = world.register("g", branch("x", "a")).await.unwrap();
    assert_eq!(registered.state(), pb::BranchState::Tried);
}

#[tokio::test]
async fn a_branch_id_with_other_content_is_a_conflict() {
    let world = World::start().await;
    world.begin("g").await;
    world.try_branch("g", branch("x", "a")).await.unwrap();
    for other in [
        branch("x", "b"),
        pb::Branch {
            payload: None,
            ..branch("x", "a")
        },
    ] {
        for told in [
            refusal(world.try_branch("g", other.clone()).await),
            refusal(world.register("g", other).await),
        ] {
            assert_eq!(
                (told.code, told.reason.as_str()),
                (Code::AlreadyExists, "BRANCH_CONFLICT")
            );
        }
    }
}

#[tokio::test]
async fn a_known_branch_is_answered_after_the_decision_and_a_new_one_comes_too_late() {
    let world = World::start().await;
    world.begin("g").await;
    world.try_branch("g", branch("x", "a")).await.unwrap();
    world.confirm("g").await.unwrap();
    let known = world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(known.state(), pb::BranchState::Confirmed);
    let told = refusal(world.try_branch("g", branch("y", "a")).await);
    assert_eq!(told.reason, "ALREADY_DECIDED");
    // Even one whose names nobody knows: the look-up comes first.
    let told = refusal(world.register("g", branch("y", "nobody")).await);
    assert_eq!(told.reason, "ALREADY_DECIDED");
}

#[tokio::test]
async fn one_call_transactions_take_no_steps() {
    let world = World::start().await;
    world.execute(execute("g", &["a"])).await.unwrap();
    for told in [
        refusal(world.confirm("g").await),
        refusal(world.try_branch("g", branch("y", "a")).await),
        refusal(world.register("g", branch("y", "a")).await),
    ] {
        assert_eq!(told.reason, "ALREADY_DECIDED");
    }
}

#[tokio::test]
async fn without_branches_a_decision_is_the_end() {
    let world = World::start().await;
    world.begin("yes").await;
    assert_eq!(
        world.confirm("yes").await.unwrap().state(),
        pb::TransactionState::Confirmed
    );
    world.begin("no").await;
    let cancelled = world.cancel("no").await.unwrap().transaction.unwrap();
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn a_try_is_answered_when_the_transaction_is_decided_meanwhile() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Hang);
    world.begin("g").await;
    let trying = world.try_branch("g", branch("x", "a"));
    let cancelling = async {
        world.a.wait_for("Try", 1).await;
        world.cancel("g").await.unwrap()
    };
    let (status, cancelled) = tokio::join!(trying, cancelling);
    let cancelled = cancelled.transaction.unwrap();
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
    assert_ne!(status.unwrap().state(), pb::BranchState::Tried);
    world.a.release();
}

#[tokio::test]
async fn the_deadline_cancels_what_nobody_decides() {
    let world = World::start().await;
    world
        .begin_with("g", options(Duration::from_millis(100)))
        .await
        .unwrap();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(
        ended.cancel_cause.unwrap().reason(),
        pb::CancelReason::Deadline
    );
}

async fn renew(
    world: &World,
    gid: &str,
    timeout: Option<Duration>,
) -> Result<pb::Transaction, tonic::Status> {
    let request = pb::RenewTransactionRequest {
        gid: gid.to_owned(),
        try_timeout: timeout.map(|timeout| prost_types::Duration::try_from(timeout).unwrap()),
    };
    let answer = world.client.clone().renew_transaction(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

#[tokio::test]
async fn a_renewal_moves_the_deadline_later_and_never_earlier() {
    let world = World::start().await;
    let begun = world.begin("g").await;
    let deadline = |transaction: &pb::Transaction| transaction.try_deadline.unwrap().seconds;
    let later = renew(&world, "g", Some(Duration::from_mins(10)))
        .await
        .unwrap();
    assert!(deadline(&later) > deadline(&begun) + 500);
    let same = renew(&world, "g", Some(Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(same.try_deadline, later.try_deadline);

    for timeout in [None, Some(Duration::from_secs(24 * 60 * 60 + 1))] {
        let told = refusal(renew(&world, "g", timeout).await);
        assert_eq!(
            (told.reason.as_str(), told.field.as_str()),
            ("INVALID_OPTIONS", "try_timeout")
        );
        assert_eq!(
            refusal(renew(&world, "none", timeout).await).reason,
            "UNKNOWN_TRANSACTION"
        );
    }
    world.confirm("g").await.unwrap();
    let told = refusal(renew(&world, "g", Some(Duration::from_secs(5))).await);
    assert_eq!(told.reason, "ALREADY_DECIDED");
}

#[tokio::test]
async fn unknown_transactions_are_said_to_be() {
    let world = World::start().await;
    let tolds = [
        refusal(world.get("g").await),
        refusal(world.confirm("g").await),
        refusal(world.try_branch("g", branch("x", "a")).await),
        refusal(world.register("g", branch("x", "nobody")).await),
        refusal(world.resolve("g", "x").await),
        refusal(world.watch("g").await),
        refusal(renew(&world, "g", Some(Duration::from_secs(5))).await),
    ];
    for told in tolds {
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::NotFound, "UNKNOWN_TRANSACTION")
        );
    }
}

#[tokio::test]
async fn a_participant_asks_what_became_of_its_branch() {
    let world = World::start().await;
    world.begin("g").await;
    world.try_branch("g", branch("x", "a")).await.unwrap();
    assert_eq!(world.resolve("g", "x").await.unwrap(), pb::Verdict::Pending);
    assert_eq!(
        world.resolve("g", "other").await.unwrap(),
        pb::Verdict::Pending
    );
    world.confirm("g").await.unwrap();
    assert_eq!(world.resolve("g", "x").await.unwrap(), pb::Verdict::Confirm);
    assert_eq!(
        world.resolve("g", "other").await.unwrap(),
        pb::Verdict::Cancel
    );
    let told = refusal(world.resolve("g", "a b").await);
    assert_eq!(told.reason, "INVALID_BRANCH");
}
