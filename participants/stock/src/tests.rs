//! The stock service over real gRPC on a real database: what each verb does to the sums, what is refused and how.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::stock::v1::notify_service_client::NotifyServiceClient;
use tercet_proto::shop::stock::v1::reserve_stock_service_client::ReserveStockServiceClient;
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{
    GetSkuRequest, ListSkusRequest, NotifyRequest, ReserveStockRequest, RestockRequest,
    SeedSkuRequest, Sku,
};
use tercet_proto::tercet::v1::fence_service_client::FenceServiceClient;
use tercet_proto::tercet::v1::{FenceState, ListBranchesRequest};
use tercet_service::{Drain, Endpoint};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::super::home::Home;
use super::queries;

mod death;

/// A running service on a database of its own, and a connection to it.
struct Shop {
    home: Home,
    running: RunningParticipant,
    channel: Channel,
}

fn config(home: &Home) -> ParticipantConfig {
    // Nobody listens on port 1: the service must do without its coordinator.
    ParticipantConfig::embedded(home.url(), vec![Endpoint::http("127.0.0.1", 1)])
}

impl Shop {
    async fn open() -> Self {
        Self::at(Home::new().await).await
    }

    async fn at(home: Home) -> Self {
        let running = crate::serve(&config(&home), Drain::new()).await.unwrap();
        let channel = Channel::from_shared(running.addresses().grpc_url())
            .unwrap()
            .connect_lazy();
        Self {
            home,
            running,
            channel,
        }
    }

    /// Dies, and comes back with its database.
    async fn killed_and_restarted(self) -> Self {
        self.running.abort().await;
        Self::at(self.home).await
    }

    async fn reserve(
        &self,
        phase: Phase,
        branch: &str,
        sku: &str,
        quantity: i64,
    ) -> Result<i64, Status> {
        let mut client = ReserveStockServiceClient::new(self.channel.clone());
        let request = call(
            phase,
            branch,
            ReserveStockRequest {
                sku: sku.to_owned(),
                quantity,
                ..Default::default()
            },
        );
        match phase {
            Phase::Try => client
                .r#try(request)
                .await
                .map(|reply| reply.into_inner().remaining),
            Phase::Confirm => client.confirm(request).await.map(|_| 0),
            Phase::Cancel => client.cancel(request).await.map(|_| 0),
        }
    }

    fn api(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(self.channel.clone())
    }

    async fn seed(&self, sku: &str, quantity: i64) -> bool {
        let request = SeedSkuRequest {
            sku: sku.to_owned(),
            quantity,
        };
        self.api()
            .seed_sku(request)
            .await
            .unwrap()
            .into_inner()
            .created
    }

    /// available, reserved, held, sold.
    async fn stock(&self, sku: &str) -> [i64; 4] {
        let request = GetSkuRequest {
            sku: sku.to_owned(),
        };
        let Sku {
            available,
            reserved,
            held,
            sold,
            ..
        } = self
            .api()
            .get_sku(request)
            .await
            .unwrap()
            .into_inner()
            .sku
            .unwrap();
        [available, reserved, held, sold]
    }
}

fn call<T>(phase: Phase, branch: &str, message: T) -> Request<T> {
    let deadline = now_micros() + micros(Duration::from_secs(30));
    let mut request = Request::new(message);
    BranchContext::new(BranchKey::new("g", branch).unwrap(), phase, deadline)
        .write_to(request.metadata_mut());
    request
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

#[tokio::test]
async fn a_reservation_moves_pieces_and_never_loses_one() {
    let shop = Shop::open().await;
    assert!(shop.seed("tea", 10).await);
    assert!(
        !shop.seed("tea", 99).await,
        "a SKU that is there stays as it is"
    );

    assert_eq!(shop.reserve(Phase::Try, "a", "tea", 3).await.unwrap(), 7);
    assert_eq!(shop.stock("tea").await, [7, 3, 0, 0]);
    assert_eq!(
        shop.reserve(Phase::Try, "a", "tea", 3).await.unwrap(),
        7,
        "the first reply"
    );
    shop.reserve(Phase::Confirm, "a", "tea", 3).await.unwrap();
    shop.reserve(Phase::Confirm, "a", "tea", 3).await.unwrap();
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);

    shop.reserve(Phase::Try, "b", "tea", 7).await.unwrap();
    assert_eq!(shop.stock("tea").await, [0, 7, 3, 0]);
    shop.reserve(Phase::Cancel, "b", "tea", 7).await.unwrap();
    shop.reserve(Phase::Cancel, "b", "tea", 7).await.unwrap();
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);
}

