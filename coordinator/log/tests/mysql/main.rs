//! What holds for a log on a server alone: connections that break at the worst moment, servers that go and come back,
//! sessions that meet, and what the statements read at a million rows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod cuts;
mod outages;
mod sessions;
mod versions;

use std::time::Duration;

use common::beds::OnMySql;
use common::transactions::{at, trying};
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection as _, MySql};
use tercet_database::MySqlUrl;
use tercet_database::mysql::{Options, Use, connection};
use tercet_log::mysql::MySqlStore;
use tercet_log::{Entry, Fencing, Lane, LogError, SharedLog, TransactionLog, Verdict};

/// Short times, so that a test of silence doesn't wait long.
fn options(url: &MySqlUrl) -> Options {
    Options {
        acquire_timeout: Duration::from_secs(3),
        lock_wait: Duration::from_secs(1),
        client_timeout: Duration::from_secs(1),
        ..Options::new(url.clone())
    }
}

async fn store(url: &MySqlUrl) -> MySqlStore {
    MySqlStore::open(&options(url), 2, "http://one:7400", at(1))
        .await
        .unwrap()
}

/// The same database on another address.
fn through(url: &MySqlUrl, address: std::net::SocketAddr) -> MySqlUrl {
    // In the open, so that the proxy can aim.
    let text = format!(
        "mysql://root@{address}/{}?ssl-mode=disabled",
        url.database()
    );
    MySqlUrl::parse(&text).unwrap()
}

fn begins(names: &[&str]) -> Vec<Entry> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
        .iter()
        .map(|name| Entry::begin(&trying(name, 1, &["stock"])))
        .collect()
}

async fn written(store: &MySqlStore, names: &[&str]) {
    assert_eq!(
        store.write(Lane(0), &begins(names)).await.unwrap(),
        vec![Verdict::Written; names.len()]
    );
}

/// The database, behind the store's back.
async fn behind(url: &MySqlUrl) -> MySqlConnection {
    connection(&Options::new(url.clone()), Use::Writing)
        .await
        .unwrap()
}

async fn number(connection: &mut MySqlConnection, statement: &'static str) -> i64 {
    sqlx::query_scalar::<MySql, i64>(statement)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Fences `other` as it stands there.
async fn fence(survivor: &MySqlStore, other: &MySqlStore) -> Result<Fencing, LogError> {
    let id = other.session().id;
    let sessions = survivor.sessions().await?;
    let beat = sessions
        .iter()
        .find(|session| session.id == id)
        .unwrap()
        .beat;
    survivor.fence(id, beat).await
}

async fn transactions(url: &MySqlUrl) -> i64 {
    let mut connection = behind(url).await;
    let count = number(&mut connection, "SELECT COUNT(*) FROM global_transaction").await;
    connection.close().await.unwrap();
    count
}
