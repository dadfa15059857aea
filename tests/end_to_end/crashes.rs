//! `kill -9` of the coordinator at the moments that matter. The participant is scripted: it is the test that knows
//! which call has arrived, so nothing has to be timed.

use tempfile::TempDir;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{
    BeginTransactionRequest, Branch, BranchState, ConfirmTransactionRequest,
    ExecuteTransactionRequest, GetTransactionRequest, Transaction, TransactionState,
    TryBranchRequest, WaitFor, WatchTransactionRequest, branch,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::harness::databases::Databases;
use crate::harness::process::Server;
use crate::harness::scripted::Scripted;
use crate::harness::shop::{channel, coordinator_file, free_port, participant};
use crate::harness::{process, queries, until};

/// A coordinator with one scripted participant.
pub(crate) struct Pair {
    pub(crate) folder: TempDir,
    port: u16,
    pub(crate) participant: Scripted,
}

impl Pair {
    pub(crate) async fn new() -> (Self, Server) {
        Self::with("30s", "").await
    }

    pub(crate) async fn with(timeout: &str, more: &str) -> (Self, Server) {
        let scripted = Scripted::start().await;
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let table = participant(
            "p",
            &scripted.address.to_string(),
            timeout,
            "act = \"test.v1.ActService\"",
        );
        let databases = Databases::new(folder.path()).await;
        coordinator_file(folder.path(), port, &databases, &format!("{table}{more}"));
        let pair = Self {
            folder,
            port,
            participant: scripted,
        };
        let coordinator = pair.coordinator().await;
        (pair, coordinator)
    }

    pub(crate) async fn coordinator(&self) -> Server {
        Server::start(
            &["serve", "--config", "coordinator.toml"],
            self.folder.path(),
        )
        .await
    }

    pub(crate) fn client(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(channel(&self.endpoint()))
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn get(&self, gid: &str) -> Result<Transaction, Status> {
        let answer = self
            .client()
            .get_transaction(GetTransactionRequest { gid: gid.into() })
            .await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn ended(&self, gid: &str) -> Transaction {
        let request = WatchTransactionRequest { gid: gid.into() };
        let mut watch = self
            .client()
            .watch_transaction(request)
            .await
            .unwrap()
            .into_inner();
        let mut last = None;
        while let Some(seen) = watch.message().await.unwrap() {
            last = seen.transaction;
        }
        last.unwrap()
    }
}

pub(crate) fn branches(count: usize) -> Vec<Branch> {
    (1..=count)
        .map(|number| one_branch(&number.to_string()))
        .collect()
}

pub(crate) fn one_branch(id: &str) -> Branch {
    Branch {
        id: id.into(),
        participant: "p".into(),
        action: "act".into(),
        payload: Some(branch::Payload::Message("payload".into())),
    }
}

pub(crate) fn execute(gid: &str, count: usize) -> ExecuteTransactionRequest {
    ExecuteTransactionRequest {
        gid: gid.into(),
        branches: branches(count),
        ..ExecuteTransactionRequest::default()
    }
}

#[tokio::test]
async fn killed_between_the_decision_and_the_confirms_it_finishes_them_after_a_restart() {
    let (pair, coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 3)).await });
    for _ in 0..3 {
        pair.participant.expect("try").await.done();
    }
    let decided = executing
        .await
        .unwrap()
        .unwrap()
        .into_inner()
        .transaction
        .unwrap();
    assert_eq!(decided.state(), TransactionState::Confirming);
    // The confirms have arrived and nobody answers them.
    let mut unanswered = Vec::new();
    for _ in 0..3 {
        unanswered.push(pair.participant.expect("confirm").await);
    }

    coordinator.kill().await;
    drop(unanswered);
    let _coordinator = pair.coordinator().await;

    for _ in 0..3 {
        pair.participant.expect("confirm").await.done();
    }
    let ended = pair.ended("g-1").await;
    assert_eq!(ended.state(), TransactionState::Confirmed);
    assert_eq!(
        ended.decided_at, decided.decided_at,
        "the same decision, not a new one"
    );
}

