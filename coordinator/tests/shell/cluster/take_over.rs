//! A coordinator dies, or seems to, and others go on with what it has left.

use tercet_proto::tercet::v1 as pb;
use tercet_service::ConfigDuration;

use crate::support::{Behaviour, Replicas, branch, execute, refusal, soon};

#[tokio::test]
async fn what_a_dead_one_has_left_is_taken_over_and_finished() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut dying = replicas.join().await;
    let survivor = replicas.join().await;
    replicas.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let decided = dying.client.execute_transaction(request).await.unwrap();
    let decided = decided.into_inner().transaction.unwrap();
    assert_eq!(decided.coordinator, dying.address);
    dying.begin("undecided").await;
    replicas.a.wait_for("Confirm", 1).await;
    dying.kill().await;
    replicas.a.release();

    let ended = survivor
        .until_state("g", pb::TransactionState::Confirmed)
        .await;
    assert_eq!(ended.decided_at, decided.decided_at);
    assert_eq!(replicas.a.count("Try"), 1, "what was tried stays tried");
    assert_eq!(
        (replicas.a.count("Cancel"), replicas.b.count("Cancel")),
        (0, 0)
    );
    // A TRYING one goes on trying.
    let undecided = survivor
        .until("undecided", "its new owner", |transaction| {
            transaction.coordinator == survivor.address
        })
        .await;
    assert_eq!(undecided.state(), pb::TransactionState::Trying);
    let confirm = pb::ConfirmTransactionRequest {
        gid: "undecided".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    let confirmed = survivor.client.clone().confirm_transaction(confirm).await;
    assert_eq!(
        confirmed.unwrap().into_inner().transaction.unwrap().state(),
        pb::TransactionState::Confirmed
    );
    let status = survivor
        .until_status("the dead one to be forgotten", |status| {
            status.sessions.len() == 1
        })
        .await;
    assert_eq!(status.adopted, 2);
    assert!(status.sessions[0].answering && !status.sessions[0].fenced);
}

