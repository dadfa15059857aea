//! Retry, park, resume, force and pause, at the states where they change something and where they don't.

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::participant::Answer;
use crate::told::{reason, told};
use crate::world::{World, branch, execute, one, plain};

#[tokio::test]
async fn before_the_decision_nothing_is_parked_or_forced() {
    let world = World::start().await;
    world.begin("g", plain()).await.unwrap();
    world.register("g", branch("1", "p")).await.unwrap();
    let not_decided = "FailedPrecondition NOT_DECIDED";
    assert_eq!(told(world.park("g").await), not_decided);
    assert_eq!(told(world.resume("g").await), not_decided);
    assert_eq!(told(world.force("g", "1").await), not_decided);
    assert_eq!(
        world.retry("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    for unknown in [
        told(world.retry("?").await),
        told(world.park("?").await),
        told(world.resume("?").await),
        told(world.force("?", "1").await),
    ] {
        assert_eq!(unknown, "NotFound UNKNOWN_TRANSACTION");
    }
}

#[tokio::test]
async fn what_has_ended_stays_as_it_is() {
    let world = World::start().await;
    let ended = world.execute(one("g")).await.unwrap();
    assert_eq!(world.retry("g").await.unwrap(), ended);
    assert_eq!(world.park("g").await.unwrap(), ended);
    assert_eq!(world.resume("g").await.unwrap(), ended);
    assert_eq!(world.force("g", "1").await.unwrap(), ended);
    assert_eq!(world.get("g").await.unwrap(), ended);
    assert_eq!(world.p.calls("g").len(), 2);
}

/// Parking stops the retries and nothing else; it outlives the process; a resume of what isn't parked is OK.
#[tokio::test]
async fn parked_by_hand_it_waits_also_over_a_restart() {
    let mut world = World::with("", "[limits]\ndrain_grace = \"10ms\"\n").await;
    world.p.on_phase("confirm", Answer::code(Code::Unavailable));
    let mut request = execute("g", vec![branch("1", "p"), branch("2", "q")]);
    request.wait_for = 0;
    world.execute(request).await.unwrap();
    world
        .once("g", "one is done", |it| {
            it.branches[1].state() == pb::BranchState::Confirmed
        })
        .await;
    world.resume("g").await.unwrap();
    let parked = world.park("g").await.unwrap();
    let attention = parked.branches[0].attention.clone().unwrap();
    assert!(
        attention.parked && attention.why.contains("a test"),
        "{attention:?}"
    );
    assert_eq!(parked.branches[1].attention, None);
    assert_eq!(parked.attention, Some(attention));
    world.park("g").await.unwrap();

    world.restart().await;
    world.p.on(|_| Answer::ok());
    let parked = world.retry("g").await.unwrap();
    assert!(parked.attention.unwrap().parked);
    let before = world.p.calls("g").len();
    world.resume("g").await.unwrap();
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
    assert_eq!(world.p.calls("g").len(), before + 1);

    let request = pb::ListAuditRecordsRequest {
        gid: "g".into(),
        ..pb::ListAuditRecordsRequest::default()
    };
    let records = world
        .admin
        .clone()
        .list_audit_records(request)
        .await
        .unwrap();
    let records = records.into_inner().records;
    assert!(
        records
            .iter()
            .all(|it| it.gid == "g" && it.reason == "a test" && it.time.is_some())
    );
    let actions: Vec<_> = records.iter().map(|it| it.action.as_str()).collect();
    let newest_first = ["ResumeTransaction", "RetryTransaction", "ParkTransaction"];
    assert_eq!(actions, newest_first, "what changed nothing is no record");
}

/// A call under way is waited out; if it succeeds, nothing was done by hand.
#[tokio::test]
async fn a_force_waits_for_the_call_under_way() {
    let world = World::start().await;
    world
        .p
        .on(|seen| match (seen.phase().as_str(), seen.gid().as_str()) {
            ("confirm", "done") => Answer::hold(),
            ("confirm", _) => Answer::code(Code::Unavailable).held(),
            _ => Answer::ok(),
        });
    for gid in ["done", "failed"] {
        let mut request = one(gid);
        request.wait_for = 0;
        world.execute(request).await.unwrap();
        world.p.call(gid, "confirm", 1).await;
        assert_eq!(told(world.force(gid, "?").await), "NotFound UNKNOWN_BRANCH");
    }
    let (done, failed, ()) = tokio::join!(
        world.force("done", "1"),
        world.force("failed", "1"),
        async {
            world.p.release();
        }
    );
    let done = done.unwrap();
    assert_eq!(done.branches[0].state(), pb::BranchState::Confirmed);
    assert!(!done.branches[0].forced);
    let failed = failed.unwrap();
    assert_eq!(failed.branches[0].state(), pb::BranchState::Confirmed);
    assert!(failed.branches[0].forced);
    assert_eq!(
        world.ended("failed").await.state(),
        pb::TransactionState::Confirmed
    );
}

#[tokio::test]
async fn a_paused_participant_is_named_by_nothing_new_and_by_everything_known() {
    let world = World::start().await;
    world.begin("g", plain()).await.unwrap();
    let tried = world.try_branch("g", branch("1", "p")).await.unwrap();
    let ended = world.execute(one("ended")).await.unwrap();
    assert_eq!(
        told(world.pause("nobody").await).split(' ').nth(1),
        Some("UNKNOWN_PARTICIPANT")
    );
    assert_eq!(reason(world.unpause("").await), "UNKNOWN_PARTICIPANT");
    assert!(
        !world.unpause("p").await.unwrap().paused,
        "OK where it isn't"
    );
    let paused = world.pause("p").await.unwrap();
    assert!(paused.paused && paused.paused_since.is_some());
    assert!(world.pause("p").await.unwrap().paused);

    let refused = "Unavailable PARTICIPANT_PAUSED";
    assert_eq!(told(world.execute(one("new")).await), refused);
    assert_eq!(told(world.try_branch("g", branch("2", "p")).await), refused);
    assert_eq!(told(world.register("g", branch("2", "p")).await), refused);
    assert_eq!(world.execute(one("ended")).await.unwrap(), ended);
    assert_eq!(
        world.try_branch("g", branch("1", "p")).await.unwrap(),
        tried
    );
    world.try_branch("g", branch("3", "q")).await.unwrap();
    let confirmed = world.confirm("g").await.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirming);
    world.q.call("g", "confirm", 1).await;
    let shown = world.get("g").await.unwrap();
    let waiting = &shown.branches[0];
    assert_eq!(
        (waiting.attempts, waiting.next_attempt_at),
        (0, None),
        "no call yet"
    );
    let calls = world.p.seen().len();

    world.unpause("p").await.unwrap();
    world.ended("g").await;
    assert_eq!(world.p.seen().len(), calls + 1);
    assert_eq!(world.p.calls("g").last().unwrap(), "confirm 1 1");
}

