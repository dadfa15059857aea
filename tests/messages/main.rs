//! Reliable messages with real processes: a coordinator, a service with an outbox, and a receiver whose every answer the
//! test chooses. What stands on them in one process is in `participants/sdk/src/outbox/tests`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

#[path = "../end_to_end/harness/mod.rs"]
mod harness;

use std::time::Duration;

use sqlx::migrate::Migrator;
use tempfile::TempDir;
use tercet_client::proto::{CancelReason, Transaction, TransactionState};
use tercet_client::{Client, Outcome};
use tercet_participant::outbox::{
    Courier, GrpcCourier, Message, MessageError, MessageState, Outbox, OutboxOptions,
};
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, start};
use tercet_participant::sqlite::{Database, Db, open, schema};
use tercet_participant::{FenceOptions, Participant};
use tercet_service::Drain;

use harness::databases::{Databases, Kind};
use harness::process::Server;
use harness::scripted::Scripted;
use harness::shop::{coordinator_file, free_port, participant};
use harness::until;

/// The service's own database is a file; the coordinator's is, too.
const DATABASES: Kind = Kind::Sqlite;

struct Post {
    folder: TempDir,
    endpoint: String,
    coordinator: Option<Server>,
    receiver: Scripted,
    database: Database,
    outbox: Outbox<Db>,
    client: Client,
    service: Option<RunningParticipant>,
}

impl Post {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let own_port = free_port();
        let endpoint = format!("http://127.0.0.1:{own_port}");
        let own = Migrator::with_migrations(Vec::new());
        let database = open(&schema("shop", &own), &folder.path().join("shop.db"))
            .await
            .unwrap();
        let options = OutboxOptions {
            ask_after: Duration::from_millis(300),
            back_off: Duration::from_millis(20),
            // Workers are dropped in the middle of things here, and nobody wants to wait for that.
            lease: Duration::from_millis(200),
            ..OutboxOptions::new("shop")
        };
        let outbox = Outbox::new(database.clone(), options);
        let client = Client::lazy([endpoint.clone()]).unwrap();
        let mut post = Self {
            folder,
            endpoint,
            coordinator: None,
            receiver: Scripted::start().await,
            database,
            outbox,
            client,
            service: None,
        };
        let address = post.serve().await;
        let receiver = participant(
            "stock",
            &post.receiver.address.to_string(),
            "30s",
            "notify = { service = \"test.v1.NotifyService\", verbs = [\"confirm\"] }",
        );
        let sender = participant("shop", &address, "3s", "");
        let databases = Databases::new(post.folder.path()).await;
        let participants = format!("{receiver}{sender}");
        coordinator_file(post.folder.path(), own_port, &databases, &participants);
        post.coordinate().await;
        post
    }

    async fn coordinate(&mut self) {
        let arguments = ["serve", "--config", "coordinator.toml"];
        self.coordinator = Some(Server::start(&arguments, self.folder.path()).await);
    }

    /// Serves the service, without sending anything by itself.
    async fn serve(&mut self) -> String {
        let url = format!("sqlite:{}", self.folder.path().join("shop.db").display());
        let config =
            ParticipantConfig::embedded(url.parse().unwrap(), vec![self.endpoint.parse().unwrap()]);
        let service = Participant::new(self.database.clone(), FenceOptions::default())
            .initiator(&self.outbox, &self.client);
        let service = start(service, &config, 0, Drain::new()).await.unwrap();
        let address = service.addresses().grpc.to_string();
        self.service = Some(service);
        address
    }

    async fn write(&self, gid: &str) {
        let mut transaction = self.database.begin().await.unwrap();
        self.outbox
            .write(&mut transaction, &message(gid))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }

    /// Runs the workers until `future` is done.
    async fn sending<T>(&self, future: impl Future<Output = T>) -> T {
        let workers = self.outbox.clone().run(self.client.clone());
        tokio::select! {
            () = workers => panic!("the workers ended"),
            done = future => done,
        }
    }

    async fn sent(&self, gid: &str) {
        until("the message to be sent", async || {
            let row = self.outbox.message(gid).await.unwrap()?;
            (row.state == MessageState::Sent).then_some(())
        })
        .await;
    }

    async fn ended(&self, gid: &str, state: TransactionState) -> Transaction {
        until("the transaction to end", async || {
            let outcome = self.client.get(gid).await.ok()?;
            let transaction = outcome.transaction();
            (transaction.state() == state).then(|| transaction.clone())
        })
        .await
    }

    /// The receiver's only call is the message's confirm.
    async fn received(&self, gid: &str) {
        let call = self.receiver.expect("confirm").await;
        assert_eq!(call.path, "/test.v1.NotifyService/Confirm");
        assert_eq!(call.text("tercet-gid"), gid);
        assert_eq!(call.payload, message(gid).payload());
        call.done();
    }
}

fn message(gid: &str) -> Message {
    let says = prost_types::Duration {
        seconds: 42,
        nanos: 0,
    };
    Message::new(gid, "stock", "notify")
        .unwrap()
        .saying(&says)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_once_also_when_the_coordinator_is_down_at_first() {
    let mut post = Post::start().await;
    post.write("now").await;
    post.sending(async {
        post.received("now").await;
        post.sent("now").await;
    })
    .await;
    post.ended("now", TransactionState::Confirmed).await;

    post.coordinator.take().unwrap().kill().await;
    post.write("later").await;
    post.sending(async {
        until("a failed attempt", async || {
            (post.outbox.counts().failed > 0).then_some(())
        })
        .await;
    })
    .await;
    post.coordinate().await;
    post.sending(async {
        post.received("later").await;
        post.sent("later").await;
    })
    .await;

    post.ended("later", TransactionState::Confirmed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_died_after_begin_is_asked_and_its_message_arrives() {
    let post = Post::start().await;
    post.write("m").await;
    let row = post.outbox.message("m").await.unwrap().unwrap();
    let courier = GrpcCourier::new(&post.client, post.outbox.options());
    courier.begin(&row).await.unwrap();

    // Nobody sends: the deadline asks.
    post.received("m").await;
    post.ended("m", TransactionState::Confirmed).await;

    post.sending(post.sent("m")).await;
    let transaction = post.ended("m", TransactionState::Confirmed).await;
    assert_eq!(transaction.branches.len(), 1);
    assert_eq!(transaction.branches[0].attempts, 1, "delivered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_written_is_cancelled_and_cant_be_written_late() {
    let post = Post::start().await;
    let begun = post
        .client
        .begin("m")
        .try_timeout(Duration::from_millis(300))
        .initiator("shop", "tercet.v1.InitiatorService")
        .send()
        .await
        .unwrap();
    assert!(matches!(begun.begun(), Some(Outcome::Undecided(_))));

    let transaction = post.ended("m", TransactionState::Cancelled).await;

    let cause = transaction.cancel_cause.unwrap();
    assert_eq!(cause.reason(), CancelReason::Initiator);
    let mut late = post.database.begin().await.unwrap();
    let error = post.outbox.write(&mut late, &message("m")).await;
    assert!(matches!(error, Err(MessageError::Aborted { .. })));
}
