//! The tests that are the same on every database, on MySQL or MariaDB: a database of its own on a test server.

use tercet_database::mysql::{Options, connect};
use tercet_database::{DatabaseUrl, MySqlUrl};

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

#[path = "../fence/engine/tests.rs"]
mod engine_tests;
#[path = "../hot/tests/mod.rs"]
mod hot_tests;
#[path = "../resolver/tests.rs"]
mod resolver_tests;

/// Where a test's database is; gone with it.
pub(crate) struct Place {
    url: MySqlUrl,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let url = std::env::var("TERCET_TEST_MYSQL_URL").unwrap();
        let DatabaseUrl::MySql(root) = DatabaseUrl::parse(&url).unwrap() else {
            panic!()
        };
        let name = format!("t{}_{}", std::process::id(), rand::random::<u32>());
        let database = connect(&Options::new(root)).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(database.writer())
            .await
            .unwrap();
        database.close().await;
        let DatabaseUrl::MySql(url) =
            DatabaseUrl::parse(&url.replace("/mysql", &format!("/{name}"))).unwrap()
        else {
            panic!()
        };
        let place = Self { url };
        let database = place.open().await;
        let own = super::migrations(&[dialect::WALLET]);
        crate::mysql::schema("test", &own)
            .ensure(&database)
            .await
            .unwrap();
        database.close().await;
        place
    }

    pub(crate) async fn open(&self) -> Database {
        connect(&Options::new(self.url.clone())).await.unwrap()
    }
}