#[tokio::test]
async fn killed_while_trying_it_tries_again_and_decides_once() {
    let (pair, coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 2)).await });
    pair.participant.expect("try").await.done();
    let unanswered = pair.participant.expect("try").await;

    coordinator.kill().await;
    drop(unanswered);
    assert!(
        executing.await.unwrap().is_err(),
        "the client's connection broke"
    );
    let _coordinator = pair.coordinator().await;

    for _ in 0..2 {
        pair.participant.expect("try").await.done();
    }
    for _ in 0..2 {
        pair.participant.expect("confirm").await.done();
    }
    assert_eq!(pair.ended("g-1").await.state(), TransactionState::Confirmed);
}

#[tokio::test]
async fn killed_while_cancelling_it_goes_on_cancelling() {
    let (pair, coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 2)).await });
    pair.participant.expect("try").await.done();
    pair.participant
        .expect("try")
        .await
        .fail(Status::failed_precondition("sold out"));
    let decided = executing
        .await
        .unwrap()
        .unwrap()
        .into_inner()
        .transaction
        .unwrap();
    assert_eq!(decided.state(), TransactionState::Cancelling);
    pair.participant.expect("cancel").await.done();
    let unanswered = pair.participant.expect("cancel").await;

    coordinator.kill().await;
    drop(unanswered);
    let _coordinator = pair.coordinator().await;

    // One cancel or both: the end of the first was lazy. Whatever comes is a cancel.
    let ended = pair.participant.answering(pair.ended("g-1")).await;
    assert_eq!(ended.state(), TransactionState::Cancelled);
}

#[tokio::test]
async fn the_attempts_are_still_shown_after_a_kill_and_a_restart() {
    let (pair, coordinator) = Pair::new().await;
    let mut client = pair.client();
    let executing =
        tokio::spawn(async move { client.execute_transaction(execute("g-1", 1)).await });
    pair.participant
        .expect("try")
        .await
        .fail(Status::unavailable("not now"));
    pair.participant.expect("try").await.done();
    pair.participant
        .expect("confirm")
        .await
        .fail(Status::unavailable("still not now"));
    executing.await.unwrap().unwrap();
    let _hanging = pair.participant.expect("confirm").await;
    // Begun and decided make two versions of the row; the third holds the failed confirm, and nothing else was due.
    let version = || queries::version(pair.folder.path(), "g-1");
    until("the attempt to reach the disk by itself", || async {
        (version().await >= 3).then_some(())
    })
    .await;
    let before = pair.get("g-1").await.unwrap();
    assert_eq!(before.attempts.len(), 3);

    coordinator.kill().await;
    let _coordinator = pair.coordinator().await;

    let after = pair.get("g-1").await.unwrap();
    assert_eq!(after.attempts, before.attempts);
    let show = ["tx", "show", "g-1", "--endpoint", &pair.endpoint()];
    let shown = String::from_utf8(process::run(&show, pair.folder.path()).await.stdout).unwrap();
    assert!(
        shown.contains("not now") && shown.contains("still not now"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_step_by_step_transaction_goes_on_after_a_kill() {
    let (pair, coordinator) = Pair::new().await;
    let begin = BeginTransactionRequest {
        gid: "g-1".into(),
        options: None,
    };
    pair.client().begin_transaction(begin).await.unwrap();
    let mut client = pair.client();
    let request = TryBranchRequest {
        gid: "g-1".into(),
        branch: Some(one_branch("1")),
    };
    let trying = tokio::spawn(async move { client.try_branch(request).await });
    pair.participant.expect("try").await.reply(b"reserved");
    let tried = trying.await.unwrap().unwrap().into_inner().branch.unwrap();
    assert_eq!(
        (tried.state(), &tried.try_response[..]),
        (BranchState::Tried, &b"reserved"[..])
    );

    coordinator.kill().await;
    let _coordinator = pair.coordinator().await;

    // Whether the answer to the try had reached the disk or not: confirm finds it tried in the end.
    let confirm = || ConfirmTransactionRequest {
        gid: "g-1".into(),
        wait_for: WaitFor::Decision.into(),
    };
    let confirming = until("the confirm to be taken", || async {
        pair.client().confirm_transaction(confirm()).await.ok()
    });
    let confirmed = pair.participant.answering(confirming).await;
    let state = confirmed.into_inner().transaction.unwrap().state();
    assert!(matches!(
        state,
        TransactionState::Confirming | TransactionState::Confirmed
    ));
}
