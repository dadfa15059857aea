//! A coordinator process between the participants `p` and `q`, each with the actions `act` (all three verbs), `saga` (try
//! and cancel) and `notify` (confirm only).

use std::fmt::Write as _;
use std::time::Duration;

use tempfile::TempDir;
use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use crate::harness::PATIENCE;
use crate::harness::process::Server;
use crate::harness::shop::{channel, free_port};
use crate::participant::Participant;

/// Retries come at once and stay frequent.
const QUICK: &str = "initial = \"2ms\"\nmax = \"20ms\"\n";
const ACTIONS: &str = r#"act = "test.v1.ActService"
saga = { service = "test.v1.SagaService", verbs = ["try", "cancel"] }
notify = { service = "test.v1.NotifyService", verbs = ["confirm"] }
"#;

pub(crate) struct World {
    pub(crate) p: Participant,
    pub(crate) q: Participant,
    pub(crate) folder: TempDir,
    pub(crate) coordinator: Option<Server>,
    pub(crate) client: TransactionServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
    port: u16,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with("", "").await
    }

    /// With more keys in `[retry]`, and more tables.
    pub(crate) async fn with(retry: &str, more: &str) -> Self {
        let port = free_port();
        let channel = channel(&format!("127.0.0.1:{port}"));
        let mut world = Self {
            p: Participant::start().await,
            q: Participant::start().await,
            folder: TempDir::new().unwrap(),
            coordinator: None,
            client: TransactionServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
            port,
        };
        world.configure(retry, more);
        world.up().await;
        world
    }

    /// Writes the coordinator's file anew.
    pub(crate) fn configure(&self, retry: &str, more: &str) {
        let port = self.port;
        let mut file = format!(
            "listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = \"sqlite:coordinator.db\"\n[retry]\n"
        );
        let quick = QUICK.lines().filter(|line| {
            let key = line.split(' ').next().unwrap();
            !retry
                .lines()
                .any(|line| line.starts_with(&format!("{key} ")))
        });
        for line in quick.chain(retry.lines()) {
            writeln!(file, "{line}").unwrap();
        }
        for (name, participant) in [("p", &self.p), ("q", &self.q)] {
            let address = participant.address;
            write!(
                file,
                "[participants.{name}]\nendpoints = [\"http://{address}\"]\ntimeout = \"40s\"\n[participants.{name}.actions]\n{ACTIONS}"
            )
            .unwrap();
        }
        file += more;
        std::fs::write(self.folder.path().join("coordinator.toml"), file).unwrap();
    }

    pub(crate) async fn up(&mut self) {
        let arguments = ["serve", "--config", "coordinator.toml"];
        self.coordinator = Some(Server::start(&arguments, self.folder.path()).await);
    }

    /// `SIGTERM`, and again up.
    pub(crate) async fn restart(&mut self) {
        let coordinator = self.coordinator.take().unwrap();
        coordinator.terminate();
        assert_eq!(coordinator.ended().await.0.code(), Some(0));
        self.up().await;
    }

    pub(crate) fn server(&self) -> &Server {
        self.coordinator.as_ref().unwrap()
    }

    pub(crate) async fn execute(
        &self,
        request: impl tonic::IntoRequest<pb::ExecuteTransactionRequest>,
    ) -> Result<pb::Transaction, Status> {
        let answer = self.client.clone().execute_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    /// The same, beside the test.
    pub(crate) fn executing(
        &self,
        request: impl tonic::IntoRequest<pb::ExecuteTransactionRequest> + Send + 'static,
    ) -> tokio::task::JoinHandle<Result<pb::Transaction, Status>> {
        let mut client = self.client.clone();
        tokio::spawn(async move {
            let answer = client.execute_transaction(request).await?;
            Ok(answer.into_inner().transaction.unwrap())
        })
    }

    pub(crate) async fn begin(
        &self,
        gid: &str,
        options: pb::TransactionOptions,
    ) -> Result<pb::Transaction, Status> {
        let request = pb::BeginTransactionRequest {
            gid: gid.into(),
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
            gid: gid.into(),
            branch: Some(branch),
        };
        let answer = self.client.clone().try_branch(request).await?;
        Ok(answer.into_inner().branch.unwrap())
    }

    /// The same, beside the test.
    pub(crate) fn trying(
        &self,
        gid: &str,
        branch: pb::Branch,
    ) -> tokio::task::JoinHandle<Result<pb::BranchStatus, Status>> {
        let mut client = self.client.clone();
        let request = pb::TryBranchRequest {
            gid: gid.into(),
            branch: Some(branch),
        };
        tokio::spawn(async move {
            let answer = client.try_branch(request).await?;
            Ok(answer.into_inner().branch.unwrap())
        })
    }

    pub(crate) async fn register(
        &self,
        gid: &str,
        branch: pb::Branch,
    ) -> Result<pb::BranchStatus, Status> {
        let request = pb::RegisterBranchRequest {
            gid: gid.into(),
            branch: Some(branch),
        };
        let answer = self.client.clone().register_branch(request).await?;
        Ok(answer.into_inner().branch.unwrap())
    }

    pub(crate) async fn confirm(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::ConfirmTransactionRequest {
            gid: gid.into(),
            wait_for: 0,
        };
        let answer = self.client.clone().confirm_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn cancel(
        &self,
        gid: &str,
        reason: &str,
    ) -> Result<pb::CancelTransactionResponse, Status> {
        let request = pb::CancelTransactionRequest {
            gid: gid.into(),
            reason: reason.into(),
            wait_for: 0,
        };
        let answer = self.client.clone().cancel_transaction(request).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn renew(
        &self,
        gid: &str,
        timeout: Option<Duration>,
    ) -> Result<pb::Transaction, Status> {
        let request = pb::RenewTransactionRequest {
            gid: gid.into(),
            try_timeout: timeout.map(|timeout| timeout.try_into().unwrap()),
        };
        let answer = self.client.clone().renew_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn get(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::GetTransactionRequest { gid: gid.into() };
        let answer = self.client.clone().get_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn resolve(&self, gid: &str, branch: &str) -> Result<pb::Verdict, Status> {
        let request = pb::ResolveBranchRequest {
            gid: gid.into(),
            branch_id: branch.into(),
        };
        let answer = self.client.clone().resolve_branch(request).await?;
        Ok(answer.into_inner().verdict())
    }

    /// Waits until the transaction is as told.
    pub(crate) async fn once(
        &self,
        gid: &str,
        what: &str,
        is_so: impl Fn(&pb::Transaction) -> bool,
    ) -> pb::Transaction {
        let last = std::sync::Mutex::new(None);
        let probed = async || {
            let now = self.get(gid).await;
            let found = now.as_ref().ok().filter(|found| is_so(found)).cloned();
            *last.lock().unwrap() = Some(now);
            found
        };
        let mut found = None;
        let looked = tokio::time::timeout(PATIENCE, async {
            while found.is_none() {
                found = probed().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if looked.await.is_err() {
            let last = last.lock().unwrap().take();
            let said = self.server().said();
            panic!(
                "waited in vain for {gid}: {what}; last it was {last:?}; the coordinator said:\n{said}"
            );
        }
        found.unwrap()
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self, gid: &str) -> pb::Transaction {
        self.once(gid, "its end", |found| found.ended_at.is_some())
            .await
    }

    pub(crate) async fn pause(&self, participant: &str) -> Result<pb::Participant, Status> {
        let request = pb::PauseParticipantRequest {
            participant: participant.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().pause_participant(request).await?;
        Ok(answer.into_inner().participant.unwrap())
    }

    pub(crate) async fn unpause(&self, participant: &str) -> Result<pb::Participant, Status> {
        let request = pb::ResumeParticipantRequest {
            participant: participant.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().resume_participant(request).await?;
        Ok(answer.into_inner().participant.unwrap())
    }

    pub(crate) async fn retry(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::RetryTransactionRequest {
            gid: gid.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().retry_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn park(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::ParkTransactionRequest {
            gid: gid.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().park_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn resume(&self, gid: &str) -> Result<pb::Transaction, Status> {
        let request = pb::ResumeTransactionRequest {
            gid: gid.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().resume_transaction(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }

    pub(crate) async fn force(&self, gid: &str, branch: &str) -> Result<pb::Transaction, Status> {
        let request = pb::ForceBranchRequest {
            gid: gid.into(),
            branch_id: branch.into(),
            reason: "a test".into(),
        };
        let answer = self.admin.clone().force_branch(request).await?;
        Ok(answer.into_inner().transaction.unwrap())
    }
}

/// A branch of the action `act`, with a payload of its own.
pub(crate) fn branch(id: &str, participant: &str) -> pb::Branch {
    branch_of(id, participant, "act")
}

/// A branch of that action.
pub(crate) fn branch_of(id: &str, participant: &str, action: &str) -> pb::Branch {
    pb::Branch {
        id: id.into(),
        participant: participant.into(),
        action: action.into(),
        payload: Some(pb::branch::Payload::Message("payload".into())),
    }
}

/// A one-call transaction that waits for its end.
pub(crate) fn execute(gid: &str, branches: Vec<pb::Branch>) -> pb::ExecuteTransactionRequest {
    pb::ExecuteTransactionRequest {
        gid: gid.into(),
        branches,
        options: None,
        wait_for: pb::WaitFor::Completion.into(),
    }
}

/// The same, over one branch at `p`.
pub(crate) fn one(gid: &str) -> pb::ExecuteTransactionRequest {
    execute(gid, vec![branch("1", "p")])
}

/// Options with one thing changed.
pub(crate) fn options(change: impl FnOnce(&mut pb::TransactionOptions)) -> pb::TransactionOptions {
    let mut options = pb::TransactionOptions::default();
    change(&mut options);
    options
}

pub(crate) fn plain() -> pb::TransactionOptions {
    pb::TransactionOptions::default()
}

pub(crate) fn sequential() -> pb::TransactionOptions {
    options(|it| it.try_order = pb::TryOrder::Sequential.into())
}

pub(crate) fn duration(millis: u64) -> prost_types::Duration {
    Duration::from_millis(millis).try_into().unwrap()
}

/// `id STATE` of each branch.
pub(crate) fn states(transaction: &pb::Transaction) -> Vec<String> {
    let line = |branch: &pb::BranchStatus| {
        let state = branch.state().as_str_name();
        format!(
            "{} {}",
            branch.id,
            state.trim_start_matches("BRANCH_STATE_")
        )
    };
    transaction.branches.iter().map(line).collect()
}