#[tokio::test]
async fn refusals_say_why_and_leave_nothing() {
    let shop = Shop::open().await;
    shop.seed("tea", 2).await;
    for (sku, quantity, code, word) in [
        ("tea", 3, Code::FailedPrecondition, "OUT_OF_STOCK"),
        ("gold", 1, Code::NotFound, "UNKNOWN_SKU"),
        ("tea", 0, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("tea", -1, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("tea", 1001, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("", 1, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("té", 1, Code::InvalidArgument, "INVALID_RESERVATION"),
    ] {
        let status = shop
            .reserve(Phase::Try, "b", sku, quantity)
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (code, word),
            "{quantity} of {sku:?}"
        );
    }
    assert_eq!(shop.stock("tea").await, [2, 0, 0, 0]);
    // No row was left: the same branch can still be tried.
    shop.reserve(Phase::Try, "b", "tea", 2).await.unwrap();
}

#[tokio::test]
async fn many_reservations_at_once_sell_no_more_than_there_is() {
    let shop = Shop::open().await;
    shop.seed("tea", 5).await;
    let calls = (0..20).map(|number| {
        let branch = format!("b{number}");
        let shop = &shop;
        async move { shop.reserve(Phase::Try, &branch, "tea", 1).await.is_ok() }
    });
    let calls = futures::future::join_all(calls).await;
    assert_eq!(
        calls.into_iter().filter(|is_reserved| *is_reserved).count(),
        5
    );
    assert_eq!(shop.stock("tea").await, [0, 5, 0, 0]);
}

#[tokio::test]
async fn a_notice_is_written_once() {
    let shop = Shop::open().await;
    let mut client = NotifyServiceClient::new(shop.channel.clone());
    let notice = NotifyRequest {
        subject: "order-1".to_owned(),
        text: "paid".to_owned(),
    };
    for _ in 0..2 {
        client
            .confirm(call(Phase::Confirm, "n", notice.clone()))
            .await
            .unwrap();
    }
    let long = NotifyRequest {
        text: "x".repeat(1001),
        ..notice
    };
    let status = client
        .confirm(call(Phase::Confirm, "m", long))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "INVALID_NOTICE");

    let database = super::database::open(&super::schema(), shop.home.location())
        .await
        .unwrap();
    let mut connection = database.reader().acquire().await.unwrap();
    let notices = queries::notices(&mut connection).await.unwrap();
    assert_eq!(notices, [("order-1".to_owned(), "paid".to_owned())]);
}

#[tokio::test]
async fn a_delivery_is_added_once() {
    let shop = Shop::open().await;
    shop.seed("tea", 1).await;
    let delivery = |sku: &str, quantity, id: &str| RestockRequest {
        sku: sku.to_owned(),
        quantity,
        restock_id: id.to_owned(),
    };
    for _ in 0..2 {
        let added = shop.api().restock(delivery("tea", 5, "d1")).await.unwrap();
        assert_eq!(added.into_inner().sku.unwrap().available, 6);
    }
    for (request, code) in [
        (delivery("tea", 6, "d1"), Code::InvalidArgument),
        (delivery("gold", 5, "d2"), Code::NotFound),
        (delivery("tea", 0, "d3"), Code::InvalidArgument),
        (delivery("tea", 5, ""), Code::InvalidArgument),
    ] {
        let status = shop.api().restock(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?}");
    }
    assert_eq!(shop.stock("tea").await, [6, 0, 0, 0]);
}

#[tokio::test]
async fn skus_are_listed_by_page() {
    let shop = Shop::open().await;
    for sku in ["c", "a", "e", "b", "d"] {
        shop.seed(sku, 1).await;
    }
    let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListSkusRequest {
            page_size: 2,
            page_token: token,
        };
        let page = shop.api().list_skus(request).await.unwrap().into_inner();
        names.extend(page.skus.into_iter().map(|sku| sku.sku));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((names.concat().as_str(), pages), ("abcde", 3));
    let request = ListSkusRequest {
        page_size: -1,
        page_token: String::new(),
    };
    assert_eq!(
        shop.api().list_skus(request).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let unknown = GetSkuRequest {
        sku: "z".to_owned(),
    };
    assert_eq!(
        shop.api().get_sku(unknown).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn calls_that_arent_the_contracts_are_refused_by_key() {
    let shop = Shop::open().await;
    let mut client = ReserveStockServiceClient::new(shop.channel.clone());
    let message = ReserveStockRequest {
        sku: "tea".to_owned(),
        quantity: 1,
        ..Default::default()
    };

    let bare = client.r#try(message.clone()).await.unwrap_err();
    assert_eq!(bare.code(), Code::InvalidArgument);
    assert!(
        bare.message().contains("tercet-gid is missing"),
        "{}",
        bare.message()
    );

    let mixed = client
        .confirm(call(Phase::Try, "b", message))
        .await
        .unwrap_err();
    assert_eq!(mixed.code(), Code::InvalidArgument);
    assert!(
        mixed.message().contains("tercet-phase says try"),
        "{}",
        mixed.message()
    );
}

#[tokio::test]
async fn the_fence_can_be_read_by_reconciliation() {
    let shop = Shop::open().await;
    shop.seed("tea", 10).await;
    for branch in ["a", "b", "c"] {
        shop.reserve(Phase::Try, branch, "tea", 1).await.unwrap();
    }
    shop.reserve(Phase::Confirm, "a", "tea", 1).await.unwrap();
    let mut client = FenceServiceClient::new(shop.channel.clone());

    let tried = ListBranchesRequest {
        states: vec![FenceState::Tried.into()],
        page_size: 1,
        ..Default::default()
    };
    let first = client
        .list_branches(tried.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.branches[0].branch_id, "b");
    assert_eq!(first.branches[0].action, crate::RESERVE);
    let rest = ListBranchesRequest {
        page_token: first.next_page_token,
        page_size: 9,
        ..tried
    };
    let rest = client.list_branches(rest).await.unwrap().into_inner();
    let ids: Vec<_> = rest
        .branches
        .iter()
        .map(|branch| branch.branch_id.as_str())
        .collect();
    assert_eq!(
        (ids.as_slice(), rest.next_page_token.as_str()),
        (&["c"][..], "")
    );
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_and_nothing_else() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let shop = Shop::open().await;
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let answers = ServerReflectionClient::new(shop.channel.clone())
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let mut names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    names.retain(|name| !name.starts_with("grpc."));
    names.sort_unstable();
    assert_eq!(
        names,
        [
            crate::NOTIFY,
            crate::RELEASE,
            crate::RESERVE,
            crate::RETURN,
            crate::SELL,
            "shop.stock.v1.StockService",
            "tercet.v1.FenceService"
        ]
    );
}
