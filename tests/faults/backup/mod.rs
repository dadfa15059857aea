//! A backup of the coordinator's log, taken while it runs and put back while it doesn't.

mod queries;

use std::path::{Path, PathBuf};

use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tercet_checker::Service;
use tercet_test_databases::Server;

use crate::harness::shop::Shop;

/// A copy of the log.
pub(crate) enum Backup {
    File {
        copy: PathBuf,
        of: PathBuf,
    },
    Tables {
        server: MySqlConnection,
        copy: String,
        of: String,
    },
}

impl Backup {
    /// Copies the log as it is now.
    pub(crate) async fn of(shop: &Shop) -> Self {
        let url = shop.databases.url(Service::Coordinator);
        match url.strip_prefix("sqlite:") {
            Some(name) => Self::of_file(shop.folder.path(), name).await,
            None => Self::of_tables(url).await,
        }
    }

    async fn of_file(folder: &Path, name: &str) -> Self {
        let (of, copy) = (folder.join(name), folder.join("backup.db"));
        let options = SqliteConnectOptions::new().filename(&of);
        let mut file = SqliteConnection::connect_with(&options).await.unwrap();
        let path = copy.to_str().unwrap();
        let query = sqlx::query(queries::COPY_FILE).bind(path);
        query.execute(&mut file).await.unwrap();
        file.close().await.unwrap();
        Self::File { copy, of }
    }

    async fn of_tables(url: &str) -> Self {
        let server = Server::shared().await.expect("the log is on it");
        let copy = database_of(&server.database("backup").await);
        let of = database_of(url);
        let mut server = server.connect().await.unwrap();
        let tables = tables(&mut server, &of).await;
        for table in &tables {
            run(&mut server, queries::create(&copy, &of, table)).await;
        }
        run(&mut server, queries::BEGIN.to_owned()).await;
        for table in &tables {
            run(&mut server, queries::fill(&copy, &of, table)).await;
        }
        run(&mut server, queries::COMMIT.to_owned()).await;
        Self::Tables { server, copy, of }
    }

    /// Puts it back. Nobody may have the log open.
    pub(crate) async fn restore(&mut self) {
        match self {
            Self::File { copy, of } => {
                for rest in ["-wal", "-shm"] {
                    // Gone already where it was closed well.
                    let _ = std::fs::remove_file(format!("{}{rest}", of.display()));
                }
                std::fs::copy(copy, of).unwrap();
            }
            Self::Tables { server, copy, of } => {
                for table in tables(server, copy).await {
                    run(server, queries::clear(of, &table)).await;
                    run(server, queries::fill(of, copy, &table)).await;
                }
            }
        }
    }
}

async fn tables(server: &mut MySqlConnection, database: &str) -> Vec<String> {
    let tables = sqlx::query_scalar(queries::TABLES).bind(database);
    tables.fetch_all(server).await.unwrap()
}

async fn run(server: &mut MySqlConnection, statement: String) {
    // Of names that the tests have made.
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    server.execute(statement).await.unwrap();
}

fn database_of(url: &str) -> String {
    let (_, name) = url.rsplit_once('/').unwrap();
    name.split('?').next().unwrap().to_owned()
}
