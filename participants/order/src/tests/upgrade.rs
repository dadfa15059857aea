//! A database that the first version has written is refused, upgraded, and served with every order that was in it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sqlx::migrate::Migrator;
use tercet_database::SchemaState;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{
    ListOrdersRequest, OrderState, PlaceOrderRequest, ShipOrderRequest,
};
use tercet_service::{Drain, Endpoint};

use super::home::Home;
use super::{OWN, database};

/// The first version's newest migration.
const FIRST: i64 = 20_261_121_000_100;

async fn serve(home: &Home) -> Result<RunningParticipant, String> {
    let nobody = vec![Endpoint::http("127.0.0.1", 1)];
    let config = ParticipantConfig::embedded(home.url(), nobody);
    let served = crate::serve(&config.into(), Drain::new()).await;
    served.map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_orders_of_the_first_version_stay() {
    let Some(home) = Home::new().await else {
        return;
    };
    let first = OWN.iter().filter(|migration| migration.version <= FIRST);
    let first = Migrator::with_migrations(first.cloned().collect());
    let old = database::open(&database::schema("order", &first), home.location())
        .await
        .unwrap();
    for statement in [
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at) values ('A', 'ra', 'order-ra', '1', 'ann', 'tea', 2, 10, 2, 1000000, 2000000)",
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at) values ('B', 'rb', 'order-rb', '1', 'ann', 'tea', 1, 0, 1, 3000000, 3000000)",
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at) values ('C', 'rc', 'order-rc', '1', 'bob', 'tea', 3, 5, 3, 4000000, 5000000)",
    ] {
        sqlx::query(statement).execute(old.writer()).await.unwrap();
    }
    old.close().await;

    let refused = serve(&home).await.unwrap_err();
    assert!(refused.contains("tercet migrate"), "{refused}");
    let before = crate::migrate(&home.url()).await.unwrap();
    assert_eq!(before, SchemaState::Older { found: FIRST });
    let again = crate::migrate(&home.url()).await.unwrap();
    assert_eq!(again, SchemaState::Current);

    let running = serve(&home).await.unwrap();
    let mut api = OrderServiceClient::connect(running.addresses().grpc_url())
        .await
        .unwrap();
    let listed = api.list_orders(ListOrdersRequest::default()).await.unwrap();
    let orders = listed.into_inner().orders;
    let rows: Vec<_> = orders
        .iter()
        .map(|order| {
            let times = [&order.created_at, &order.updated_at];
            let times = times.map(|time| time.as_ref().unwrap().seconds);
            (
                order.order_no.as_str(),
                order.state(),
                order.points_spent,
                times,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("C", OrderState::Cancelled, 0, [4, 5]),
            ("B", OrderState::Pending, 0, [3, 3]),
            ("A", OrderState::Created, 10, [1, 2]),
        ]
    );
    // The same submission is the same order, without anybody's help.
    let placed = api
        .place_order(PlaceOrderRequest {
            request_id: "ra".to_owned(),
            user_id: "ann".to_owned(),
            sku: "tea".to_owned(),
            quantity: 2,
            points_to_spend: 10,
            ..PlaceOrderRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(placed.into_inner().order.as_ref(), orders.last());
    // And what is new is there for it.
    let ship = ShipOrderRequest {
        order_no: "A".to_owned(),
    };
    let early = api.ship_order(ship).await.unwrap_err();
    assert!(early.message().contains("created"), "{early}");
    running.abort().await;
}
