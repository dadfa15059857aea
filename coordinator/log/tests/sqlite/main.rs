//! What holds for SQLite alone: the file, its holder, its sessions, and what people see in it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod full_disk;
mod queries;

use std::path::Path;

use common::transactions::{at, audit, confirmed, gid, labelled, trying};
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use tercet_database::Schema;
use tercet_database::sqlite::{Options, connect};
use tercet_log::sqlite::{SqliteStore, schema};
use tercet_log::{
    AuditFilter, BatchError, DatabaseUrl, Entry, Filter, Lane, LogError, OpenError, SchemaState,
    StoreOptions, TransactionLog, Verdict, migrate, open,
};

async fn store(path: &Path) -> SqliteStore {
    SqliteStore::open(path, "http://one:7400", at(1))
        .await
        .unwrap()
}

/// The file, behind the store's back.
async fn file(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path))
        .await
        .unwrap()
}

async fn begin(store: &SqliteStore, names: &[&str]) {
    let batch: Vec<Entry> = names
        .iter()
        .map(|name| Entry::begin(&trying(name, 1, &["stock"])))
        .collect();
    assert_eq!(
        store.write(Lane(0), &batch).await.unwrap(),
        vec![Verdict::Written; names.len()]
    );
}

#[tokio::test]
async fn a_second_coordinator_is_told_who_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/coordinator.db");
    let first = store(&path).await;

    let error = SqliteStore::open(&path, "http://two:7400", at(2))
        .await
        .unwrap_err();

    assert!(matches!(error, OpenError::Held(_)), "{error:?}");
    let line = error.to_string();
    let holder = format!(
        "is held by process {} at http://one:7400",
        std::process::id()
    );
    assert!(line.ends_with(&holder) && !line.contains('\n'), "{line}");
    begin(&first, &["a"]).await;
    drop(first);
    store(&path).await;
}

#[tokio::test]
async fn an_empty_log_is_made_and_an_older_one_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::parse(&format!(
        "sqlite:{}/a/b/coordinator.db",
        folder.path().display()
    ))
    .unwrap();
    assert_eq!(migrate(&url).await.unwrap(), SchemaState::Empty);
    assert_eq!(migrate(&url).await.unwrap(), SchemaState::Current);
    let log = open(&url, "http://one:7400", at(1), &StoreOptions::default())
        .await
        .unwrap();
    assert_eq!(log.session().endpoint, "http://one:7400");
    assert_eq!(
        migrate(&url).await.unwrap(),
        SchemaState::Current,
        "also while a coordinator runs"
    );
}

#[tokio::test]
async fn every_batch_raises_the_counter_of_its_session_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    let store = store(&path).await;
    let file = file(&path).await;
    begin(&store, &["a", "b"]).await;
    begin(&store, &["c"]).await;
    let duplicate = store
        .write(Lane(0), &[Entry::begin(&trying("a", 1, &[]))])
        .await
        .unwrap();
    assert!(matches!(duplicate[..], [Verdict::Duplicate(_)]));

    let appended: i64 = sqlx::query_scalar(queries::APPENDED)
        .bind(store.session().id.0)
        .fetch_one(&file)
        .await
        .unwrap();
    assert_eq!(appended, 2, "what writes nothing costs no flush");
}

