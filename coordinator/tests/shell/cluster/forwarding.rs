//! A call that reaches a coordinator which doesn't own the gid.

use std::net::SocketAddr;

use tercet_proto::tercet::v1 as pb;
use tercet_service::ConfigDuration;
use tonic::Code;

use crate::support::{Behaviour, Replicas, branch, execute, refusal, soon};

#[tokio::test]
async fn every_call_about_a_transaction_reaches_its_owner() {
    let replicas = Replicas::prepare(|_| {}).await;
    let owner = replicas.join().await;
    let other = replicas.join().await;
    let mut asked = other.client.clone();
    owner.begin("g").await;

    assert_eq!(other.get("g").await.unwrap().coordinator, owner.address);
    // The same begin again joins the one that is there.
    assert_eq!(other.begin("g").await.coordinator, owner.address);
    let add = pb::TryBranchRequest {
        gid: "g".to_owned(),
        branch: Some(branch("x", "a")),
    };
    let tried = asked.try_branch(add).await.unwrap().into_inner();
    assert_eq!(tried.branch.unwrap().state(), pb::BranchState::Tried);
    let add = pb::RegisterBranchRequest {
        gid: "g".to_owned(),
        branch: Some(branch("y", "b")),
    };
    asked.register_branch(add).await.unwrap();
    let renew = pb::RenewTransactionRequest {
        gid: "g".to_owned(),
        try_timeout: Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        }),
    };
    let before = owner.get("g").await.unwrap().try_deadline.unwrap();
    let renewed = asked.renew_transaction(renew).await.unwrap().into_inner();
    let after = renewed.transaction.unwrap().try_deadline.unwrap();
    assert!(after.seconds > before.seconds);
    let resolve = pb::ResolveBranchRequest {
        gid: "g".to_owned(),
        branch_id: "x".to_owned(),
    };
    let resolved = asked.resolve_branch(resolve.clone()).await.unwrap();
    assert_eq!(resolved.into_inner().verdict(), pb::Verdict::Pending);

    replicas
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let confirm = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Decision as i32,
    };
    let confirmed = asked.confirm_transaction(confirm).await.unwrap();
    let confirmed = confirmed.into_inner().transaction.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirming);
    let resolved = asked.resolve_branch(resolve).await.unwrap();
    assert_eq!(resolved.into_inner().verdict(), pb::Verdict::Confirm);
    let cancel = pb::CancelTransactionRequest {
        gid: "g".to_owned(),
        reason: String::new(),
        wait_for: pb::WaitFor::Decision as i32,
    };
    // The owner's own words come back.
    let told = refusal(asked.cancel_transaction(cancel).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::FailedPrecondition, "ALREADY_DECIDED")
    );

    let status = owner.status().await;
    assert_eq!(status.adopted, 0);
    let open: Vec<_> = status
        .open
        .iter()
        .map(|count| (count.state(), count.count))
        .collect();
    assert!(
        open.contains(&(pb::TransactionState::Confirming, 1)),
        "it stayed where it was: {open:?}"
    );
}

#[tokio::test]
async fn operators_reach_the_owner_too() {
    let replicas = Replicas::prepare(|config| {
        config.retry.initial = ConfigDuration::from_secs(3_600);
        config.retry.max = ConfigDuration::from_secs(3_600);
    })
    .await;
    let mut owner = replicas.join().await;
    let other = replicas.join().await;
    let mut admin = other.admin.clone();
    replicas
        .a
        .on_method("Confirm", Behaviour::code(Code::Unavailable));
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    owner.client.execute_transaction(request).await.unwrap();
    replicas.a.wait_for("Confirm", 1).await;

    let (gid, reason) = ("g".to_owned(), "a test".to_owned());
    let park = pb::ParkTransactionRequest {
        gid: gid.clone(),
        reason: reason.clone(),
    };
    let parked = admin.park_transaction(park).await.unwrap().into_inner();
    assert!(parked.transaction.unwrap().attention.unwrap().parked);
    let resume = pb::ResumeTransactionRequest {
        gid: gid.clone(),
        reason: reason.clone(),
    };
    admin.resume_transaction(resume).await.unwrap();
    let calls = replicas.a.count("Confirm");
    let retry = pb::RetryTransactionRequest {
        gid: gid.clone(),
        reason: reason.clone(),
    };
    admin.retry_transaction(retry).await.unwrap();
    replicas.a.wait_for("Confirm", calls + 1).await;
    let force = pb::ForceBranchRequest {
        gid,
        branch_id: "a".to_owned(),
        reason,
    };
    let forced = {
        let mut force = tonic::Request::new(force);
        let name = "anna".parse().unwrap();
        force.metadata_mut().insert("tercet-operator", name);
        admin.force_branch(force).await.unwrap().into_inner()
    };
    assert_eq!(
        forced.transaction.unwrap().state(),
        pb::TransactionState::Confirmed
    );
    let records = pb::ListAuditRecordsRequest::default();
    let records = admin.list_audit_records(records).await.unwrap();
    let records = records.into_inner().records;
    assert_eq!(records.len(), 4);
    // Not the coordinator that has passed it on, but whoever it came from.
    assert_eq!(records[0].who, "anna (unverified)");
    let (from, by) = records[1].who.split_once(" by way of ").unwrap();
    let (from, by): (SocketAddr, SocketAddr) = (from.parse().unwrap(), by.parse().unwrap());
    assert_ne!(from, by);
}

