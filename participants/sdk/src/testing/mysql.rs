//! The tests that are the same on every database, on MySQL or MariaDB: a database of its own on a test server.

use tercet_database::mysql::{Options, connect};
use tercet_database::{DatabaseUrl, MySqlUrl};
use tercet_test_databases::Server;

pub(crate) use crate::mysql::{Connection, Database, Db};

#[path = "dialect/mysql/queries.rs"]
mod dialect;
#[path = "hot_wallet.rs"]
mod hot_wallet;
#[path = "queries.rs"]
pub(crate) mod queries;
#[path = "wallet.rs"]
mod wallet;
pub(crate) use hot_wallet::{HotSpend, WalletTable};
pub(crate) use wallet::{Fixture, Notice, Saga, Spend};

#[path = "faults.rs"]
mod faults;
#[path = "rows_read.rs"]
mod rows_read;

#[path = "../fence/engine/tests.rs"]
mod engine_tests;
#[path = "../fence_service/tests.rs"]
mod fence_service_tests;
#[path = "../hot/tests/mod.rs"]
mod hot_tests;
#[path = "../outbox/tests/mod.rs"]
mod outbox_tests;
#[path = "../resolver/tests.rs"]
mod resolver_tests;

/// Where a test's database is.
pub(crate) struct Place {
    url: MySqlUrl,
    text: String,
}

impl Place {
    /// None where no server can be had.
    pub(crate) async fn new() -> Option<Self> {
        let text = Server::shared().await?.database("participant").await;
        let DatabaseUrl::MySql(url) = DatabaseUrl::parse(&text).unwrap() else {
            panic!("{text}");
        };
        let place = Self { url, text };
        let database = place.open().await;
        let own = super::migrations(&[dialect::WALLET]);
        crate::mysql::schema("test", &own)
            .ensure(&database)
            .await
            .unwrap();
        database.close().await;
        Some(place)
    }

    /// Its url.
    pub(crate) fn url(&self) -> &str {
        &self.text
    }

    pub(crate) async fn open(&self) -> Database {
        connect(&Options::new(self.url.clone())).await.unwrap()
    }
}