#[tokio::test]
async fn a_log_that_was_restored_beneath_a_coordinator_is_not_written() {
    for statement in [queries::FORGET_BATCH, queries::DROP_SESSIONS] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.db");
        let store = store(&path).await;
        begin(&store, &["a"]).await;
        sqlx::query(statement)
            .execute(&file(&path).await)
            .await
            .unwrap();

        let error = store
            .write(Lane(0), &[Entry::begin(&trying("b", 1, &[]))])
            .await
            .unwrap_err();

        assert_eq!(error, BatchError::Fenced);
        assert_eq!(store.read(&gid("b")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn sessions_that_are_over_are_forgotten_and_their_numbers_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    for expected in 1..=4_i64 {
        let store = store(&path).await;
        assert_eq!(store.session().id.0, expected);
        store.close().await;
    }
    let sessions: Vec<(i64, i64)> = sqlx::query_as(queries::SESSIONS)
        .fetch_all(&file(&path).await)
        .await
        .unwrap();
    assert_eq!(sessions, [(4, 1)], "the last one, fenced by its own close");
}

#[tokio::test]
async fn a_damaged_row_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    let store = store(&path).await;
    begin(&store, &["a", "b", "c"]).await;
    sqlx::query(queries::FORGE_STATE)
        .bind("b")
        .execute(&file(&path).await)
        .await
        .unwrap();

    let open = store.open_transactions(None, 10).await.unwrap();
    assert_eq!(
        open.transactions
            .iter()
            .map(|it| it.transaction.gid.as_str())
            .collect::<Vec<_>>(),
        ["a", "c"]
    );
    assert_eq!(
        open.damaged
            .iter()
            .map(|it| it.gid.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
    let list = store.list(&Filter::default(), None, 10).await.unwrap();
    assert_eq!((list.items.len(), list.damaged.len()), (2, 1));
    assert!(matches!(
        store.read(&gid("b")).await,
        Err(LogError::Damaged { .. })
    ));
    let again = [
        Entry::begin(&trying("b", 1, &[])),
        Entry::begin(&trying("d", 1, &[])),
    ];
    let verdicts = store.write(Lane(0), &again).await.unwrap();
    assert!(
        matches!(&verdicts[..], [Verdict::Invalid(_), Verdict::Written]),
        "{verdicts:?}"
    );
}

type Overview = (
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
);

#[tokio::test]
async fn people_read_states_and_times_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    let store = store(&path).await;
    let begun = labelled(
        trying("a", 1_700_000_000_500_000, &["stock", "points"]),
        &[("order_no", "17"), ("x", "y")],
    );
    let batch = [
        Entry::begin(&begun),
        Entry::begin(&confirmed(trying("b", 0, &[]), 1_000_000)),
    ];
    store.write(Lane(0), &batch).await.unwrap();

    let rows: Vec<Overview> = sqlx::query_as(queries::OVERVIEW)
        .fetch_all(&file(&path).await)
        .await
        .unwrap();

    let text = |text: &str| text.to_owned();
    let labels = Some(text("order_no=17 x=y"));
    let begun_at = text("2023-11-14T22:13:20.500Z");
    assert_eq!(
        rows[0],
        (
            text("a"),
            text("TRYING"),
            text("one call"),
            text("points stock"),
            labels,
            begun_at,
            None
        )
    );
    assert_eq!(
        (&*rows[1].1, rows[1].6.as_deref()),
        ("CONFIRMED", Some("1970-01-01T00:00:01.000Z"))
    );
}

#[tokio::test]
async fn labels_cost_nothing_where_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    let store = store(&path).await;
    begin(&store, &["a", "b"]).await;
    let labels: i64 = sqlx::query_scalar(queries::LABELS)
        .fetch_one(&file(&path).await)
        .await
        .unwrap();
    assert_eq!(labels, 0);
}

#[tokio::test]
async fn audit_records_of_older_programs_are_read_before_and_after_an_upgrade() {
    /// Since this version a record says how things stood before and after.
    const AUDIT_STATES: i64 = 3;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coordinator.db");
    let older = Schema {
        migrator: Migrator::with_migrations(
            schema()
                .migrator
                .iter()
                .filter(|migration| migration.version < AUDIT_STATES)
                .cloned()
                .collect(),
        ),
        ..schema()
    };
    let database = connect(&Options::new(path.clone())).await.unwrap();
    older.migrate(&database).await.unwrap();
    database.close().await;
    let aside = file(&path).await;
    sqlx::query(queries::AUDIT_BEFORE)
        .execute(&aside)
        .await
        .unwrap();

    tercet_log::sqlite::migrate(&path).await.unwrap();
    // A program of the version before goes on.
    sqlx::query(queries::AUDIT_BEFORE)
        .execute(&aside)
        .await
        .unwrap();
    aside.close().await;
    let store = store(&path).await;
    let newer = audit(Some("a"), None, "newer");
    store.append_audit(&newer).await.unwrap();

    let page = store.list_audit(&AuditFilter::default(), None, 10).await;
    let records = page.unwrap().items;
    assert_eq!(records[0], newer);
    assert_eq!(records.len(), 3);
    for older in &records[1..] {
        assert_eq!(
            (&*older.reason, &*older.before, &*older.after),
            ("older", "", "")
        );
    }
}
