//! What the tests count in the databases, beside the servers.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

const BY_STATE: &str = "SELECT state, COUNT(*) FROM global_transaction GROUP BY state";
const DURATIONS: &str = "SELECT SUM(ended_at - begun_at) FROM global_transaction WHERE state = ?";
const OPEN_SINCE: &str = "SELECT MIN(begun_at) FROM global_transaction WHERE ended_at IS NULL";
const FLAGGED: &str = "SELECT COUNT(*) FROM global_transaction WHERE attention_since IS NOT NULL AND ended_at IS NULL";
const PARKED: &str =
    "SELECT COUNT(*) FROM global_transaction WHERE parked = 1 AND ended_at IS NULL";
const BATCHES: &str = "SELECT appended FROM session ORDER BY id DESC LIMIT 1";

const FENCE: &str = "SELECT state, COUNT(*) FROM tercet_fence WHERE service = ? GROUP BY state";

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    options.disable_statement_logging().connect().await.unwrap()
}

async fn pairs(file: &Path, query: &'static str) -> BTreeMap<i64, i64> {
    let mut connection = open(file).await;
    let rows: Vec<(i64, i64)> = sqlx::query_as(query)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows.into_iter().collect()
}

async fn number(file: &Path, query: &'static str) -> Option<i64> {
    let mut connection = open(file).await;
    let found = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    found
}

/// Transactions of a coordinator's log by the number of their state.
pub(crate) async fn by_state(log: &Path) -> BTreeMap<i64, i64> {
    pairs(log, BY_STATE).await
}

/// All the time from begin to end of the transactions in an end state, in microseconds.
pub(crate) async fn durations(log: &Path, state: i64) -> i64 {
    let mut connection = open(log).await;
    let sum: Option<i64> = sqlx::query_scalar(DURATIONS)
        .bind(state)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    sum.unwrap_or(0)
}

/// When the oldest open transaction was begun, in microseconds since 1970 UTC.
pub(crate) async fn open_since(log: &Path) -> Option<i64> {
    number(log, OPEN_SINCE).await
}

/// Open transactions that need attention.
pub(crate) async fn flagged(log: &Path) -> i64 {
    number(log, FLAGGED).await.unwrap()
}

/// Open transactions that are parked.
pub(crate) async fn parked(log: &Path) -> i64 {
    number(log, PARKED).await.unwrap()
}

/// Batches of the log's last session that were written.
pub(crate) async fn batches(log: &Path) -> i64 {
    number(log, BATCHES).await.unwrap()
}

/// Fence rows of an action's service by the number of their state.
pub(crate) async fn fence(database: &Path, service: &str) -> BTreeMap<i64, i64> {
    let mut connection = open(database).await;
    let rows: Vec<(i64, i64)> = sqlx::query_as(FENCE)
        .bind(service)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows.into_iter().collect()
}
