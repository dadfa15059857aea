//! A coordinator process and a participant whose answers the test chooses.

use std::path::PathBuf;

use tempfile::TempDir;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{Branch, ExecuteTransactionRequest, Transaction, branch};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::harness::databases::Databases;
use crate::harness::process::Server;
use crate::harness::scripted::{Call, Scripted};
use crate::harness::shop::{channel, coordinator_file, free_port, participant};

/// Both of them.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) participant: Scripted,
    pub(crate) coordinator: Server,
}

impl Rig {
    /// `more` stands at the end of the coordinator's file.
    pub(crate) async fn start(more: &str) -> Self {
        Self::start_with(|_| more.to_owned()).await
    }

    /// The same, told where the participant listens.
    pub(crate) async fn start_with(more: impl FnOnce(&str) -> String) -> Self {
        let participant = Scripted::start().await;
        let folder = TempDir::new().unwrap();
        let address = participant.address.to_string();
        let table = self::participant("p", &address, "30s", "act = \"test.v1.ActService\"");
        let databases = Databases::new(folder.path()).await;
        let more = format!("{table}{}", more(&address));
        coordinator_file(folder.path(), free_port(), &databases, &more);
        let coordinator = Self::coordinator(&folder).await;
        Self {
            folder,
            participant,
            coordinator,
        }
    }

    async fn coordinator(folder: &TempDir) -> Server {
        let arguments = ["serve", "--config", "coordinator.toml"];
        Server::start(&arguments, folder.path()).await
    }

    /// `kill -9`, and a new start.
    pub(crate) async fn restart(self) -> Self {
        self.coordinator.kill().await;
        let coordinator = Self::coordinator(&self.folder).await;
        Self {
            coordinator,
            ..self
        }
    }

    /// The coordinator's database.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("coordinator.db")
    }

    pub(crate) fn client(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(channel(&self.coordinator.grpc))
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(channel(&self.coordinator.grpc))
    }

    /// Begins a transaction of one branch whose try is done, and waits for its decision.
    pub(crate) async fn confirmed(&self, gid: &str) -> Transaction {
        let deciding = self.decided(gid);
        let trying = async { self.participant.expect("try").await.done() };
        let (transaction, ()) = tokio::join!(deciding, trying);
        transaction
    }

    /// The same where something else answers the try.
    pub(crate) async fn decided(&self, gid: &str) -> Transaction {
        let mut client = self.client();
        let answer = client.execute_transaction(execute(gid)).await;
        answer.unwrap().into_inner().transaction.unwrap()
    }

    /// Answers every try with OK and everything else with `status` for as long as `future` takes.
    pub(crate) async fn confirming<T>(
        &self,
        future: impl Future<Output = T>,
        status: &Status,
    ) -> T {
        let answer = |call: Call| match call.phase().as_str() {
            "try" => call.done(),
            _ => call.fail(status.clone()),
        };
        self.serving(future, answer).await
    }

    /// Does with every call what `answer` does for as long as `future` takes.
    pub(crate) async fn serving<T>(
        &self,
        future: impl Future<Output = T>,
        mut answer: impl FnMut(Call),
    ) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                value = &mut future => return value,
                call = self.participant.call() => answer(call),
            }
        }
    }

    /// Answers every call with `status` for as long as `future` takes.
    pub(crate) async fn refusing<T>(&self, status: Status, future: impl Future<Output = T>) -> T {
        self.serving(future, |call| call.fail(status.clone())).await
    }
}

/// The branch of a transaction that has one.
pub(crate) fn branch(participant: &str) -> Branch {
    Branch {
        id: "1".into(),
        participant: participant.into(),
        action: "act".into(),
        payload: Some(branch::Payload::Message("payload".into())),
    }
}

/// A transaction of one branch.
pub(crate) fn execute(gid: &str) -> Request<ExecuteTransactionRequest> {
    Request::new(ExecuteTransactionRequest {
        gid: gid.into(),
        branches: vec![branch("p")],
        ..ExecuteTransactionRequest::default()
    })
}
