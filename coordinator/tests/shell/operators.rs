//! What operators do: retry, park, resume, force; and that it is recorded, with who, why, before and after.

use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Request, Status};

use crate::support::{Behaviour, World, execute, refusal};

async fn retry(world: &World, gid: &str) -> Result<pb::Transaction, Status> {
    let request = pb::RetryTransactionRequest {
        gid: gid.to_owned(),
        reason: "try now".to_owned(),
    };
    let answer = world.admin.clone().retry_transaction(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

async fn park(world: &World, gid: &str) -> Result<pb::Transaction, Status> {
    let request = pb::ParkTransactionRequest {
        gid: gid.to_owned(),
        reason: "too loud".to_owned(),
    };
    let answer = world.admin.clone().park_transaction(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

async fn resume(world: &World, gid: &str) -> Result<pb::Transaction, Status> {
    let request = pb::ResumeTransactionRequest {
        gid: gid.to_owned(),
        reason: "mended".to_owned(),
    };
    let answer = world.admin.clone().resume_transaction(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

async fn force(world: &World, gid: &str, branch: &str) -> Result<pb::Transaction, Status> {
    let request = pb::ForceBranchRequest {
        gid: gid.to_owned(),
        branch_id: branch.to_owned(),
        reason: "done by hand".to_owned(),
    };
    let answer = world.admin.clone().force_branch(request).await?;
    Ok(answer.into_inner().transaction.unwrap())
}

async fn records(world: &World) -> Vec<pb::AuditRecord> {
    let request = pb::ListAuditRecordsRequest::default();
    let mut admin = world.admin.clone();
    let answer = admin.list_audit_records(request).await.unwrap();
    answer.into_inner().records
}

/// What each record says of before and after, newest first.
async fn changes(world: &World) -> Vec<String> {
    let records = records(world).await.into_iter();
    records
        .map(|record| format!("{} → {}", record.before, record.after))
        .collect()
}

/// A request of a person of that name.
fn by<T>(name: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let name = name.parse().unwrap();
    request.metadata_mut().insert("tercet-operator", name);
    request
}

async fn audit(world: &World) -> Vec<(String, String, String, String)> {
    let records = records(world).await.into_iter();
    records
        .map(|record| (record.action, record.gid, record.branch_id, record.reason))
        .collect()
}

fn record(action: &str, branch: &str, reason: &str) -> (String, String, String, String) {
    (
        action.to_owned(),
        "g".to_owned(),
        branch.to_owned(),
        reason.to_owned(),
    )
}

/// A transaction whose confirm at `a` fails and waits for an hour.
async fn stuck() -> World {
    let world = World::start_with(|config| {
        config.retry.initial = tercet_service::ConfigDuration::from_secs(3_600);
        config.retry.max = tercet_service::ConfigDuration::from_secs(3_600);
    })
    .await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world
        .wait_until("g", "the failed confirm", |transaction| {
            transaction.branches[0].next_attempt_at.is_some()
        })
        .await;
    world
}

#[tokio::test]
async fn retry_makes_the_waiting_call_due_now() {
    let world = stuck().await;
    world.a.on(|_| Behaviour::ok());
    retry(&world, "g").await.unwrap();
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
    assert_eq!(
        audit(&world).await,
        [record("RetryTransaction", "", "try now")]
    );
    assert_eq!(
        changes(&world).await,
        ["CONFIRMING, branch a waits after 1 attempt → CONFIRMING, branch a due after 1 attempt"]
    );
    // Once it has ended, nothing changes and nothing is recorded.
    let ended = retry(&world, "g").await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert_eq!(audit(&world).await.len(), 1);
}

#[tokio::test]
async fn parked_it_rests_until_it_is_resumed() {
    let world = stuck().await;
    let parked = park(&world, "g").await.unwrap();
    let attention = parked.attention.unwrap();
    assert!(
        attention.parked && attention.why.contains("too loud"),
        "{attention:?}"
    );
    assert_eq!(parked.branches[0].next_attempt_at, None);

    world.a.on(|_| Behaviour::ok());
    let calls = world.a.count("Confirm");
    let resumed = resume(&world, "g").await.unwrap();
    assert_eq!(resumed.attention, None);
    assert_eq!(
        world.ended("g").await.state(),
        pb::TransactionState::Confirmed
    );
    assert_eq!(world.a.count("Confirm"), calls + 1);
    assert_eq!(
        audit(&world).await,
        [
            record("ResumeTransaction", "", "mended"),
            record("ParkTransaction", "", "too loud"),
        ]
    );
    assert_eq!(
        changes(&world).await,
        [
            "CONFIRMING, branch a parked after 1 attempt → CONFIRMING, branch a due after 1 attempt",
            "CONFIRMING, branch a waits after 1 attempt → CONFIRMING, branch a parked after 1 attempt",
        ]
    );
    // Resuming what isn't parked is OK.
    resume(&world, "g").await.unwrap();
}

#[tokio::test]
async fn parking_outlives_the_coordinator() {
    let mut world = stuck().await;
    park(&world, "g").await.unwrap();
    let calls = world.a.count("Confirm");
    world.crash_and_restart().await;
    let parked = world.get("g").await.unwrap();
    assert!(parked.attention.unwrap().parked);
    assert_eq!(world.a.count("Confirm"), calls);
    world.a.on(|_| Behaviour::ok());
    resume(&world, "g").await.unwrap();
    world.ended("g").await;
}

#[tokio::test]
async fn a_forced_branch_is_done_by_hand() {
    let world = stuck().await;
    let ended = force(&world, "g", "a").await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    assert!(ended.branches[0].forced && !ended.branches[1].forced);
    assert_eq!(world.resolve("g", "a").await.unwrap(), pb::Verdict::ByHand);
    assert_eq!(world.resolve("g", "b").await.unwrap(), pb::Verdict::Confirm);
    assert_eq!(
        audit(&world).await,
        [record("ForceBranch", "a", "done by hand")]
    );
    assert_eq!(
        changes(&world).await,
        ["CONFIRMING, branch a waits after 1 attempt → CONFIRMED, branch a done by hand"]
    );
    assert_eq!(
        refusal(force(&world, "g", "none").await).reason,
        "UNKNOWN_BRANCH"
    );
}

#[tokio::test]
async fn force_waits_out_the_call_under_way_and_its_success_counts() {
    let world = World::start().await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    let forcing = force(&world, "g", "a");
    let released = async { world.a.release() };
    let (answer, ()) = tokio::join!(forcing, released);
    answer.unwrap();
    let ended = world.ended("g").await;
    assert!(!ended.branches[0].forced);
}

#[tokio::test]
async fn before_the_decision_nothing_can_be_parked_or_forced() {
    let world = World::start().await;
    world.begin("g").await;
    world
        .register("g", crate::support::branch("x", "a"))
        .await
        .unwrap();
    for told in [
        refusal(park(&world, "g").await),
        refusal(resume(&world, "g").await),
        refusal(force(&world, "g", "x").await),
    ] {
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::FailedPrecondition, "NOT_DECIDED")
        );
    }
    assert!(audit(&world).await.is_empty());
    for told in [
        refusal(park(&world, "none").await),
        refusal(retry(&world, "none").await),
        refusal(force(&world, "none", "x").await),
    ] {
        assert_eq!(told.reason, "UNKNOWN_TRANSACTION");
    }
}

#[tokio::test]
async fn who_acts_is_the_name_that_was_said_or_where_the_call_came_from() {
    let world = stuck().await;
    park(&world, "g").await.unwrap();
    let request = pb::ResumeTransactionRequest {
        gid: "g".to_owned(),
        reason: String::new(),
    };
    let mut admin = world.admin.clone();
    let named = admin.resume_transaction(by("anna", request));
    named.await.unwrap();
    let request = pb::PauseParticipantRequest {
        participant: "b".to_owned(),
        reason: String::new(),
    };
    let named = admin.pause_participant(by("bob", request));
    let paused = named.await.unwrap().into_inner().participant.unwrap();
    assert_eq!(paused.paused_by, "bob (unverified)");

    let who: Vec<String> = records(&world)
        .await
        .into_iter()
        .map(|record| record.who)
        .collect();
    assert_eq!(who[..2], ["bob (unverified)", "anna (unverified)"]);
    let address: std::net::SocketAddr = who[2].parse().unwrap();
    assert!(address.ip().is_loopback());
}

#[tokio::test]
async fn a_decision_is_recorded_where_a_person_takes_it() {
    let world = World::start().await;
    let confirm = |gid: &str| pb::ConfirmTransactionRequest {
        gid: gid.to_owned(),
        ..Default::default()
    };
    let cancel = |gid: &str| pb::CancelTransactionRequest {
        gid: gid.to_owned(),
        reason: "asked to".to_owned(),
        ..Default::default()
    };
    // An initiator's own decisions stand in the transactions alone.
    for gid in ["own-1", "own-2"] {
        world.begin(gid).await;
    }
    let mut client = world.client.clone();
    client.confirm_transaction(confirm("own-1")).await.unwrap();
    client.cancel_transaction(cancel("own-2")).await.unwrap();
    client.cancel_transaction(cancel("own-3")).await.unwrap();
    assert!(records(&world).await.is_empty());

    for gid in ["1", "2"] {
        world.begin(gid).await;
    }
    world
        .register("2", crate::support::branch("x", "a"))
        .await
        .unwrap();
    let confirmed = client.confirm_transaction(by("anna", confirm("1")));
    confirmed.await.unwrap();
    for _ in 0..2 {
        for gid in ["2", "never-begun"] {
            let cancelled = client.cancel_transaction(by("anna", cancel(gid)));
            cancelled.await.unwrap();
        }
    }
    // Again changes nothing, and nothing is recorded.
    let told: Vec<String> = records(&world)
        .await
        .into_iter()
        .map(|record| {
            let pb::AuditRecord {
                who,
                action,
                gid,
                reason,
                before,
                after,
                ..
            } = record;
            format!("{who} {action} {gid} ({reason}): {before} → {after}")
        })
        .collect();
    assert_eq!(
        told,
        [
            "anna (unverified) CancelTransaction never-begun (asked to): unknown → CANCELLED",
            "anna (unverified) CancelTransaction 2 (asked to): TRYING, branch x registered → CANCELLING, branch x due",
            "anna (unverified) ConfirmTransaction 1 (): TRYING → CONFIRMED",
        ]
    );
}
