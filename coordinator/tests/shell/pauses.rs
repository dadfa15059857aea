//! A participant that a person has paused gets no calls, and nothing that waits for it is lost.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{Behaviour, Replicas, Seen, World, branch, execute, options, refusal, soon};

async fn pause(
    admin: &AdminServiceClient<Channel>,
    participant: &str,
) -> Result<pb::Participant, Status> {
    let request = pb::PauseParticipantRequest {
        participant: participant.to_owned(),
        reason: "it moves".to_owned(),
    };
    let answer = admin.clone().pause_participant(request).await?;
    Ok(answer.into_inner().participant.unwrap())
}

async fn resume(
    admin: &AdminServiceClient<Channel>,
    participant: &str,
) -> Result<pb::Participant, Status> {
    let request = pb::ResumeParticipantRequest {
        participant: participant.to_owned(),
        reason: "it is there".to_owned(),
    };
    let answer = admin.clone().resume_participant(request).await?;
    Ok(answer.into_inner().participant.unwrap())
}

async fn is_paused(admin: &AdminServiceClient<Channel>, participant: &str) -> bool {
    let request = pb::ListParticipantsRequest::default();
    let answer = admin.clone().list_participants(request).await.unwrap();
    let mut all = answer.into_inner().participants.into_iter();
    all.find(|it| it.name == participant).unwrap().paused
}

