//! Which verbs are called, in which order, and who gets a cancel.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::participant::Answer;
use crate::world::{World, branch, branch_of, execute, options, plain, sequential, states};

fn mixed() -> Vec<pb::Branch> {
    vec![
        branch_of("saga", "p", "saga"),
        branch_of("note", "p", "notify"),
        branch_of("tcc", "p", "act"),
    ]
}

#[tokio::test]
async fn a_verb_that_an_action_lacks_counts_as_done_with_no_call() {
    let world = World::start().await;
    let confirmed = world.execute(execute("yes", mixed())).await.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirmed);
    let mut calls = world.p.calls("yes");
    calls.sort();
    assert_eq!(
        calls,
        ["confirm note 1", "confirm tcc 1", "try saga 1", "try tcc 1"]
    );

    world.p.on(
        |seen| match (seen.branch().as_str(), seen.phase().as_str()) {
            ("tcc", "try") => Answer::code(Code::FailedPrecondition),
            _ => Answer::ok(),
        },
    );
    let cancelled = world.execute(execute("no", mixed())).await.unwrap();
    assert_eq!(
        states(&cancelled),
        ["saga CANCELLED", "note CANCELLED", "tcc CANCELLED"]
    );
    let mut calls = world.p.calls("no");
    calls.sort();
    assert_eq!(
        calls,
        ["cancel saga 1", "cancel tcc 1", "try saga 1", "try tcc 1"]
    );

    // With nothing to call, the decision is the end.
    let notes = vec![branch_of("1", "p", "notify"), branch_of("2", "q", "notify")];
    let ended = world.execute(execute("notes", notes)).await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    world.begin("steps", plain()).await.unwrap();
    let note = world
        .try_branch("steps", branch_of("1", "p", "notify"))
        .await
        .unwrap();
    assert_eq!(
        (note.state(), note.attempts),
        (pb::BranchState::Tried, 0),
        "from the start"
    );
    let cancelled = world
        .cancel("steps", "")
        .await
        .unwrap()
        .transaction
        .unwrap();
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
    assert!(world.p.calls("steps").is_empty());
}

/// Sequential: each try after the one before, confirms at once, cancels in reverse, each after the one before.
#[tokio::test]
async fn sequential_is_an_order_of_tries_and_of_cancels() {
    let world = World::with("max_attempts = 1", "").await;
    let three = |gid: &str| {
        let mut request = execute(gid, ["1", "2", "3", "4"].map(|id| branch(id, "p")).into());
        request.options = Some(sequential());
        request
    };
    let forward = world.execute(three("forward")).await.unwrap();
    assert_eq!(forward.state(), pb::TransactionState::Confirmed);
    let calls = world.p.calls("forward");
    assert_eq!(calls[..4], ["try 1 1", "try 2 1", "try 3 1", "try 4 1"]);

    world.p.on(
        |seen| match (seen.branch().as_str(), seen.phase().as_str()) {
            ("3", "try") | ("2", "cancel") => Answer::code(Code::FailedPrecondition),
            _ => Answer::ok(),
        },
    );
    // The cancel of the second is parked, and holds back the first.
    let parked = world.execute(three("back")).await.unwrap();
    assert_eq!(parked.state(), pb::TransactionState::Cancelling);
    assert!(parked.attention.as_ref().unwrap().parked);
    assert_eq!(
        states(&parked),
        ["1 TRIED", "2 TRIED", "3 CANCELLED", "4 CANCELLED"]
    );
    let so_far = ["try 1 1", "try 2 1", "try 3 1", "cancel 3 1", "cancel 2 1"];
    assert_eq!(world.p.calls("back"), so_far, "never sent, never cancelled");
    world.retry("back").await.unwrap();
    assert_eq!(
        world.p.calls("back"),
        so_far,
        "a retry leaves the parked one alone"
    );

    let forced = world.force("back", "2").await.unwrap();
    assert!(forced.branches[1].forced);
    let ended = world.ended("back").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(world.p.calls("back")[5..], ["cancel 1 1"]);
    assert_eq!(
        world.resolve("back", "2").await.unwrap(),
        pb::Verdict::ByHand
    );
    assert_eq!(
        world.resolve("back", "1").await.unwrap(),
        pb::Verdict::Cancel
    );
}

/// Step by step it is the order of becoming durable; tries aren't queued.
#[tokio::test]
async fn sequential_step_by_step_queues_no_try() {
    let world = World::start().await;
    let one_by_one = options(|it| it.try_order = pb::TryOrder::Sequential.into());
    world.begin("g", one_by_one).await.unwrap();
    world.p.on_phase("try", Answer::hold());
    let first = world.trying("g", branch("1", "p"));
    world.p.call("g", "try", 1).await;
    let second = world.try_branch("g", branch("2", "q")).await.unwrap();
    assert_eq!(
        second.state(),
        pb::BranchState::Tried,
        "while the first is under way"
    );
    world.register("g", branch("3", "q")).await.unwrap();
    world.p.release();
    first.await.unwrap().unwrap();
    world.cancel("g", "").await.unwrap();
    world.ended("g").await;
    assert_eq!(world.q.calls("g"), ["try 2 1", "cancel 3 1", "cancel 2 1"]);
    let all = world.get("g").await.unwrap().attempts;
    let cancels = all.iter().filter(|it| it.phase() == pb::Phase::Cancel);
    let order: Vec<_> = cancels.map(|it| it.branch_id.as_str()).collect();
    assert_eq!(order, ["3", "2", "1"]);
}

/// A try under way is neither broken off nor waited for when cancel is decided.
#[tokio::test]
async fn a_try_under_way_is_neither_broken_off_nor_waited_for() {
    let world = World::start().await;
    world.p.on_phase("try", Answer::Reply("late".into()).held());
    world.begin("g", plain()).await.unwrap();
    let trying = world.trying("g", branch("1", "p"));
    world.p.call("g", "try", 1).await;
    world.cancel("g", "changed my mind").await.unwrap();
    let told = trying.await.unwrap().unwrap();
    assert_eq!(
        told.state(),
        pb::BranchState::Registered,
        "the state of then"
    );
    world.p.call("g", "cancel", 1).await;
    world.p.release();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
    assert_eq!(ended.cancel_cause.unwrap().note, "changed my mind");
    assert_eq!(world.p.calls("g"), ["try 1 1", "cancel 1 1"]);
}
