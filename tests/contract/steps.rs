//! Step by step: decisions and their repetitions, renewals, verdicts; and the initiator's check.

use std::time::Duration;

use prost::Message as _;
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::Verdict::{ByHand, Cancel, Confirm, Pending};
use tonic::Code;

use crate::participant::Answer;
use crate::told::{reason, told};
use crate::world::{World, branch, duration, options, plain};

const HOUR: Duration = Duration::from_hours(1);

fn seconds(at: Option<prost_types::Timestamp>) -> i64 {
    at.unwrap().seconds
}

/// Refused, in doubt, or under way: confirm waits for none of them and decides nothing.
#[tokio::test]
async fn confirm_needs_every_tried_branch_tried() {
    let world = World::start().await;
    world.begin("g", plain()).await.unwrap();
    world.try_branch("g", branch("1", "p")).await.unwrap();
    world.p.on_phase("try", Answer::code(Code::NotFound));
    let refused = world.try_branch("g", branch("2", "p")).await.unwrap();
    assert_eq!(refused.state(), pb::BranchState::Refused);
    assert_eq!(
        told(world.confirm("g").await),
        "FailedPrecondition BRANCH_NOT_TRIED"
    );
    assert_eq!(
        world.get("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    // It is the initiator's to decide, and it may go on.
    world.q.on_phase("try", Answer::hold());
    let trying = world.trying("g", branch("3", "q"));
    world.q.call("g", "try", 1).await;
    assert_eq!(reason(world.confirm("g").await), "BRANCH_NOT_TRIED");
    world.q.release();
    trying.await.unwrap().unwrap();
    assert_eq!(reason(world.confirm("g").await), "BRANCH_NOT_TRIED");
    world.cancel("g", "").await.unwrap();
    world.ended("g").await;
    let calls = world.p.calls("g");
    assert_eq!(
        calls.iter().filter(|it| it.starts_with("cancel")).count(),
        2
    );
}

/// The same decision again is answered with the state of now, the opposite one refused, whatever has come of it.
#[tokio::test]
async fn a_decision_is_taken_once_and_may_be_repeated() {
    let world = World::start().await;
    for phase in ["confirm", "cancel"] {
        let gid = phase;
        let decide = async || match phase {
            "confirm" => world.confirm(gid).await,
            _ => world
                .cancel(gid, "")
                .await
                .map(|it| it.transaction.unwrap()),
        };
        let opposite = async || match phase {
            "confirm" => reason(world.cancel(gid, "").await),
            _ => reason(world.confirm(gid).await),
        };
        world.q.on_phase(phase, Answer::hold());
        world.begin(gid, plain()).await.unwrap();
        world.register(gid, branch("1", "q")).await.unwrap();
        let decided = decide().await.unwrap();
        world.q.call(gid, phase, 1).await;
        assert_eq!(opposite().await, "ALREADY_DECIDED");
        assert_eq!(decide().await.unwrap().decided_at, decided.decided_at);
        assert_eq!(
            reason(world.renew(gid, Some(HOUR)).await),
            "ALREADY_DECIDED"
        );
        // Nobody waits for a repetition but as it says itself.
        let completion = pb::ConfirmTransactionRequest {
            gid: gid.into(),
            wait_for: pb::WaitFor::Completion.into(),
        };
        let mut client = world.client.clone();
        let waiting = tokio::spawn(async move { client.confirm_transaction(completion).await });
        if phase == "cancel" {
            assert_eq!(reason(waiting.await.unwrap()), "ALREADY_DECIDED");
            world.q.release();
        } else {
            world.q.release();
            let ended = waiting
                .await
                .unwrap()
                .unwrap()
                .into_inner()
                .transaction
                .unwrap();
            assert_eq!(ended.state(), pb::TransactionState::Confirmed);
        }
        let ended = world.ended(gid).await;
        assert_eq!(decide().await.unwrap(), ended);
        assert_eq!(opposite().await, "ALREADY_DECIDED");
        assert_eq!(world.q.calls(gid), [format!("{phase} 1 1")]);
    }
}

#[tokio::test]
async fn without_branches_a_decision_goes_straight_to_the_end() {
    let world = World::start().await;
    world.begin("yes", plain()).await.unwrap();
    let yes = world.confirm("yes").await.unwrap();
    assert_eq!(yes.state(), pb::TransactionState::Confirmed);
    assert!(yes.ended_at.is_some() && yes.cancel_cause.is_none());
    world.begin("no", plain()).await.unwrap();
    let no = world.cancel("no", "because").await.unwrap();
    assert!(!no.was_unknown);
    let cause = no.transaction.unwrap().cancel_cause.unwrap();
    assert_eq!(
        (cause.reason(), &*cause.note, &*cause.branch_id, cause.error),
        (pb::CancelReason::Requested, "because", "", None)
    );
    // Its deadline ends one that nobody decides; there is no branch to blame.
    let short = options(|it| it.try_timeout = Some(duration(100)));
    world.begin("late", short).await.unwrap();
    let cause = world.ended("late").await.cancel_cause.unwrap();
    assert_eq!(
        (cause.reason(), &*cause.branch_id),
        (pb::CancelReason::Deadline, "")
    );
}

#[tokio::test]
async fn a_renewal_counts_from_now_and_never_moves_a_deadline_earlier() {
    let world = World::start().await;
    let begun = world.begin("g", plain()).await.unwrap();
    let renewed = world.renew("g", Some(HOUR)).await.unwrap();
    let moved = seconds(renewed.try_deadline) - seconds(begun.begun_at);
    assert!((3_600..7_000).contains(&moved), "{moved}");
    for earlier in [Duration::ZERO, Duration::from_millis(1), HOUR / 2] {
        let answer = world.renew("g", Some(earlier)).await.unwrap();
        assert_eq!(answer.try_deadline, renewed.try_deadline, "{earlier:?}");
    }
    let day = Duration::from_hours(24);
    let invalid = "InvalidArgument INVALID_OPTIONS try_timeout";
    let more = day + Duration::from_nanos(1);
    assert_eq!(told(world.renew("g", Some(more)).await), invalid);
    assert_eq!(told(world.renew("g", None).await), invalid);
    let latest = world.renew("g", Some(day)).await.unwrap();
    let moved = seconds(latest.try_deadline) - seconds(begun.begun_at);
    assert!(moved >= 86_400, "{moved}");
    assert_eq!(
        world.get("g").await.unwrap().try_deadline,
        latest.try_deadline
    );
}

/// Somebody who asks just when the deadline has passed and its timer hasn't come yet doesn't take its place.
#[tokio::test]
async fn a_deadline_comes_also_where_somebody_keeps_asking() {
    let world = World::start().await;
    let ends = (0..40).map(|number| {
        let world = &world;
        async move {
            let gid = format!("g-{number}");
            let short = options(|it| it.try_timeout = Some(duration(100)));
            world.begin(&gid, short).await.unwrap();
            while world.get(&gid).await.unwrap().ended_at.is_none() {}
        }
    });
    crate::harness::patiently("every deadline", futures::future::join_all(ends)).await;
}

/// The first branch that isn't tried is the deadline's cause.
#[tokio::test]
async fn the_deadline_names_the_first_branch_that_is_not_tried() {
    let world = World::start().await;
    let short = options(|it| it.try_timeout = Some(duration(1_500)));
    world.q.on_phase("try", Answer::code(Code::NotFound));
    world.begin("g", short).await.unwrap();
    world.try_branch("g", branch("tried", "p")).await.unwrap();
    let refused = world.try_branch("g", branch("refused", "q")).await;
    world.ended("g").await;
    // On a machine that is too slow for that the branches came too late.
    if refused.is_ok() {
        let cause = world.ended("g").await.cancel_cause.unwrap();
        assert_eq!(
            (cause.reason(), &*cause.branch_id),
            (pb::CancelReason::Deadline, "refused")
        );
        assert_eq!(cause.error.unwrap().code, 5);
    }
}

#[tokio::test]
async fn verdicts_at_every_state() {
    let world = World::start().await;
    assert_eq!(
        told(world.resolve("g", "1").await),
        "NotFound UNKNOWN_TRANSACTION"
    );
    let check = async |gid: &str, known: pb::Verdict, unknown: pb::Verdict| {
        assert_eq!(world.resolve(gid, "1").await.unwrap(), known, "{gid}");
        assert_eq!(world.resolve(gid, "?").await.unwrap(), unknown, "{gid}");
    };
    for (phase, verdict) in [("confirm", Confirm), ("cancel", Cancel)] {
        world.p.on(
            move |seen| match (seen.phase().as_str(), seen.branch().as_str()) {
                ("try", _) | (_, "2") => Answer::ok(),
                _ => Answer::code(Code::Unavailable),
            },
        );
        world.begin(phase, plain()).await.unwrap();
        world.register(phase, branch("1", "p")).await.unwrap();
        world.register(phase, branch("2", "p")).await.unwrap();
        check(phase, Pending, Pending).await;
        if phase == "confirm" {
            world.confirm(phase).await.unwrap();
        } else {
            world.cancel(phase, "").await.unwrap();
        }
        check(phase, verdict, Cancel).await;
        world.force(phase, "1").await.unwrap();
        check(phase, ByHand, Cancel).await;
        let ended = world.ended(phase).await;
        assert!(ended.branches[0].forced && !ended.branches[1].forced);
        check(phase, ByHand, Cancel).await;
        assert_eq!(world.resolve(phase, "2").await.unwrap(), verdict);
    }
}

/// The initiator is asked at the deadline and not before; whatever is no clear answer is asked again and flagged.
#[tokio::test]
async fn the_initiator_decides_at_the_deadline_however_long_it_takes() {
    let world = World::start().await;
    let outcome = |outcome: i32| {
        let response = pb::CheckTransactionResponse { outcome };
        Answer::Reply(response.encode_to_vec().into())
    };
    let checks = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = std::sync::Arc::clone(&checks);
    world.q.on(move |seen| {
        if seen.path != "/shop.v1.OrderCheck/CheckTransaction" {
            return Answer::ok();
        }
        let request = pb::CheckTransactionRequest::decode(seen.payload.clone()).unwrap();
        match (
            request.gid.as_str(),
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
        ) {
            (_, 0) => outcome(0),
            (_, 1) => outcome(3),
            (_, 2) => Answer::code(Code::NotFound),
            (_, 3) => Answer::Reply("nonsense".into()),
            (_, 4) => outcome(99),
            (_, 5) => outcome(1).held(),
            _ => outcome(2),
        }
    });
    let with = |participant: &str| {
        options(|it| {
            it.try_timeout = Some(duration(100));
            it.initiator = Some(pb::Initiator {
                participant: participant.into(),
                service: "shop.v1.OrderCheck".into(),
            });
        })
    };
    assert_eq!(
        told(world.begin("g", with("nobody")).await),
        "NotFound UNKNOWN_PARTICIPANT options.initiator.participant"
    );
    world.begin("g", with("q")).await.unwrap();
    let registered = world
        .try_branch("g", crate::world::branch_of("1", "p", "notify"))
        .await;
    registered.unwrap();
    crate::harness::until("the sixth question", async || {
        (checks.load(std::sync::atomic::Ordering::SeqCst) >= 6).then_some(())
    })
    .await;
    let doubted = world.get("g").await.unwrap();
    assert_eq!(doubted.state(), pb::TransactionState::Trying);
    assert!(!doubted.attention.as_ref().unwrap().parked, "flagged");
    assert_eq!(doubted.branches[0].attention, None, "its own");
    assert!(doubted.attempts.is_empty(), "checks are no attempts");
    world.q.release();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(ended.attention, None);
    assert_eq!(world.p.calls("g"), ["confirm 1 1"]);

    world.begin("aborted", with("q")).await.unwrap();
    let cause = world.ended("aborted").await.cancel_cause.unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Initiator);
}
