//! The order service over real gRPC on a real database, with a stand-in for the coordinator that calls nobody: the
//! tests call the actions themselves, as the coordinator would.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod campaigns;
mod closing;
mod handover;
mod machine;
mod paying;
mod placing;
mod placing_again;
mod queue;
mod refunds;
mod retention;
mod rows_read;
mod watching;

use std::time::Duration;

use tercet_client::fake::Fake;
use tercet_client::proto::{
    BranchState, BranchStatus, CallError, CancelCause, CancelReason, Transaction, TransactionState,
};
use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::order::v1::create_order_service_client::CreateOrderServiceClient;
use tercet_proto::shop::order::v1::get_order_request::Key;
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{
    CreateOrderRequest, GetOrderRequest, Order, PlaceOrderRequest, PlaceOrderResponse,
};
use tercet_service::Drain;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;

use super::super::home::Home;
use super::desk::owned;
use super::{Database, database, queries, schema};
use crate::OrderConfig;
use crate::order::Standing;

/// A running service on a database of its own, its stand-in coordinator, and a connection to it.
struct Shop {
    home: Home,
    running: Option<RunningParticipant>,
    coordinator: Fake,
    channel: Channel,
}

impl Shop {
    /// None where this database can't be had.
    async fn open() -> Option<Self> {
        let home = Home::new().await?;
        let coordinator = Fake::start().await;
        let nowhere = Channel::from_static("http://127.0.0.1:1").connect_lazy();
        let mut shop = Self {
            home,
            running: None,
            coordinator,
            channel: nowhere,
        };
        shop.start().await;
        Some(shop)
    }

    async fn start(&mut self) {
        self.start_with(|_| {}).await;
    }

    async fn start_with(&mut self, edit: impl FnOnce(&mut OrderConfig)) {
        let endpoint = self.coordinator.endpoint().parse().unwrap();
        let config = ParticipantConfig::embedded(self.home.url(), vec![endpoint]);
        let mut config = OrderConfig::from(config);
        edit(&mut config);
        let running = crate::serve(&config, Drain::new()).await.unwrap();
        self.channel = Channel::from_shared(running.addresses().grpc_url())
            .unwrap()
            .connect_lazy();
        self.running = Some(running);
    }

    /// Dies as a killed process does.
    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort().await;
        }
    }

    fn api(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.channel.clone())
    }

    async fn place(&self, request: PlaceOrderRequest) -> Result<PlaceOrderResponse, Status> {
        self.api()
            .place_order(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Calls `order.create` for the transaction that `request_id` makes.
    async fn create(&self, phase: Phase, request_id: &str) -> Result<String, Status> {
        self.create_in(phase, &format!("order-{request_id}"), request_id)
            .await
    }

    async fn create_in(&self, phase: Phase, gid: &str, request_id: &str) -> Result<String, Status> {
        let PlaceOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..
        } = submission(request_id);
        let message = CreateOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..CreateOrderRequest::default()
        };
        self.call(phase, gid, message).await
    }

    async fn call(
        &self,
        phase: Phase,
        gid: &str,
        message: CreateOrderRequest,
    ) -> Result<String, Status> {
        let mut client = CreateOrderServiceClient::new(self.channel.clone());
        let deadline = now_micros() + micros(Duration::from_secs(30));
        let mut request = Request::new(message);
        BranchContext::new(BranchKey::new(gid, "order").unwrap(), phase, deadline)
            .write_to(request.metadata_mut());
        match phase {
            Phase::Try => client
                .r#try(request)
                .await
                .map(|reply| reply.into_inner().order_no),
            Phase::Confirm => client.confirm(request).await.map(|_| String::new()),
            Phase::Cancel => client.cancel(request).await.map(|_| String::new()),
        }
    }

    /// The service's own database, opened once more.
    async fn database(&self) -> Database {
        database::open(&schema(), self.home.location())
            .await
            .unwrap()
    }

    /// An order that is placed, by its number.
    async fn placed(&self, request_id: &str) -> String {
        let order_no = self.create(Phase::Try, request_id).await.unwrap();
        self.create(Phase::Confirm, request_id).await.unwrap();
        order_no
    }

    /// Brings an order where a test wants it, past all rules.
    async fn force(&self, order_no: &str, edit: impl FnOnce(&mut Standing)) {
        let database = self.database().await;
        force(&database, order_no, edit).await;
        database.close().await;
    }

    async fn get(&self, key: Key) -> Result<Order, Status> {
        let answer = self
            .api()
            .get_order(GetOrderRequest {
                key: Some(key),
                ..GetOrderRequest::default()
            })
            .await?;
        Ok(answer.into_inner().order.unwrap())
    }
}

async fn force(database: &Database, order_no: &str, edit: impl FnOnce(&mut Standing)) {
    let mut transaction = database.begin().await.unwrap();
    let order = owned(&mut transaction, order_no, None).await.unwrap();
    let mut after = order.standing.clone();
    edit(&mut after);
    let shifted = queries::shift(&mut transaction, &order, &after, now_micros()).await;
    assert!(shifted.unwrap());
    transaction.commit().await.unwrap();
}

fn submission(request_id: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: request_id.to_owned(),
        user_id: "ann".to_owned(),
        sku: "tea".to_owned(),
        quantity: 2,
        points_to_spend: 10,
        ..PlaceOrderRequest::default()
    }
}

/// A transaction that was cancelled because a branch was refused.
fn refused(gid: &str, participant: &str, reason: &str) -> Transaction {
    Transaction {
        gid: gid.to_owned(),
        state: TransactionState::Cancelled.into(),
        branches: vec![BranchStatus {
            id: participant.to_owned(),
            participant: participant.to_owned(),
            state: BranchState::Refused.into(),
            ..BranchStatus::default()
        }],
        cancel_cause: Some(CancelCause {
            reason: CancelReason::Refused.into(),
            branch_id: participant.to_owned(),
            error: Some(CallError {
                code: 9,
                reason: reason.to_owned(),
                message: "no".to_owned(),
            }),
            note: String::new(),
        }),
        ..Transaction::default()
    }
}

/// Polls for something that happens by itself.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(Duration::from_mins(1), seen).await;
    seen.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
