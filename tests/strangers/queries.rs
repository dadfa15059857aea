//! What the Python participant has written: its fence, its seats, and its journal of calls.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    options.disable_statement_logging().connect().await.unwrap()
}

/// The state of a branch's fence row.
pub(crate) async fn fence(file: &Path, gid: &str, branch: &str) -> Option<String> {
    let mut connection = open(file).await;
    let state = sqlx::query_scalar("SELECT state FROM fence WHERE gid = ? AND branch = ?")
        .bind(gid)
        .bind(branch)
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    state
}

/// Fence rows that wait for phase two.
pub(crate) async fn tried(file: &Path) -> i64 {
    let mut connection = open(file).await;
    let count = sqlx::query_scalar("SELECT count(*) FROM fence WHERE state = 'tried'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    count
}

/// A seat's state, and how often it was changed.
pub(crate) async fn seat(file: &Path, name: &str) -> (String, i64) {
    let mut connection = open(file).await;
    let seat = sqlx::query_as("SELECT state, moves FROM seat WHERE name = ?")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    seat
}

/// Phase and verdict of each finished call of a transaction, in order.
pub(crate) async fn journal(file: &Path, gid: &str) -> Vec<(String, String)> {
    let mut connection = open(file).await;
    let calls = sqlx::query_as("SELECT phase, verdict FROM journal WHERE gid = ? ORDER BY id")
        .bind(gid)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    calls
}
