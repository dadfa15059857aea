//! The statements of docs/operations.md, on the databases that it names.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "common/mod.rs"]
mod common;

use common::beds::{Bed as _, OnMySql, OnSqlite, Store};
use common::transactions::{audit, cancelling_with_attention, confirmed, labelled, trying};
use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tercet_log::{Entry, Lane, Verdict};

const DOCUMENT: &str = include_str!("../../../docs/operations.md");
/// The document is empty of statements if there are fewer.
const STATEMENTS_MIN: usize = 10;

/// The statements in blocks that begin with one of `fences`.
fn statements(fences: &[&str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for block in DOCUMENT.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap();
        if fences.contains(&kind) {
            found.extend(
                text.split(';')
                    .map(str::trim)
                    .filter(|text| !text.is_empty()),
            );
        }
    }
    found
}

/// A log with something to be found by each of them.
async fn fill(store: &Store) {
    let waiting = labelled(trying("order-4711", 1, &["stock"]), &[("order_no", "4711")]);
    let parked = cancelling_with_attention(trying("parked", 2, &["stock"]), 3, true);
    let batch = [
        Entry::begin(&confirmed(trying("ended", 1, &["stock"]), 2)),
        Entry::begin(&waiting).with_audit(vec![audit(Some("order-4711"), None, "why")]),
        Entry::begin(&parked),
    ];
    let verdicts = store.write(Lane(0), &batch).await.unwrap();
    assert_eq!(verdicts, vec![Verdict::Written; 3]);
    store.purge(common::transactions::at(0), 1).await.unwrap();
}

#[tokio::test]
async fn every_statement_finds_something_on_sqlite() {
    let bed = OnSqlite::default();
    let store = bed.open().await;
    fill(&store).await;
    let url = format!("sqlite:{}", bed.path().display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let statements = statements(&["sql"]);
    assert!(statements.len() >= STATEMENTS_MIN);
    for statement in statements {
        let rows = sqlx::query(AssertSqlSafe(statement))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(!rows.is_empty(), "{statement}");
    }
}

#[tokio::test]
async fn every_statement_finds_something_on_mariadb() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let store = bed.open().await;
    fill(&store).await;
    let url = bed.0.to_string();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let statements = statements(&["sql", "sql mysql"]);
    assert!(statements.len() >= STATEMENTS_MIN);
    for statement in statements {
        let rows = sqlx::raw_sql(AssertSqlSafe(statement))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(!rows.is_empty(), "{statement}");
    }
    let overview = "SELECT state, CAST(begun_at AS CHAR), labels, coordinator FROM transaction_overview WHERE gid = 'order-4711'";
    let row = sqlx::raw_sql(overview)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let words: Vec<String> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(
        words,
        [
            "TRYING",
            "1970-01-01 00:00:00.000001",
            "order_no=4711",
            "http://mysql:7400"
        ]
    );
}
