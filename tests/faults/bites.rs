//! Whether the final check would see it: what must never be is written into the databases on a server by hand, and the
//! checker has to name it. (`tests/checker` does the same, and more, with files.)

use sqlx::{Connection as _, Executor as _, MySqlConnection};
use tercet_checker::{Expected, Rule, Service, check_places};

use crate::load::{PLENTY, SCARCE, plan};
use crate::seed::Seed;
use crate::world::World;

/// One after the other, each with the rule that it breaks.
const PLANTED: [(Service, &str, Rule); 5] = [
    (
        Service::Stock,
        "UPDATE sku SET available = available + 1 WHERE sku = 'tea'",
        Rule::StockSum,
    ),
    (
        Service::Points,
        "UPDATE account SET available = available + 1 WHERE user_id = 'ann'",
        Rule::PointsSum,
    ),
    (
        Service::Stock,
        "UPDATE tercet_fence SET state = 1 WHERE state = 2 ORDER BY gid LIMIT 1",
        Rule::LeftTried,
    ),
    (
        Service::Coordinator,
        "DELETE FROM global_transaction WHERE state = 3 ORDER BY gid LIMIT 1",
        Rule::Orphan,
    ),
    (
        Service::Coordinator,
        "UPDATE global_transaction SET state = 1, decided_at = NULL, ended_at = NULL WHERE state = 3 \
         ORDER BY gid LIMIT 1",
        Rule::Unfinished,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_must_never_be_is_found_in_databases_on_a_server() {
    let mut seed = Seed::new("planted");
    let world = World::start().await;
    let prefix = seed.number.to_string();
    world.load(plan(&mut seed, &prefix, 40)).finished().await;
    world.check().await;
    let databases = &world.shop.databases;
    let expected = Expected::settled()
        .seeded(PLENTY.0, PLENTY.1)
        .seeded(SCARCE.0, SCARCE.1);
    for (service, statement, rule) in PLANTED {
        let mut connection = MySqlConnection::connect(databases.url(service))
            .await
            .unwrap();
        let planted = connection.execute(statement).await.unwrap();
        assert_eq!(planted.rows_affected(), 1, "{statement}");
        connection.close().await.unwrap();
        let report = check_places(databases.places(), &expected).await.unwrap();
        let is_found = report.violations.iter().any(|found| found.rule == rule);
        assert!(is_found, "{statement}: no {}:\n{report}", rule.name());
    }
}
