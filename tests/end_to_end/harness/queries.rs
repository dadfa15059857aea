//! What the tests read from the database files, beside the processes that own them.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

async fn coordinator(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("coordinator.db"))
        .read_only(true);
    options.disable_statement_logging().connect().await.unwrap()
}

/// The version of a transaction's row: how often it was written.
pub(crate) async fn version(folder: &Path, gid: &str) -> i64 {
    let mut connection = coordinator(folder).await;
    let version = sqlx::query_scalar("SELECT version FROM global_transaction WHERE gid = ?")
        .bind(gid)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    version
}

/// How many transactions the log holds.
pub(crate) async fn transactions(folder: &Path) -> i64 {
    let mut connection = coordinator(folder).await;
    let count = sqlx::query_scalar("SELECT count(*) FROM global_transaction")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    count
}
