//! A coordinator between three participants, on a log that outlives it.

use std::sync::Arc;
use std::time::Duration;

use tercet_coordinator::config::{ActionConfig, ParticipantConfig};
use tercet_coordinator::{Config, Coordinator, Running};
use tercet_core::Verbs;
use tercet_log::{MemoryDisk, MemoryStore};
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_service::{ConfigDuration, Drain, Endpoint, ListenAddress};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Fake, soon};

/// The names of the three participants.
pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

/// A coordinator between three participants.
pub(crate) struct World {
    pub(crate) a: Fake,
    pub(crate) b: Fake,
    pub(crate) c: Fake,
    pub(crate) client: TransactionServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
    pub(crate) drain: Drain,
    config: Config,
    disk: MemoryDisk,
    running: Option<Running>,
}

impl World {
    /// With quick retries and otherwise the defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with another configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let (a, b, c) = (
            Fake::start().await,
            Fake::start().await,
            Fake::start().await,
        );
        let mut config = Config {
            listen: ListenAddress::loopback(0),
            http_listen: ListenAddress::loopback(0),
            ..Config::default()
        };
        config.retry.initial = ConfigDuration::from_millis(2);
        config.retry.max = ConfigDuration::from_millis(20);
        for (name, fake) in NAMES.iter().zip([&a, &b, &c]) {
            let port = fake.addresses().grpc.port();
            config.add_participant(name, participant(port)).unwrap();
        }
        change(&mut config);
        let disk = MemoryDisk::default();
        let drain = Drain::new();
        let running = begin(&config, &disk, &drain).await;
        let channel = connect(&running);
        Self {
            a,
            b,
            c,
            client: TransactionServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
            drain,
            config,
            disk,
            running: Some(running),
        }
    }

    /// The coordinator dies, and another one comes up on the same log.
    pub(crate) async fn crash_and_restart(&mut self) {
        self.crash().await;
        self.restart().await;
    }

    /// The coordinator dies.
    pub(crate) async fn crash(&mut self) {
        let running = self.running.take().unwrap();
        soon("the coordinator's death", running.abort()).await;
    }

    /// Another coordinator comes up on the same log.
    pub(crate) async fn restart(&mut self) {
        self.drain = Drain::new();
        let running = begin(&self.config, &self.disk, &self.drain).await;
        let channel = connect(&running);
        self.client = TransactionServiceClient::new(channel.clone());
        self.admin = AdminServiceClient::new(channel);
        self.running = Some(running);
    }

    /// The next coordinator no longer knows that participant.
    pub(crate) fn unconfigure(&mut self, name: &str) {
        self.config
            .participants
            .retain(|key, _| key.0.as_str() != name);
    }

    /// Waits until the coordinator has stopped, as it was told to.
    pub(crate) async fn stopped(&mut self) {
        let running = self.running.take().unwrap();
        soon("the end of the drain", running.wait()).await.unwrap();
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) async fn execute(
        &self,
        request: impl tonic::IntoRequest<pb::ExecuteTransactionRequest>,
    ) -> Result<pb::Transaction, Status> {
        let answer = self.client.clone().execute_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn begin(&self, gid: &str) -> pb::Transaction {
        self.begin_with(gid, pb::TransactionOptions::default())
            .await
            .unwrap()
    }

    pub(crate) async fn begin_with(
        &self,
        gid: &str,
        options: pb::TransactionOptions,
    ) -> Result<pb::Transaction, Status> {
        let request = pb::BeginTransactionRequest {
            gid: gid.to_owned(),
            options: Some(options),
        };
        let answer = self.client.clone().begin_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn try_branch(
        &self,
        gid: &str,
        branch: pb::Branch,
    ) -> Result<pb::BranchStatus, Status> {
        let request = pb::TryBranchRequest {
            gid: gid.to_owned(),
            branch: Some(branch),
        };
        let answer = self.client.clone().try_branch(request).await?;
        Ok(answer.into_inner().branch.unwrap())
    }

    pub(crate) async fn register(
        &self,
        gid: &str,
        branch: pb::Branch,
    ) -> Result<pb::BranchStatus, Status> {
        let request = pb::RegisterBranchRequest {
            gid: gid.to_owned(),
            branch: Some(branch),
        };
        let answer = self.client.clone().register_branch(request).await?;
        Ok(answer.into_inner().branch.unwrap())
    }

    pub(crate) async fn confirm(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::ConfirmTransactionRequest {
            gid: gid.to_owned(),
            wait_for: pb::WaitFor::Completion as i32,
        };
        let answer = self.client.clone().confirm_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn cancel(&self, gid: &str) -> Result<pb::CancelTransactionResponse, Status> {
        let request = pb::CancelTransactionRequest {
            gid: gid.to_owned(),
            reason: "a test".to_owned(),
            wait_for: pb::WaitFor::Completion as i32,
        };
        Ok(self
            .client
            .clone()
            .cancel_transaction(request)
            .await?
            .into_inner())
    }

    pub(crate) async fn get(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::GetTransactionRequest {
            gid: gid.to_owned(),
        };
        let answer = self.client.clone().get_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn resolve(&self, gid: &str, branch: &str) -> Result<pb::Verdict, Status> {
        let request = pb::ResolveBranchRequest {
            gid: gid.to_owned(),
            branch_id: branch.to_owned(),
        };
        Ok(self
            .client
            .clone()
            .resolve_branch(request)
            .await?
            .into_inner()
            .verdict())
    }

    pub(crate) async fn watch(
        &self,
        gid: &str,
    ) -> Result<tonic::Streaming<pb::WatchTransactionResponse>, Status> {
        let request = pb::WatchTransactionRequest {
            gid: gid.to_owned(),
        };
        Ok(self
            .client
            .clone()
            .watch_transaction(request)
            .await?
            .into_inner())
    }

    /// Waits until the transaction looks like that, by watching it.
    pub(crate) async fn wait_until(
        &self,
        gid: &str,
        what: &str,
        is_so: impl Fn(&pb::Transaction) -> bool,
    ) -> pb::Transaction {
        let mut changes = self.watch(gid).await.unwrap();
        let seen = async {
            while let Some(change) = changes.message().await.unwrap() {
                let transaction = change.transaction.unwrap();
                if is_so(&transaction) {
                    return transaction;
                }
            }
            panic!("the stream ended before: {what}");
        };
        soon(what, seen).await
    }

    /// Waits for the end of the transaction.
    pub(crate) async fn ended(&self, gid: &str) -> pb::Transaction {
        self.wait_until(gid, "the end", |transaction| transaction.ended_at.is_some())
            .await
    }
}

/// A participant on that port, with one action of each kind.
pub(crate) fn participant(port: u16) -> ParticipantConfig {
    let action = |verbs| ActionConfig::new("test.v1.ActionService", verbs);
    let reserve = ActionConfig::new("shop.stock.v1.ReserveStockService", Verbs::Tcc);
    let mut participant = ParticipantConfig::new(vec![Endpoint::http("127.0.0.1", port)])
        .with_action("act", action(Verbs::Tcc))
        .and_then(|participant| participant.with_action("saga", action(Verbs::Saga)))
        .and_then(|participant| participant.with_action("message", action(Verbs::Message)))
        .and_then(|participant| participant.with_action("reserve", reserve))
        .unwrap();
    participant.timeout = ConfigDuration::from_secs(10);
    participant
}

async fn begin(config: &Config, disk: &MemoryDisk, drain: &Drain) -> Running {
    let store = MemoryStore::open(disk, "test");
    Coordinator::start_with(config.clone(), drain.clone(), Arc::new(store))
        .await
        .unwrap()
}

fn connect(running: &Running) -> Channel {
    let url = running.addresses().grpc_url();
    tonic::transport::Endpoint::from_shared(url)
        .unwrap()
        .connect_lazy()
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) field: String,
    pub(crate) retry_after: Option<Duration>,
}

/// What a caller is told, in the terms of the contract.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refusal {
    let status = answer.expect_err("an error was expected");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "tercet");
    Refusal {
        code: status.code(),
        reason: info.reason.clone(),
        field: details
            .bad_request()
            .and_then(|bad| bad.field_violations.first())
            .map_or_else(String::new, |violation| violation.field.clone()),
        retry_after: details.retry_info().and_then(|info| info.retry_delay),
    }
}
