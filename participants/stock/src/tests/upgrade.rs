//! A file that the first version has written is refused, upgraded, and served with everything that was in it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sqlx::migrate::Migrator;
use tercet_database::SchemaState;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{
    ListOrderStockRequest, ListSkuSumsRequest, ListSkusRequest, Sku,
};
use tercet_service::{Drain, Endpoint};

use super::home::Home;
use super::{OWN, database};

/// The first version's newest migration.
const FIRST: i64 = 20_261_121_000_100;

async fn serve(home: &Home) -> Result<RunningParticipant, StartError> {
    let nobody = vec![Endpoint::http("127.0.0.1", 1)];
    crate::serve(
        &ParticipantConfig::embedded(home.url(), nobody),
        Drain::new(),
    )
    .await
}

#[tokio::test]
async fn a_file_of_the_first_version_is_upgraded() {
    let Some(home) = Home::new().await else {
        return;
    };
    let first = OWN.iter().filter(|migration| migration.version <= FIRST);
    let first = Migrator::with_migrations(first.cloned().collect());
    let old = database::open(&database::schema("stock", &first), home.location())
        .await
        .unwrap();
    for statement in [
        "insert into sku (sku, available, reserved, held, sold, version) values ('tea', 4, 3, 2, 1, 9)",
        "insert into sku (sku, available, reserved, held, sold, version) values ('gold', 5, 0, 0, 0, 1)",
        "insert into restock (restock_id, sku, quantity, created_at) values ('d1', 'tea', 10, 1)",
        "insert into notice (gid, branch, subject, text, created_at) values ('g', 'b', 's', 't', 1)",
    ] {
        sqlx::query(statement).execute(old.writer()).await.unwrap();
    }
    old.close().await;

    let refused = serve(&home).await.unwrap_err().to_string();
    assert!(refused.contains("tercet migrate"), "{refused}");
    let before = crate::migrate(&home.url()).await.unwrap();
    assert_eq!(before, SchemaState::Older { found: FIRST });
    assert_eq!(
        crate::migrate(&home.url()).await.unwrap(),
        SchemaState::Current
    );

    let running = serve(&home).await.unwrap();
    let mut api = StockServiceClient::connect(running.addresses().grpc_url())
        .await
        .unwrap();
    let page = api
        .list_skus(ListSkusRequest::default())
        .await
        .unwrap()
        .into_inner();
    let sku = |sku: &str, [available, reserved, held, sold]: [i64; 4]| Sku {
        sku: sku.to_owned(),
        available,
        reserved,
        held,
        sold,
    };
    assert_eq!(
        page.skus,
        [sku("gold", [5, 0, 0, 0]), sku("tea", [4, 3, 2, 1])]
    );
    // What was held and sold belongs to no order in particular, and can be released and returned so.
    let page = api
        .list_order_stock(ListOrderStockRequest::default())
        .await
        .unwrap();
    let rows = page.into_inner().orders;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!((row.order_no.as_str(), row.sku.as_str()), ("", "tea"));
    assert_eq!([row.held, row.moving, row.sold], [2, 0, 1]);
    // Its ten delivered pieces were all that it ever had.
    let page = api.list_sku_sums(ListSkuSumsRequest::default()).await;
    let sums: Vec<_> = page
        .unwrap()
        .into_inner()
        .sums
        .iter()
        .map(|row| {
            [
                row.delivered,
                row.orders_held,
                row.orders_moving,
                row.orders_sold,
            ]
        })
        .collect();
    assert_eq!(sums, [[5, 0, 0, 0], [10, 2, 0, 1]]);
    running.abort().await;
}