/// Five tries in a row without an answer; refused are new Execute and Try alone.
#[tokio::test]
async fn the_breaker_refuses_new_tries_and_nothing_else() {
    let nobody = crate::harness::shop::free_port();
    let down = format!(
        "[participants.down]\nendpoints = [\"http://127.0.0.1:{nobody}\"]\n[participants.down.actions]\nact = \"test.v1.ActService\"\nnotify = {{ service = \"test.v1.NotifyService\", verbs = [\"confirm\"] }}\n"
    );
    let world = World::with("try_attempts = 5", &down).await;
    world.begin("g", plain()).await.unwrap();
    let doubted = world.try_branch("g", branch("1", "down")).await.unwrap();
    assert_eq!(doubted.state(), pb::BranchState::InDoubt);
    assert_eq!(doubted.last_error.as_ref().unwrap().code, 14);

    let refused = "Unavailable PARTICIPANT_DOWN";
    let new = execute("new", vec![branch("1", "p"), branch("2", "down")]);
    assert_eq!(told(world.execute(new).await), refused);
    assert_eq!(
        told(world.try_branch("g", branch("2", "down")).await),
        refused
    );
    assert_eq!(reason(world.get("new").await), "UNKNOWN_TRANSACTION");
    world.register("g", branch("3", "down")).await.unwrap();
    assert_eq!(
        world.try_branch("g", branch("1", "down")).await.unwrap(),
        doubted
    );
    let participants = world
        .admin
        .clone()
        .list_participants(pb::ListParticipantsRequest {})
        .await;
    let participants = participants.unwrap().into_inner().participants;
    let names: Vec<_> = participants.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["down", "p", "q"]);
    assert_eq!(participants[0].breaker(), pb::BreakerState::Open);
    let cancelled = world.cancel("g", "").await.unwrap().transaction.unwrap();
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelling);
}
