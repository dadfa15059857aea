//! The stores that are held to one suite, each with a way to crash and to be taken over.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::transactions::at;
use async_trait::async_trait;
use tercet_database::MySqlUrl;
use tercet_database::mysql::Options;
use tercet_log::mysql::MySqlStore;
use tercet_log::sqlite::SqliteStore;
use tercet_log::{MemoryDisk, MemoryStore, SharedLog, TransactionLog};
use tercet_test_databases::{Galera, Server};
use tokio::sync::OnceCell;

pub type Store = Arc<dyn TransactionLog>;

/// What a store is kept in; it outlives the process.
#[async_trait]
pub trait Bed: Send + Sync {
    /// A start after the process before has ended, however it ended.
    async fn open(&self) -> Store;

    /// A start while the process before still believes itself to be alive.
    async fn take_over(&self) -> Store;
}

/// What several stores are open on at the same time.
#[async_trait]
pub trait SharedBed: Send + Sync {
    /// A start beside whoever else is there, of a process that others reach at `endpoint`.
    async fn beside(&self, endpoint: &str) -> Store;
}

#[derive(Default)]
pub struct InMemory(MemoryDisk);

#[async_trait]
impl SharedBed for InMemory {
    async fn beside(&self, endpoint: &str) -> Store {
        Arc::new(MemoryStore::open_beside(&self.0, endpoint, at(1)))
    }
}

#[async_trait]
impl SharedBed for OnMySql {
    async fn beside(&self, endpoint: &str) -> Store {
        let options = Options::new(self.0.clone());
        Arc::new(
            MySqlStore::open(&options, 1, endpoint, at(1))
                .await
                .unwrap(),
        )
    }
}

#[async_trait]
impl Bed for InMemory {
    async fn open(&self) -> Store {
        Arc::new(MemoryStore::open(&self.0, "http://memory:7400"))
    }

    async fn take_over(&self) -> Store {
        self.open().await
    }
}

/// A database of its own on a server.
pub struct OnMySql(pub MySqlUrl);

impl OnMySql {
    /// None where there is no server to be had.
    pub async fn fresh() -> Option<Self> {
        let url = Server::shared().await?.database("log").await;
        Some(Self(MySqlUrl::parse(&url).unwrap()))
    }

    pub async fn store(&self) -> MySqlStore {
        MySqlStore::open(&Options::new(self.0.clone()), 1, "http://mysql:7400", at(1))
            .await
            .unwrap()
    }
}

#[async_trait]
impl Bed for OnMySql {
    /// Whoever was there before is fenced, and what it has left open is adopted.
    async fn open(&self) -> Store {
        let store = self.store().await;
        for other in store.sessions().await.unwrap() {
            if other.id != store.session().id {
                store.fence(other.id, other.beat).await.unwrap();
                while store.adopt(other.id, 100).await.unwrap().has_more {}
            }
        }
        Arc::new(store)
    }

    async fn take_over(&self) -> Store {
        self.open().await
    }
}

/// A database of its own on a Galera cluster, where each start is on another node than the one before.
pub struct OnGalera {
    nodes: Vec<MySqlUrl>,
    next: AtomicUsize,
}

impl OnGalera {
    /// None where there is no cluster to be had.
    pub async fn fresh() -> Option<Self> {
        static SHARED: OnceCell<Option<Galera>> = OnceCell::const_new();
        let cluster = SHARED.get_or_init(Galera::get).await.as_ref()?;
        let urls = cluster.database("log").await;
        let nodes = urls.iter().map(|url| MySqlUrl::parse(url).unwrap());
        Some(Self {
            nodes: nodes.collect(),
            next: AtomicUsize::new(0),
        })
    }

    fn node(&self) -> OnMySql {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        OnMySql(self.nodes[next % self.nodes.len()].clone())
    }
}

#[async_trait]
impl Bed for OnGalera {
    async fn open(&self) -> Store {
        self.node().open().await
    }

    async fn take_over(&self) -> Store {
        self.open().await
    }
}

#[async_trait]
impl SharedBed for OnGalera {
    async fn beside(&self, endpoint: &str) -> Store {
        self.node().beside(endpoint).await
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
