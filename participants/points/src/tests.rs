//! The points service over real gRPC on a real database. After every step the account equals the sums of its ledger.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::points::v1::grant_points_service_client::GrantPointsServiceClient;
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::points::v1::refund_points_service_client::RefundPointsServiceClient;
use tercet_proto::shop::points::v1::spend_points_service_client::SpendPointsServiceClient;
use tercet_proto::shop::points::v1::{
    Account, GetAccountRequest, GrantPointsRequest, LedgerEntry, LedgerKind,
    ListAccountSumsRequest, ListLedgerRequest, ListOrderPointsRequest, OrderPoints,
    RefundPointsRequest, SeedAccountRequest, SpendPointsRequest,
};
use tercet_service::{Drain, Endpoint};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::super::home::Home;

mod constraints;
mod grant;
mod listing;
mod model;
mod races;
mod refund;
mod spend;

const USER: &str = "ann";

/// A running service on a database of its own, and a connection to it.
struct Shop {
    home: Home,
    running: RunningParticipant,
    channel: Channel,
}

impl Shop {
    /// With an account of 100 points. None where this database can't be had.
    async fn open() -> Option<Self> {
        let shop = Self::at(Home::new().await?).await;
        assert!(shop.seed(USER, 100).await);
        Some(shop)
    }

    async fn at(home: Home) -> Self {
        // Nobody listens on port 1: the service must do without its coordinator.
        let config = ParticipantConfig::embedded(home.url(), vec![Endpoint::http("127.0.0.1", 1)]);
        let running = crate::serve(&config, Drain::new()).await.unwrap();
        let channel = Channel::from_shared(running.addresses().grpc_url())
            .unwrap()
            .connect_lazy();
        Self {
            home,
            running,
            channel,
        }
    }

    fn api(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(self.channel.clone())
    }

    async fn seed(&self, user_id: &str, points: i64) -> bool {
        let request = SeedAccountRequest {
            user_id: user_id.to_owned(),
            points,
        };
        let seeded = self.api().seed_account(request).await.unwrap();
        seeded.into_inner().created
    }

    async fn spend(
        &self,
        phase: Phase,
        branch: &str,
        request: SpendPointsRequest,
    ) -> Result<(i64, i64), Status> {
        let mut client = SpendPointsServiceClient::new(self.channel.clone());
        let request = call(phase, branch, request);
        match phase {
            Phase::Try => {
                let reply = client.r#try(request).await?.into_inner();
                Ok((reply.available, reply.frozen))
            }
            Phase::Confirm => client.confirm(request).await.map(|_| (0, 0)),
            Phase::Cancel => client.cancel(request).await.map(|_| (0, 0)),
        }
    }

    /// A try and its confirm.
    async fn spent(&self, branch: &str, request: SpendPointsRequest) {
        self.spend(Phase::Try, branch, request.clone())
            .await
            .unwrap();
        self.spend(Phase::Confirm, branch, request).await.unwrap();
    }

    async fn refund(
        &self,
        phase: Phase,
        branch: &str,
        request: RefundPointsRequest,
    ) -> Result<i64, Status> {
        let mut client = RefundPointsServiceClient::new(self.channel.clone());
        let request = call(phase, branch, request);
        match phase {
            Phase::Try => client
                .r#try(request)
                .await
                .map(|reply| reply.into_inner().refundable),
            Phase::Confirm => client.confirm(request).await.map(|_| 0),
            Phase::Cancel => client.cancel(request).await.map(|_| 0),
        }
    }

    async fn grant(&self, branch: &str, request: GrantPointsRequest) -> Result<(), Status> {
        let mut client = GrantPointsServiceClient::new(self.channel.clone());
        let request = call(Phase::Confirm, branch, request);
        client.confirm(request).await.map(|_| ())
    }

    async fn ledger(&self) -> Vec<LedgerEntry> {
        self.ledger_of(USER).await
    }

    async fn ledger_of(&self, user_id: &str) -> Vec<LedgerEntry> {
        let (mut entries, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListLedgerRequest {
                user_id: user_id.to_owned(),
                page_size: 500,
                page_token: token,
            };
            let page = self.api().list_ledger(request).await.unwrap().into_inner();
            entries.extend(page.entries);
            token = page.next_page_token;
            if token.is_empty() {
                return entries;
            }
        }
    }

    async fn balance(&self) -> (i64, i64) {
        self.balance_of(USER).await
    }

    /// available and frozen, checked against the ledger.
    async fn balance_of(&self, user_id: &str) -> (i64, i64) {
        let request = GetAccountRequest {
            user_id: user_id.to_owned(),
        };
        let account = self.api().get_account(request).await.unwrap();
        let Account {
            available, frozen, ..
        } = account.into_inner().account.unwrap();
        let ledger = self.ledger_of(user_id).await;
        let sums = ledger.iter().fold((0, 0), |(available, frozen), entry| {
            (
                available + entry.available_delta,
                frozen + entry.frozen_delta,
            )
        });
        assert_eq!(
            (available, frozen),
            sums,
            "the account is the sum of its ledger"
        );
        (available, frozen)
    }

    /// spent, refunding, refunded of [`USER`] for an order.
    async fn order(&self, order_no: &str) -> [i64; 3] {
        let request = ListOrderPointsRequest {
            order_no: order_no.to_owned(),
            ..Default::default()
        };
        let page = self.api().list_order_points(request).await.unwrap();
        match page.into_inner().orders.as_slice() {
            [] => [0, 0, 0],
            [
                OrderPoints {
                    spent,
                    refunding,
                    refunded,
                    ..
                },
            ] => [*spent, *refunding, *refunded],
            rows => panic!("{rows:?}"),
        }
    }
}

fn call<T>(phase: Phase, branch: &str, message: T) -> Request<T> {
    let deadline = now_micros() + micros(Duration::from_secs(30));
    let mut request = Request::new(message);
    BranchContext::new(BranchKey::new("g", branch).unwrap(), phase, deadline)
        .write_to(request.metadata_mut());
    request
}

/// A spend by the older key.
fn points(points: i64, order_ref: &str) -> SpendPointsRequest {
    SpendPointsRequest {
        user_id: USER.to_owned(),
        points,
        order_ref: order_ref.to_owned(),
        ..Default::default()
    }
}

/// A spend for an order.
fn payment(points: i64, order_no: &str, spend_no: &str) -> SpendPointsRequest {
    SpendPointsRequest {
        user_id: USER.to_owned(),
        points,
        order_no: order_no.to_owned(),
        spend_no: spend_no.to_owned(),
        ..Default::default()
    }
}

fn refund(points: i64, order_no: &str, refund_no: &str) -> RefundPointsRequest {
    RefundPointsRequest {
        account_id: USER.to_owned(),
        order_no: order_no.to_owned(),
        refund_no: refund_no.to_owned(),
        points,
    }
}

fn grant(points: i64, order_no: &str) -> GrantPointsRequest {
    GrantPointsRequest {
        account_id: USER.to_owned(),
        order_no: order_no.to_owned(),
        points,
    }
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// The seed of a random test, printed so that it can be run again.
fn seed() -> u64 {
    let seed = std::env::var("TERCET_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("TERCET_TEST_SEED={seed}");
    seed
}
