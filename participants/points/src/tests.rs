//! The points service over real gRPC on a real database. After every step the account equals the sums of its ledger.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::points::v1::spend_points_service_client::SpendPointsServiceClient;
use tercet_proto::shop::points::v1::{
    Account, GetAccountRequest, LedgerEntry, LedgerKind, ListLedgerRequest, SeedAccountRequest,
    SpendPointsRequest,
};
use tercet_service::{Drain, Endpoint};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::super::home::Home;

const USER: &str = "ann";

/// A running service on a database of its own, and a connection to it.
struct Shop {
    home: Home,
    running: RunningParticipant,
    channel: Channel,
}

impl Shop {
    async fn open() -> Self {
        let shop = Self::at(Home::new().await).await;
        let request = SeedAccountRequest {
            user_id: USER.to_owned(),
            points: 100,
        };
        let seeded = shop.api().seed_account(request).await.unwrap().into_inner();
        assert!(seeded.created);
        shop
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

    async fn spend(
        &self,
        phase: Phase,
        branch: &str,
        request: SpendPointsRequest,
    ) -> Result<(i64, i64), Status> {
        let mut client = SpendPointsServiceClient::new(self.channel.clone());
        let deadline = now_micros() + micros(Duration::from_secs(30));
        let mut request = Request::new(request);
        BranchContext::new(BranchKey::new("g", branch).unwrap(), phase, deadline)
            .write_to(request.metadata_mut());
        match phase {
            Phase::Try => {
                let reply = client.r#try(request).await?.into_inner();
                Ok((reply.available, reply.frozen))
            }
            Phase::Confirm => client.confirm(request).await.map(|_| (0, 0)),
            Phase::Cancel => client.cancel(request).await.map(|_| (0, 0)),
        }
    }

    async fn ledger(&self) -> Vec<LedgerEntry> {
        let request = ListLedgerRequest {
            user_id: USER.to_owned(),
            ..Default::default()
        };
        self.api()
            .list_ledger(request)
            .await
            .unwrap()
            .into_inner()
            .entries
    }

    /// available and frozen, checked against the ledger.
    async fn balance(&self) -> (i64, i64) {
        let request = GetAccountRequest {
            user_id: USER.to_owned(),
        };
        let account = self
            .api()
            .get_account(request)
            .await
            .unwrap()
            .into_inner()
            .account
            .unwrap();
        let Account {
            available, frozen, ..
        } = account;
        let sums = self
            .ledger()
            .await
            .iter()
            .fold((0, 0), |(available, frozen), entry| {
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
}

fn points(points: i64, order_ref: &str) -> SpendPointsRequest {
    SpendPointsRequest {
        user_id: USER.to_owned(),
        points,
        order_ref: order_ref.to_owned(),
        ..Default::default()
    }
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

#[tokio::test]
async fn points_are_frozen_then_spent_once() {
    let shop = Shop::open().await;
    for _ in 0..2 {
        assert_eq!(
            shop.spend(Phase::Try, "a", points(30, "o1")).await.unwrap(),
            (70, 30)
        );
    }
    assert_eq!(shop.balance().await, (70, 30));
    for _ in 0..2 {
        shop.spend(Phase::Confirm, "a", points(30, "o1"))
            .await
            .unwrap();
    }
    assert_eq!(shop.balance().await, (70, 0));
    let kinds: Vec<_> = shop.ledger().await.iter().map(LedgerEntry::kind).collect();
    assert_eq!(
        kinds,
        [LedgerKind::Spend, LedgerKind::Freeze, LedgerKind::Seed]
    );
}

#[tokio::test]
async fn points_come_back_once_when_cancelled() {
    let shop = Shop::open().await;
    shop.spend(Phase::Try, "a", points(100, "o1"))
        .await
        .unwrap();
    for _ in 0..2 {
        shop.spend(Phase::Cancel, "a", points(100, "o1"))
            .await
            .unwrap();
    }
    assert_eq!(shop.balance().await, (100, 0));
    // A cancel that comes before its try leaves no trace in the account.
    shop.spend(Phase::Cancel, "b", points(5, "o2"))
        .await
        .unwrap();
    let late = shop
        .spend(Phase::Try, "b", points(5, "o2"))
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY");
    assert_eq!(shop.balance().await, (100, 0));
}

#[tokio::test]
async fn refusals_say_why_and_leave_nothing() {
    let shop = Shop::open().await;
    let stranger = SpendPointsRequest {
        user_id: "bob".to_owned(),
        ..points(1, "o")
    };
    for (request, code, word) in [
        (
            points(101, "o"),
            Code::FailedPrecondition,
            "NOT_ENOUGH_POINTS",
        ),
        (stranger, Code::NotFound, "UNKNOWN_ACCOUNT"),
        (points(0, "o"), Code::InvalidArgument, "INVALID_SPEND"),
        (points(-1, "o"), Code::InvalidArgument, "INVALID_SPEND"),
        (
            points(i64::MAX, "o"),
            Code::InvalidArgument,
            "INVALID_SPEND",
        ),
        (points(1, ""), Code::InvalidArgument, "INVALID_SPEND"),
    ] {
        let status = shop
            .spend(Phase::Try, "b", request.clone())
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (code, word),
            "{request:?}"
        );
    }
    assert_eq!(shop.balance().await, (100, 0));
    assert_eq!(shop.ledger().await.len(), 1);
}

#[tokio::test]
async fn an_orders_points_are_taken_by_one_branch_only() {
    let shop = Shop::open().await;
    shop.spend(Phase::Try, "a", points(10, "o1")).await.unwrap();

    let second = shop
        .spend(Phase::Try, "b", points(10, "o1"))
        .await
        .unwrap_err();

    assert_eq!(
        (second.code(), reason(&second).as_str()),
        (Code::AlreadyExists, "DUPLICATE_SPEND")
    );
    assert_eq!(shop.balance().await, (90, 10));
}

#[tokio::test]
async fn frozen_points_survive_a_death() {
    let shop = Shop::open().await;
    shop.spend(Phase::Try, "a", points(40, "o1")).await.unwrap();
    shop.running.abort().await;

    let shop = Shop::at(shop.home).await;

    assert_eq!(shop.balance().await, (60, 40));
    shop.spend(Phase::Confirm, "a", points(40, "o1"))
        .await
        .unwrap();
    assert_eq!(shop.balance().await, (60, 0));
}

#[tokio::test]
async fn the_ledger_is_listed_by_page_and_seeding_twice_changes_nothing() {
    let shop = Shop::open().await;
    let again = SeedAccountRequest {
        user_id: USER.to_owned(),
        points: 7,
    };
    let again = shop.api().seed_account(again).await.unwrap().into_inner();
    assert_eq!(
        (again.created, again.account.unwrap().available),
        (false, 100)
    );
    for order in ["o1", "o2", "o3"] {
        shop.spend(Phase::Try, order, points(1, order))
            .await
            .unwrap();
    }
    let (mut orders, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListLedgerRequest {
            user_id: USER.to_owned(),
            page_size: 3,
            page_token: token,
        };
        let page = shop.api().list_ledger(request).await.unwrap().into_inner();
        orders.extend(page.entries.into_iter().map(|entry| entry.order_ref));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((orders.join(","), pages), ("o3,o2,o1,".to_owned(), 2));
    let bad = ListLedgerRequest {
        user_id: USER.to_owned(),
        page_token: "x".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        shop.api().list_ledger(bad).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}