#[tokio::test]
async fn the_same_execute_elsewhere_is_the_same_transaction() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut owner = replicas.join().await;
    let mut other = replicas.join().await;
    replicas.a.on_method("Try", Behaviour::Hang);
    let mut waiting = Vec::new();
    for client in [&mut owner.client, &mut other.client] {
        let mut client = client.clone();
        waiting.push(tokio::spawn(async move {
            client.execute_transaction(execute("g", &["a", "b"])).await
        }));
    }
    replicas.a.wait_for("Try", 1).await;
    // Other content is a conflict wherever it comes.
    for client in [&mut owner.client, &mut other.client] {
        let answer = client.execute_transaction(execute("g", &["b"])).await;
        assert_eq!(refusal(answer).reason, "GID_CONFLICT");
    }
    replicas.a.release();
    for waiting in waiting {
        let answer = soon("an answer", waiting).await.unwrap().unwrap();
        let transaction = answer.into_inner().transaction.unwrap();
        assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    }
    assert_eq!(
        (replicas.a.count("Try"), replicas.a.count("Confirm")),
        (1, 1)
    );
    // Once it has ended, everybody knows.
    let again = other.client.execute_transaction(execute("g", &["a", "b"]));
    let again = again.await.unwrap().into_inner().transaction.unwrap();
    assert_eq!(again.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn a_cancel_elsewhere_of_a_gid_that_nobody_knows_is_remembered_by_all() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut one = replicas.join().await;
    let mut other = replicas.join().await;
    let cancel = pb::CancelTransactionRequest {
        gid: "g".to_owned(),
        reason: String::new(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    let cancelled = one.client.cancel_transaction(cancel).await.unwrap();
    assert!(cancelled.into_inner().was_unknown);
    let late = other.client.execute_transaction(execute("g", &["a"]));
    let late = late.await.unwrap().into_inner().transaction.unwrap();
    assert_eq!(late.state(), pb::TransactionState::Cancelled);
    assert_eq!(replicas.a.seen().len(), 0);
}

#[tokio::test]
async fn a_marked_call_goes_no_further() {
    let replicas = Replicas::prepare(|_| {}).await;
    let owner = replicas.join().await;
    let mut other = replicas.join().await;
    owner.begin("g").await;
    let mut request = tonic::Request::new(pb::GetTransactionRequest {
        gid: "g".to_owned(),
    });
    request
        .metadata_mut()
        .insert("tercet-forwarded", "1".parse().unwrap());
    let told = refusal(other.client.get_transaction(request).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "NOT_OWNER")
    );
    assert!(told.retry_after.is_some());
}

#[tokio::test]
async fn an_owner_that_is_dead_and_not_yet_fenced_is_told_as_such() {
    let replicas = Replicas::prepare(|config| {
        config.cluster.take_over_after = ConfigDuration::from_secs(3_600);
    })
    .await;
    let mut owner = replicas.join().await;
    let other = replicas.join().await;
    owner.begin("g").await;
    owner.kill().await;
    let told = refusal(other.get("g").await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "NOT_OWNER")
    );
    assert!(told.retry_after.is_some());
}

#[tokio::test]
async fn a_stream_of_changes_is_passed_on_to_its_end() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut owner = replicas.join().await;
    let mut other = replicas.join().await;
    owner.begin("g").await;
    let watch = pb::WatchTransactionRequest {
        gid: "g".to_owned(),
    };
    let changes = other.client.watch_transaction(watch.clone()).await.unwrap();
    let mut changes = changes.into_inner();
    let first = soon("the first", changes.message()).await.unwrap().unwrap();
    let first = first.transaction.unwrap();
    assert_eq!(
        (first.state(), first.coordinator),
        (pb::TransactionState::Trying, owner.address.clone())
    );
    let confirm = pb::ConfirmTransactionRequest {
        gid: "g".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    owner.client.confirm_transaction(confirm).await.unwrap();
    let mut last = None;
    while let Some(change) = soon("the end", changes.message()).await.unwrap() {
        last = change.transaction;
    }
    assert_eq!(
        last.unwrap().state(),
        pb::TransactionState::Confirmed,
        "and then it ends well"
    );

    // The one that passes it on goes away.
    owner.begin("h").await;
    let watch = pb::WatchTransactionRequest {
        gid: "h".to_owned(),
    };
    let changes = other.client.watch_transaction(watch).await.unwrap();
    let mut changes = changes.into_inner();
    soon("the first", changes.message()).await.unwrap().unwrap();
    other.drain.begin();
    let told = soon("the drain", changes.message()).await;
    assert_eq!(refusal(told).reason, "DRAINING");
    other.ended().await.unwrap();
}

#[tokio::test]
async fn what_the_caller_sends_along_reaches_the_owner() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut owner = replicas.join().await;
    let mut other = replicas.join().await;
    replicas.a.on_method("Try", Behaviour::Hang);
    let trying = {
        let mut client = owner.client.clone();
        tokio::spawn(async move { client.execute_transaction(execute("g", &["a"])).await })
    };
    replicas.a.wait_for("Try", 1).await;
    // Its deadline: the owner answers shortly before it, with the state of then.
    let mut request = tonic::Request::new(execute("g", &["a"]));
    request.set_timeout(std::time::Duration::from_secs(3));
    let answer = other.client.execute_transaction(request).await.unwrap();
    let transaction = answer.into_inner().transaction.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Trying);
    replicas.a.release();
    soon("the first one", trying).await.unwrap().unwrap();
    owner.leave().await;
}
