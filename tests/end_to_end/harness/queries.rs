//! What the tests read from the coordinator's database, beside the process that owns it.

use std::path::Path;

use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

const VERSION: &str = "SELECT version FROM global_transaction WHERE gid = ?";
const COUNT: &str = "SELECT COUNT(*) FROM global_transaction";

/// A connection to the database that the coordinator's file names.
enum Log {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
}

impl Log {
    async fn open(folder: &Path) -> Self {
        let file = std::fs::read_to_string(folder.join("coordinator.toml")).unwrap();
        let file: toml::Table = toml::from_str(&file).unwrap();
        let url = file["log"]["url"].as_str().unwrap();
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Self::MySql(MySqlConnection::connect(url).await.unwrap());
        };
        let options = SqliteConnectOptions::new()
            .filename(folder.join(path))
            .read_only(true);
        Self::Sqlite(options.disable_statement_logging().connect().await.unwrap())
    }

    /// The one number that `query` asks for.
    async fn number(self, query: &'static str, gid: Option<&str>) -> i64 {
        match self {
            Self::Sqlite(mut connection) => {
                let mut query = sqlx::query_scalar(query);
                if let Some(gid) = gid {
                    query = query.bind(gid);
                }
                let number = query.fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
            Self::MySql(mut connection) => {
                let mut query = sqlx::query_scalar(query);
                if let Some(gid) = gid {
                    query = query.bind(gid);
                }
                let number = query.fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
        }
    }
}

/// The version of a transaction's row: how often it was written.
pub(crate) async fn version(folder: &Path, gid: &str) -> i64 {
    Log::open(folder).await.number(VERSION, Some(gid)).await
}

/// How many transactions the log holds.
pub(crate) async fn transactions(folder: &Path) -> i64 {
    Log::open(folder).await.number(COUNT, None).await
}
