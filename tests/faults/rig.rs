//! A shop whose databases are on a MariaDB server of its own, which may be killed, frozen, filled up and cut off.

use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};
use tempfile::TempDir;
use tercet_checker::Service;
use tercet_test_databases::{Options, PrivateServer};
use tercet_test_proxy::Proxy;

use crate::harness::databases::Databases;
use crate::harness::shop::Shop;
use crate::harness::{patiently, until};
use crate::load::plan;
use crate::seed::Seed;
use crate::world::{World, moment};

/// Retries that don't make a test wait, and a server that is silent for 2 s is given up.
const SETTINGS: &str =
    "[retry]\nmax = \"500ms\"\n[cluster]\ntake_over_after = \"6s\"\nbeat_every = \"1s\"\n";

/// Whether the processes reach the server directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    Direct,
    ThroughAProxy,
}

/// The shop, and the server behind it. The processes go before the server does.
pub(crate) struct Rig {
    pub(crate) world: World,
    proxy: Option<Proxy>,
    pub(crate) server: PrivateServer,
}

impl Rig {
    /// Everything up and seeded. None, after one line, where no server can be had.
    pub(crate) async fn start(options: Options, path: Path) -> Option<Self> {
        Self::start_with(options, path, Vec::new()).await
    }

    /// The same with variables for the coordinator.
    pub(crate) async fn start_with(
        options: Options,
        path: Path,
        coordinator_env: Vec<String>,
    ) -> Option<Self> {
        let server = PrivateServer::get(options).await?;
        let folder = TempDir::new().unwrap();
        let mut databases = Databases::on(&server, folder.path()).await;
        let mut proxy = None;
        if path == Path::ThroughAProxy {
            let started = Proxy::start(server.address()).await;
            databases = databases.through(&server, &started.address().to_string());
            proxy = Some(started);
        }
        let mut shop = Shop::down_with(folder, databases, "1s", SETTINGS);
        shop.coordinator_env = coordinator_env;
        shop.up().await;
        let world = World::of(shop);
        world.seed().await;
        Some(Self {
            world,
            proxy,
            server,
        })
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("it was started through a proxy")
    }

    /// Loads the shop, does `harm` meanwhile, and checks everything when all is over.
    pub(crate) async fn under_load(
        &mut self,
        seed: &mut Seed,
        name: &str,
        deals: usize,
        harm: impl AsyncFnOnce(&mut Self, &mut Seed),
    ) {
        // It becomes part of ids, which have no space.
        let prefix = format!(
            "{}-{}",
            seed.number,
            name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
        );
        let since = self.world.answers.count();
        let load = self.world.load(plan(seed, &prefix, deals));
        patiently("the first answers", self.world.answers.reach(since, 5)).await;
        harm(self, seed).await;
        load.finished().await;
        println!("{name}: {}", self.world.check().await);
    }

    /// An administrator's connection, past any proxy.
    pub(crate) async fn administrator(&self) -> MySqlConnection {
        self.server.connect().await.unwrap()
    }

    /// The name of the coordinator's database.
    pub(crate) fn log_name(&self) -> String {
        let url = self.world.shop.databases.url(Service::Coordinator);
        url.rsplit('/').next().unwrap().to_owned()
    }

    /// Runs one statement as the administrator.
    pub(crate) async fn sql(&self, statement: &str) {
        self.server.run([statement.to_owned()]).await;
    }
}

/// Runs a statement of a test's own making.
pub(crate) async fn run(connection: &mut MySqlConnection, statement: String) -> sqlx::Result<()> {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    connection.execute(statement).await.map(|_| ())
}

/// Waits until a query gives something.
pub(crate) async fn found<T>(what: &str, connection: &mut MySqlConnection, query: String) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::MySql> + sqlx::Type<sqlx::MySql> + Send + Unpin,
{
    let connection = tokio::sync::Mutex::new(connection);
    until(what, || async {
        let mut connection = connection.lock().await;
        let found = sqlx::query_scalar(AssertSqlSafe(query.clone()))
            .persistent(false)
            .fetch_optional(&mut **connection);
        let found = found.await.unwrap();
        if found.is_none() {
            // InnoDB shows its transactions as they were when it was last left in peace for 100 ms.
            moment(120).await;
        }
        found
    })
    .await
}
