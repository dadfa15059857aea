//! A file that the first version has written is refused, upgraded, and served with everything that was in it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sqlx::migrate::Migrator;
use tercet_database::SchemaState;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::points::v1::{
    ListLedgerRequest, ListOrderPointsRequest, SeedAccountRequest,
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
    let old = database::open(&database::schema("points", &first), home.location())
        .await
        .unwrap();
    for statement in [
        "insert into account (user_id, available, frozen) values ('ann', 60, 10)",
        "insert into ledger (user_id, order_ref, kind, number, available_delta, frozen_delta, created_at) \
         values ('ann', null, 1, 0, 100, 0, 1), ('ann', 'o1', 2, 0, -30, 30, 2), ('ann', 'o1', 3, 0, 0, -30, 3), \
         ('ann', 'o2', 2, 0, -10, 10, 4)",
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
    let mut api = PointsServiceClient::connect(running.addresses().grpc_url())
        .await
        .unwrap();
    // What was spent can be refunded.
    let page = api
        .list_order_points(ListOrderPointsRequest::default())
        .await
        .unwrap();
    let rows = page.into_inner().orders;
    assert_eq!(rows.len(), 1, "frozen isn't spent: {rows:?}");
    assert_eq!(
        (rows[0].order_no.as_str(), rows[0].user_id.as_str()),
        ("o1", "ann")
    );
    assert_eq!(
        [rows[0].spent, rows[0].refunding, rows[0].refunded],
        [30, 0, 0]
    );
    // The ledger is as it was, and goes on after its last number.
    let seed = SeedAccountRequest {
        user_id: "bob".to_owned(),
        points: 1,
    };
    api.seed_account(seed).await.unwrap();
    for (user_id, ids) in [("ann", &[4, 3, 2, 1][..]), ("bob", &[5])] {
        let request = ListLedgerRequest {
            user_id: user_id.to_owned(),
            ..Default::default()
        };
        let entries = api.list_ledger(request).await.unwrap().into_inner().entries;
        let found: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(found, ids, "{entries:?}");
        assert!(entries.iter().all(|entry| entry.entry_no.is_empty()));
    }
    running.abort().await;
}