/// Its process stands still in the middle of an append, for longer than the others wait.
#[tokio::test]
async fn a_frozen_one_does_no_harm_when_it_comes_back() {
    let replicas = Replicas::prepare(|_| {}).await;
    let mut frozen = replicas.join().await;
    let survivor = replicas.join().await;
    frozen.begin("g").await;
    let add = pb::RegisterBranchRequest {
        gid: "g".to_owned(),
        branch: Some(branch("x", "a")),
    };
    frozen.client.register_branch(add).await.unwrap();

    frozen.freezer.freeze();
    let confirming = {
        let mut client = frozen.client.clone();
        let confirm = pb::ConfirmTransactionRequest {
            gid: "g".to_owned(),
            wait_for: pb::WaitFor::Decision as i32,
        };
        tokio::spawn(async move { client.confirm_transaction(confirm).await })
    };
    frozen.freezer.stuck(1).await;
    survivor
        .until("g", "its new owner", |transaction| {
            transaction.coordinator == survivor.address
        })
        .await;
    // The other decision is taken meanwhile.
    let cancel = pb::CancelTransactionRequest {
        gid: "g".to_owned(),
        reason: "the other one is dead".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    let cancelled = survivor.client.clone().cancel_transaction(cancel).await;
    assert_eq!(
        cancelled.unwrap().into_inner().transaction.unwrap().state(),
        pb::TransactionState::Cancelled
    );

    frozen.freezer.thaw();
    let error = frozen.ended().await.unwrap_err().to_string();
    assert!(error.contains("fenced"), "{error}");
    assert_eq!(error.lines().count(), 1);
    let answer = soon("an answer", confirming).await.unwrap();
    assert!(
        answer.is_err(),
        "nothing that it believed is told to anybody"
    );
    assert_eq!(
        (replicas.a.count("Confirm"), replicas.a.count("Cancel")),
        (0, 1)
    );
    let after = survivor.get("g").await.unwrap();
    assert_eq!(after.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn one_that_cannot_raise_its_beat_stops_deciding_and_goes_on_when_it_can() {
    // Nobody else is there, so nobody fences it.
    let replicas = Replicas::prepare(|_| {}).await;
    let alone = replicas.join().await;
    alone.begin("g").await;
    alone.freezer.hold_beats();
    let refused = async {
        let mut number = 0;
        loop {
            let request = pb::BeginTransactionRequest {
                gid: format!("g{number}"),
                options: None,
            };
            if let Err(status) = alone.client.clone().begin_transaction(request).await {
                return status;
            }
            number += 1;
        }
    };
    let status = soon("a refusal", refused).await;
    let told = refusal::<()>(Err(status));
    assert_eq!(told.reason, "LOG_UNAVAILABLE");
    assert!(told.retry_after.is_some());

    alone.freezer.thaw();
    let again = async {
        loop {
            let request = execute("again", &["a"]);
            if let Ok(answer) = alone.client.clone().execute_transaction(request).await {
                return answer.into_inner().transaction.unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let ended = soon("it to go on", again).await;
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn one_that_is_slow_is_not_fenced() {
    let replicas = Replicas::prepare(|config| {
        config.cluster.take_over_after = ConfigDuration::from_secs(3_600);
    })
    .await;
    let slow = replicas.join().await;
    let other = replicas.join().await;
    slow.begin("g").await;
    slow.freezer.freeze();
    let before = other.status().await;
    assert!(before.sessions.iter().all(|session| !session.fenced));
    slow.freezer.thaw();
    let found = other.get("g").await.unwrap();
    assert_eq!(found.coordinator, slow.address);
    assert_eq!(other.status().await.adopted, 0);
}

/// The beats of this one say that it isn't dead, whatever its clock and the others' say.
#[tokio::test]
async fn a_transaction_is_adopted_on_demand() {
    // The survivor looks once when it starts, and then not for an hour.
    let replicas = Replicas::prepare(|_| {}).await;
    let survivor = replicas
        .join_with(|config| {
            config.cluster.beat_every = ConfigDuration::from_secs(3_600);
            config.cluster.take_over_after = ConfigDuration::from_secs(36_000);
        })
        .await;
    let mut leaving = replicas
        .join_with(|config| config.limits.drain_grace = ConfigDuration::from_millis(1))
        .await;
    for gid in ["asked", "confirmed", "executed", "left"] {
        leaving.begin(gid).await;
    }
    leaving.leave().await;

    let asked = survivor.get("asked").await.unwrap();
    assert_eq!(asked.coordinator, survivor.address);
    let confirm = pb::ConfirmTransactionRequest {
        gid: "confirmed".to_owned(),
        wait_for: pb::WaitFor::Completion as i32,
    };
    let confirmed = survivor.client.clone().confirm_transaction(confirm).await;
    assert_eq!(
        confirmed.unwrap().into_inner().transaction.unwrap().state(),
        pb::TransactionState::Confirmed
    );
    // The same again is found by its begin.
    let again = survivor.begin("executed").await;
    assert_eq!(again.coordinator, survivor.address);
    let status = survivor.status().await;
    assert_eq!(status.adopted, 3);
    let fenced = status.sessions.iter().find(|session| session.fenced);
    assert_eq!(fenced.map(|session| session.open), Some(1), "one is left");
}

#[tokio::test]
async fn one_that_leaves_is_followed_at_once() {
    // Nobody is ever fenced for standing still.
    let replicas = Replicas::prepare(|config| {
        config.cluster.take_over_after = ConfigDuration::from_secs(3_600);
        config.limits.drain_grace = ConfigDuration::from_millis(1);
    })
    .await;
    let mut leaving = replicas.join().await;
    let survivor = replicas.join().await;
    replicas
        .a
        .on_method("Confirm", Behaviour::code(tonic::Code::Unavailable));
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    leaving.client.execute_transaction(request).await.unwrap();
    leaving.leave().await;
    replicas.a.on(|_| Behaviour::ok());
    survivor
        .until_state("g", pb::TransactionState::Confirmed)
        .await;
    assert_eq!(survivor.status().await.adopted, 1);
}