#[tokio::test]
async fn what_is_new_is_refused_and_what_is_known_is_shown() {
    let world = World::start().await;
    world.execute(execute("known", &["a", "b"])).await.unwrap();
    let calls = world.a.seen().len();
    let paused = pause(&world.admin, "a").await.unwrap();
    assert!(paused.paused && paused.paused_since.is_some());
    assert_eq!(paused.pause_reason, "it moves");

    let told = refusal(world.execute(execute("new", &["a", "b"])).await);
    assert_eq!(
        (told.code, &*told.reason),
        (Code::Unavailable, "PARTICIPANT_PAUSED")
    );
    assert!(told.retry_after.is_some_and(|after| after > Duration::ZERO));
    assert_eq!(world.get("new").await.unwrap_err().code(), Code::NotFound);
    world.begin("steps").await;
    for told in [
        refusal(world.try_branch("steps", branch("1", "a")).await),
        refusal(world.register("steps", branch("2", "a")).await),
    ] {
        assert_eq!(told.reason, "PARTICIPANT_PAUSED");
    }
    // Others aren't concerned, and a repetition isn't new.
    world.execute(execute("other", &["b"])).await.unwrap();
    world.execute(execute("known", &["a", "b"])).await.unwrap();
    assert_eq!(world.a.seen().len(), calls, "it has got no call");

    assert!(!resume(&world.admin, "a").await.unwrap().paused);
    let done = world.execute(execute("new", &["a", "b"])).await.unwrap();
    assert_eq!(done.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn what_is_decided_waits_without_using_up_attempts_also_over_a_restart() {
    let mut world = World::start().await;
    // In the middle of its try the participant is paused: its confirm has to wait.
    world.a.on_method("Try", Behaviour::Hang);
    let request = pb::ExecuteTransactionRequest {
        wait_for: pb::WaitFor::Decision as i32,
        ..execute("g", &["a", "b"])
    };
    let (client, sent) = (world.client.clone(), request.clone());
    let executing = tokio::spawn(async move { client.clone().execute_transaction(sent).await });
    world.a.wait_for("Try", 1).await;
    pause(&world.admin, "a").await.unwrap();
    world.a.on(|_| Behaviour::ok());
    world.a.release();
    executing.await.unwrap().unwrap();
    let waiting = |transaction: &pb::Transaction| {
        transaction.branches[1].state() == pb::BranchState::Confirmed
    };
    world.wait_until("g", "the confirm at b", waiting).await;

    world.crash_and_restart().await;

    assert!(is_paused(&world.admin, "a").await, "the log has it");
    let shown = world.get("g").await.unwrap();
    assert_eq!(shown.state(), pb::TransactionState::Confirming);
    assert_eq!(world.a.count("Confirm"), 0);
    resume(&world.admin, "a").await.unwrap();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    let seen = world.a.seen();
    let confirms = seen.iter().filter(|seen| seen.method == "Confirm");
    let attempts: Vec<u32> = confirms.map(Seen::attempt).collect();
    assert_eq!(attempts, [1]);
}

#[tokio::test]
async fn a_try_that_waits_ends_with_its_deadline_and_was_never_sent() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a"]);
    request.options = Some(options(Duration::from_secs(2)));
    request.wait_for = pb::WaitFor::Decision as i32;
    let client = world.client.clone();
    let executing = tokio::spawn(async move { client.clone().execute_transaction(request).await });
    world.a.wait_for("Try", 1).await;
    pause(&world.admin, "a").await.unwrap();

    let answer = soon("the deadline", executing).await.unwrap().unwrap();

    let cause = answer.into_inner().transaction.unwrap().cancel_cause;
    let reason = cause.unwrap().reason();
    assert!(
        matches!(
            reason,
            pb::CancelReason::Deadline | pb::CancelReason::InDoubt
        ),
        "{reason:?}"
    );
    resume(&world.admin, "a").await.unwrap();
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn a_branch_that_waits_can_be_ended_by_hand() {
    let world = World::start().await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    pause(&world.admin, "a").await.unwrap();

    let request = pb::ForceBranchRequest {
        gid: "g".to_owned(),
        branch_id: "a".to_owned(),
        reason: "done by hand".to_owned(),
    };
    let mut admin = world.admin.clone();
    let forced = soon("the force", admin.force_branch(request)).await;

    let branches = forced.unwrap().into_inner().transaction.unwrap().branches;
    assert!(branches[0].forced, "{branches:?}");
    let ended = world.ended("g").await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn pauses_are_recorded_and_names_are_checked() {
    let world = World::start().await;
    for _ in 0..2 {
        pause(&world.admin, "a").await.unwrap();
    }
    resume(&world.admin, "a").await.unwrap();
    for told in [
        refusal(pause(&world.admin, "nobody").await),
        refusal(resume(&world.admin, "nobody").await),
    ] {
        assert_eq!(
            (told.code, &*told.reason),
            (Code::NotFound, "UNKNOWN_PARTICIPANT")
        );
    }
    let request = pb::ListAuditRecordsRequest {
        participant: "a".to_owned(),
        ..pb::ListAuditRecordsRequest::default()
    };
    let answer = world.admin.clone().list_audit_records(request).await;
    let records = answer.unwrap().into_inner().records;
    let actions: Vec<_> = records.iter().map(|record| &*record.action).collect();
    assert_eq!(
        actions,
        ["ResumeParticipant", "PauseParticipant", "PauseParticipant"]
    );
    assert_eq!(records[0].reason, "it is there");
    let changes: Vec<_> = records
        .iter()
        .map(|record| (&*record.before, &*record.after))
        .collect();
    assert_eq!(
        changes,
        [
            ("paused", "calling"),
            ("paused", "paused"),
            ("calling", "paused")
        ]
    );
}

#[tokio::test]
async fn a_pause_holds_for_every_coordinator_on_the_log() {
    let replicas = Replicas::prepare(|_| {}).await;
    let (one, other) = (replicas.join().await, replicas.join().await);
    pause(&one.admin, "a").await.unwrap();
    let follows = async |paused: bool| {
        soon("the other coordinator to follow", async {
            while is_paused(&other.admin, "a").await != paused {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    follows(true).await;
    let answer = other.client.clone();
    let told = refusal(
        answer
            .clone()
            .execute_transaction(execute("g", &["a"]))
            .await,
    );
    assert_eq!(told.reason, "PARTICIPANT_PAUSED");
    // One that starts now knows, too.
    let third = replicas.join().await;
    assert!(is_paused(&third.admin, "a").await);
    resume(&third.admin, "a").await.unwrap();
    follows(false).await;
}
