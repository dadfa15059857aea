//! Two versions of the program on one database: the schema is upgraded under load, older ones go on, and a roll-back works.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use tercet_database::mysql::{Options, connect};
use tercet_database::{Schema, SchemaState};
use tercet_log::mysql::{MySqlStore, migrate, schema};
use tercet_log::{AuditFilter, Entry, Log, LogOptions, TransactionLog, Urgency, Verdict};

use super::{OnMySql, behind, options, store, transactions};
use crate::common::transactions::{at, audit, confirming, gid, trying};

/// The tables of a version that doesn't exist: one column, one index and one table more.
fn newer(readable_from: i64) -> Schema {
    let own = schema();
    let first = own.version() + 1;
    let added = [
        "ALTER TABLE global_transaction ADD COLUMN note VARCHAR(64) CHARACTER SET utf8mb4",
        "CREATE INDEX transaction_note ON global_transaction (note)",
        "CREATE TABLE more (a INT PRIMARY KEY) ENGINE = InnoDB",
    ];
    let added = added.into_iter().zip(first..).map(|(sql, number)| {
        let text = AssertSqlSafe(sql).into_sql_str();
        Migration::new(
            number,
            Cow::Borrowed("newer"),
            MigrationType::Simple,
            text,
            false,
        )
    });
    let migrations = own.migrator.iter().cloned().chain(added).collect();
    Schema {
        name: own.name,
        migrator: Migrator::with_migrations(migrations),
        readable_from,
    }
}

/// What the versions before [`AUDIT_STATES`] write.
const AUDIT_BEFORE: &str = "INSERT INTO audit (at, who, action, gid, reason) VALUES (5, 'anna', 'RetryTransaction', 'a', 'older')";
/// Since this version a record says how things stood before and after.
const AUDIT_STATES: i64 = 9;

#[tokio::test]
async fn audit_records_of_older_programs_are_read_before_and_after_an_upgrade() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
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
    let database = connect(&Options::new(bed.0.clone())).await.unwrap();
    older.migrate(&database).await.unwrap();
    let mut aside = behind(&bed.0).await;
    sqlx::query(AUDIT_BEFORE).execute(&mut aside).await.unwrap();

    migrate(&bed.0).await.unwrap();
    // A program of the version before goes on.
    sqlx::query(AUDIT_BEFORE).execute(&mut aside).await.unwrap();
    let store = store(&bed.0).await;
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

/// Begins and decides transactions until it is told to stop; says how many.
async fn load(log: Log, name: &'static str, stop: Arc<AtomicBool>) -> i64 {
    let mut begun = 0;
    while !stop.load(Ordering::SeqCst) {
        let transaction = trying(&format!("{name}-{begun}"), 1, &["stock"]);
        let verdict = log
            .append(Entry::begin(&transaction), Urgency::Forced)
            .await;
        assert_eq!(verdict, Verdict::Written);
        let decided = Entry::progress(&confirming(transaction, 2), 1);
        assert_eq!(log.append(decided, Urgency::Forced).await, Verdict::Written);
        begun += 1;
    }
    begun
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_load_and_a_roll_back_lose_nothing() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for name in ["one", "two"] {
        let store = Arc::new(store(&bed.0).await);
        let log = Log::start(store, &LogOptions::default());
        loads.push(tokio::spawn(load(log, name, Arc::clone(&stop))));
    }
    while transactions(&bed.0).await < 20 {}

    let database = connect(&Options::new(bed.0.clone())).await.unwrap();
    let before = newer(1).migrate(&database).await.unwrap();
    assert!(matches!(before, SchemaState::Older { .. }), "{before:?}");
    // A newer program writes what the older one knows nothing of.
    sqlx::query("UPDATE global_transaction SET note = 'newer' WHERE gid = 'one-0'")
        .execute(&mut behind(&bed.0).await)
        .await
        .unwrap();

    // A roll-back: a start of the older program on the newer tables.
    let rolled_back = Arc::new(store(&bed.0).await);
    assert!(matches!(
        migrate(&bed.0).await.unwrap(),
        SchemaState::NewerReadable { .. }
    ));
    let log = Log::start(
        Arc::clone(&rolled_back) as Arc<dyn TransactionLog>,
        &LogOptions::default(),
    );
    let third = tokio::spawn(load(log, "three", Arc::clone(&stop)));
    let upgraded = transactions(&bed.0).await;
    while transactions(&bed.0).await < upgraded + 20 {}
    stop.store(true, Ordering::SeqCst);
    let mut begun = third.await.unwrap();
    for load in loads {
        begun += load.await.unwrap();
    }

    assert_eq!(transactions(&bed.0).await, begun);
    assert!(rolled_back.read(&gid("one-0")).await.unwrap().is_some());
}

#[tokio::test]
async fn tables_that_are_too_new_are_refused_in_one_line() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let database = connect(&Options::new(bed.0.clone())).await.unwrap();
    newer(newer(0).version()).migrate(&database).await.unwrap();

    let error = MySqlStore::open(&options(&bed.0), 1, "http://one:7400", at(1))
        .await
        .unwrap_err();

    let line = error.to_string();
    assert!(line.contains("start a newer version of tercet"), "{line}");
    assert!(!line.contains('\n'));
}
