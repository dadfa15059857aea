//! A coordinator with two participants that answer as the test says, and a browser on its console.

use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{
    AuditRecord, BeginTransactionRequest, Branch, ExecuteTransactionRequest, GetTransactionRequest,
    ListAuditRecordsRequest, Transaction, TransactionOptions, branch,
};
use tonic::Status;
use tonic::transport::Channel;

use crate::chromium::{Browser, Look, Page};
use crate::harness::databases::Databases;
use crate::harness::process::Server;
use crate::harness::scripted::Scripted;
use crate::harness::shop::{channel, coordinator_file, free_port, participant};
use crate::harness::until;

/// How a participant answers confirms and cancels. A try is always done.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    Well,
    Failing(Status),
}

/// A participant that answers by a rule.
pub(crate) struct Rule {
    mood: Arc<Mutex<Mood>>,
    pub(crate) address: String,
}

impl Rule {
    async fn start() -> Self {
        let scripted = Scripted::start().await;
        let address = scripted.address.to_string();
        let mood = Arc::new(Mutex::new(Mood::Well));
        let now = Arc::clone(&mood);
        tokio::spawn(async move {
            while let Some(call) = scripted.some_day().await {
                let mood = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match mood {
                    Mood::Failing(status) if call.phase() != "try" => call.fail(status),
                    Mood::Failing(_) | Mood::Well => call.done(),
                }
            }
        });
        Self { mood, address }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// As one whose process is gone for those who ask.
    pub(crate) fn fail(&self) {
        self.set(Mood::Failing(Status::unavailable(
            "the database of stock can't be reached",
        )));
    }
}

/// Everything that a test of the console needs.
pub(crate) struct World {
    _folder: TempDir,
    port: u16,
    pub(crate) browser: Browser,
    pub(crate) coordinator: Server,
    pub(crate) stock: Rule,
}

/// Retries that come soon, and stop after some.
const RETRY: &str = "[retry]\ninitial = \"50ms\"\nmax = \"200ms\"\nmax_attempts = 4\n";
/// Retries that go on, and leave time to be looked at.
pub(crate) const SLOW: &str = "[retry]\ninitial = \"100ms\"\nmax = \"60s\"\n";

impl World {
    /// None where no browser can be had.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(RETRY).await
    }

    /// The same with what is to stand in the coordinator's file.
    pub(crate) async fn with(more: &str) -> Option<Self> {
        let browser = Browser::start().await?;
        let (stock, points) = (Rule::start().await, Rule::start().await);
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let table = |name, rule: &Rule, actions| participant(name, &rule.address, "30s", actions);
        let participants = [
            table("points", &points, "spend = \"shop.points.v1.SpendService\""),
            table(
                "stock",
                &stock,
                "reserve = \"shop.stock.v1.ReserveService\"",
            ),
            more.to_owned(),
        ];
        let databases = Databases::new(folder.path()).await;
        coordinator_file(folder.path(), port, &databases, &participants.concat());
        let arguments = ["serve", "--config", "coordinator.toml"];
        let coordinator = Server::start(&arguments, folder.path()).await;
        Some(Self {
            _folder: folder,
            port,
            browser,
            coordinator,
            stock,
        })
    }

    /// Where the console is.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.coordinator.http)
    }

    /// A page of the console.
    pub(crate) async fn open(&self, look: Look, path: &str) -> Page {
        let page = self.browser.page(look).await;
        page.open(&format!("{}{path}", self.origin())).await;
        page
    }

    fn channel(&self) -> Channel {
        channel(&format!("127.0.0.1:{}", self.port))
    }

    pub(crate) fn transactions(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(self.channel())
    }

    /// An order of two branches, executed.
    pub(crate) async fn execute(&self, gid: &str, order: &str) -> Transaction {
        let request = ExecuteTransactionRequest {
            gid: gid.into(),
            branches: vec![
                one_branch("1", "points", "spend"),
                one_branch("2", "stock", "reserve"),
            ],
            options: Some(options(order)),
            ..ExecuteTransactionRequest::default()
        };
        let answer = self.transactions().execute_transaction(request).await;
        answer.unwrap().into_inner().transaction.unwrap()
    }

    /// One that its initiator leaves undecided.
    pub(crate) async fn begin(&self, gid: &str, order: &str) {
        let request = BeginTransactionRequest {
            gid: gid.into(),
            options: Some(TransactionOptions {
                try_timeout: Some(prost_types::Duration {
                    seconds: 3_600,
                    nanos: 0,
                }),
                ..options(order)
            }),
        };
        self.transactions()
            .begin_transaction(request)
            .await
            .unwrap();
    }

    pub(crate) async fn get(&self, gid: &str) -> Transaction {
        let request = GetTransactionRequest { gid: gid.into() };
        let answer = self.transactions().get_transaction(request).await;
        answer.unwrap().into_inner().transaction.unwrap()
    }

    /// Waits until a transaction has come that far.
    pub(crate) async fn until(
        &self,
        what: &str,
        gid: &str,
        is: impl Fn(&Transaction) -> bool,
    ) -> Transaction {
        until(what, || async {
            let transaction = self.get(gid).await;
            is(&transaction).then_some(transaction)
        })
        .await
    }

    /// One whose second branch is parked, since stock fails.
    pub(crate) async fn parked(&self, gid: &str, order: &str) {
        self.stock.fail();
        self.execute(gid, order).await;
        self.until("it to be parked", gid, is_parked).await;
    }

    /// What people have done to a transaction, or all that they have done; newest first.
    pub(crate) async fn audit(&self, gid: &str) -> Vec<AuditRecord> {
        let request = ListAuditRecordsRequest {
            gid: gid.into(),
            ..ListAuditRecordsRequest::default()
        };
        let mut admin = AdminServiceClient::new(self.channel());
        let answer = admin.list_audit_records(request).await;
        answer.unwrap().into_inner().records
    }
}

pub(crate) fn is_parked(transaction: &Transaction) -> bool {
    transaction.attention.as_ref().is_some_and(|it| it.parked)
}

fn options(order: &str) -> TransactionOptions {
    TransactionOptions {
        labels: [("order_no".to_owned(), order.to_owned())].into(),
        ..TransactionOptions::default()
    }
}

fn one_branch(id: &str, participant: &str, action: &str) -> Branch {
    Branch {
        id: id.into(),
        participant: participant.into(),
        action: action.into(),
        payload: Some(branch::Payload::Message("secret-payload".into())),
    }
}
