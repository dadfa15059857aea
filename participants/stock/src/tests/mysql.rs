//! Where the tests of this mounting keep their database: one of its own on a test server.

use std::sync::atomic::{AtomicU32, Ordering};

use tercet_database::mysql::{Options, connect};
use tercet_database::{DatabaseUrl, MySqlUrl};
use tercet_participant::now_micros;

/// One test's database; gone with it.
pub(super) struct Home {
    url: MySqlUrl,
}

impl Home {
    pub(super) async fn new() -> Self {
        let root =
            std::env::var("TERCET_TEST_MYSQL_URL").expect("TERCET_TEST_MYSQL_URL names a server");
        let parsed = |text: &str| match DatabaseUrl::parse(text).unwrap() {
            DatabaseUrl::MySql(url) => url,
            DatabaseUrl::Sqlite(_) => panic!("{text}"),
        };
        let url = parsed(&root);
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("stock_{}_{number}", now_micros());
        let database = connect(&Options::new(url)).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(database.writer())
            .await
            .unwrap();
        database.close().await;
        let (server, _) = root.rsplit_once('/').unwrap();
        Self {
            url: parsed(&format!("{server}/{name}")),
        }
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::MySql(self.url.clone())
    }

    pub(super) fn location(&self) -> &MySqlUrl {
        &self.url
    }
}
