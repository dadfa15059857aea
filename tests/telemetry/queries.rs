//! What the tests count in the databases, beside the servers.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};

const BY_STATE: &str = "SELECT state, COUNT(*) FROM global_transaction GROUP BY state";
const TIMES: &str = "SELECT COALESCE(SUM(ended_at - begun_at), 0), COALESCE(SUM(decided_at - begun_at), 0) \
                     FROM global_transaction WHERE state = ?";
const VERSIONS: &str = "SELECT SUM(version) FROM global_transaction";
const WAITING: &str = "SELECT COUNT(*) FROM global_transaction \
                       WHERE ended_at IS NULL AND decided_at IS NOT NULL AND participants LIKE '% ' || ? || ' %'";
const PAUSED: &str = "SELECT COUNT(*) FROM participant_pause WHERE participant = ?";
const SESSIONS: &str = "SELECT COUNT(*) FROM session WHERE fenced = 0";
const OPEN_SINCE: &str = "SELECT MIN(begun_at) FROM global_transaction WHERE ended_at IS NULL";
const FLAGGED: &str = "SELECT COUNT(*) FROM global_transaction WHERE attention_since IS NOT NULL AND ended_at IS NULL";
const PARKED: &str =
    "SELECT COUNT(*) FROM global_transaction WHERE parked = 1 AND ended_at IS NULL";
const BATCHES: &str = "SELECT appended FROM session ORDER BY id DESC LIMIT 1";

const FENCE: &str = "SELECT service, state, COUNT(*) FROM tercet_fence GROUP BY service, state";
const OUTBOX: &str = "SELECT state, COUNT(*) FROM tercet_outbox GROUP BY state";
const OUTBOX_ATTEMPTS: &str = "SELECT COALESCE(SUM(attempts), 0) FROM tercet_outbox";

/// What a server has run by kind, since it was started.
const RUN: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN \
                   ('Com_select', 'Com_update', 'Com_insert', 'Com_delete', 'Com_replace', 'Com_commit')";
const BEATS: &str = "SELECT MAX(beat) FROM session";

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

/// All the time that transactions took, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From begin to end.
    pub(crate) to_end: i64,
    /// From begin to decision.
    pub(crate) to_decision: i64,
}

/// The times of the transactions in an end state.
pub(crate) async fn times(log: &Path, state: i64) -> Times {
    let mut connection = open(log).await;
    let (to_end, to_decision) = sqlx::query_as(TIMES)
        .bind(state)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    Times {
        to_end,
        to_decision,
    }
}

/// How often rows were written: each has a version that began with 1.
pub(crate) async fn versions(log: &Path) -> i64 {
    number(log, VERSIONS).await.unwrap()
}

/// Coordinators that aren't fenced.
pub(crate) async fn sessions(log: &Path) -> i64 {
    number(log, SESSIONS).await.unwrap()
}

async fn number_of(file: &Path, query: &'static str, name: &str) -> i64 {
    let mut connection = open(file).await;
    let found = sqlx::query_scalar(query)
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    found
}

/// Decided transactions that haven't ended and name that participant.
pub(crate) async fn waiting(log: &Path, participant: &str) -> i64 {
    number_of(log, WAITING, participant).await
}

/// 1 if that participant is paused.
pub(crate) async fn paused(log: &Path, participant: &str) -> i64 {
    number_of(log, PAUSED, participant).await
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

/// Fence rows by service and the number of their state.
pub(crate) async fn fence(database: &Path) -> BTreeMap<String, BTreeMap<i64, i64>> {
    let mut connection = open(database).await;
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(FENCE)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut services: BTreeMap<String, BTreeMap<i64, i64>> = BTreeMap::new();
    for (service, state, count) in rows {
        services.entry(service).or_default().insert(state, count);
    }
    services
}

/// Messages of an outbox by the number of their state: 1 waiting, 2 sent, 4 needs attention.
pub(crate) async fn outbox(database: &Path) -> BTreeMap<i64, i64> {
    pairs(database, OUTBOX).await
}

/// How often sending was begun, in total.
pub(crate) async fn outbox_attempts(database: &Path) -> i64 {
    number(database, OUTBOX_ATTEMPTS).await.unwrap()
}

/// Statements that a server has run since it was started, by kind.
pub(crate) async fn statements(server: &mut MySqlConnection) -> BTreeMap<String, i64> {
    let rows: Vec<(String, String)> = sqlx::query_as(RUN).fetch_all(server).await.unwrap();
    rows.into_iter()
        .map(|(kind, count)| (kind, count.parse().unwrap()))
        .collect()
}

/// How often the coordinator on that log has raised its beat.
pub(crate) async fn beats(log: &mut MySqlConnection) -> i64 {
    sqlx::query_scalar(BEATS).fetch_one(log).await.unwrap()
}
