//! The stores that are held to one suite, each with a way to crash and to be taken over.

use std::path::PathBuf;
use std::sync::Arc;

use super::transactions::at;
use async_trait::async_trait;
use tercet_log::sqlite::SqliteStore;
use tercet_log::{MemoryDisk, MemoryStore, TransactionLog};

pub type Store = Arc<dyn TransactionLog>;

/// What a store is kept in; it outlives the process.
#[async_trait]
pub trait Bed: Send + Sync {
    /// A start after the process before has ended, however it ended.
    async fn open(&self) -> Store;

    /// A start while the process before still believes itself to be alive.
    async fn take_over(&self) -> Store;
}

#[derive(Default)]
pub struct InMemory(MemoryDisk);

#[async_trait]
impl Bed for InMemory {
    async fn open(&self) -> Store {
        Arc::new(MemoryStore::open(&self.0, "http://memory:7400"))
    }

    async fn take_over(&self) -> Store {
        self.open().await
    }
}

pub struct OnSqlite(tempfile::TempDir);

impl Default for OnSqlite {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl OnSqlite {
    pub fn path(&self) -> PathBuf {
        self.0.path().join("coordinator.db")
    }
}

#[async_trait]
impl Bed for OnSqlite {
    async fn open(&self) -> Store {
        Arc::new(
            SqliteStore::open(self.path(), "http://sqlite:7400", at(1))
                .await
                .unwrap(),
        )
    }

    /// The lock file is what keeps two processes apart; without it they meet at the session's row.
    async fn take_over(&self) -> Store {
        std::fs::remove_file(self.path().with_extension("db.lock")).unwrap();
        self.open().await
    }
}
