//! Where the tests of this mounting keep their database: one of its own on a test server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use tercet_database::DatabaseUrl;
use tercet_test_databases::Server;

use super::database::Location;

/// One test's database.
pub(super) struct Home {
    url: DatabaseUrl,
}

impl Home {
    /// Whether the database counts the rows that it reads.
    pub(super) const COUNTS_ROWS: bool = true;

    /// None where no server can be had.
    pub(super) async fn new() -> Option<Self> {
        let url = Server::shared().await?.database("order").await;
        Some(Self {
            url: DatabaseUrl::parse(&url).unwrap(),
        })
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        self.url.clone()
    }

    pub(super) fn location(&self) -> &Location {
        match &self.url {
            DatabaseUrl::MySql(location) => location,
            DatabaseUrl::Sqlite(path) => panic!("{}", path.display()),
        }
    }
}
