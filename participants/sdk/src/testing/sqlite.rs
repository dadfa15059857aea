//! The tests that are the same on every database, on SQLite: a file in a temporary folder.

use std::path::PathBuf;

use tercet_database::sqlite::{Options, connect};

pub(crate) use crate::sqlite::{Connection, Database, Db};

#[path = "dialect/sqlite/queries.rs"]
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
#[path = "../fence_service/tests.rs"]
mod fence_service_tests;
#[path = "../hot/tests/mod.rs"]
mod hot_tests;
#[path = "../outbox/tests/mod.rs"]
mod outbox_tests;
#[path = "../resolver/tests.rs"]
mod resolver_tests;

/// Where a test's database is; gone with it.
pub(crate) struct Place {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Place {
    /// There always is one; on a server there may not be.
    pub(crate) async fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.db");
        let place = Self {
            path,
            _folder: folder,
        };
        let database = place.open().await;
        let own = super::migrations(&[dialect::WALLET]);
        crate::sqlite::schema("test", &own)
            .ensure(&database)
            .await
            .unwrap();
        database.close().await;
        Some(place)
    }

    pub(crate) async fn open(&self) -> Database {
        connect(&Options::new(&self.path)).await.unwrap()
    }
}
