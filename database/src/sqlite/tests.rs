//! The behaviour of an opened file: settings, errors, migrations, two processes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::*;
use crate::{Schema, SchemaError, SchemaState};

async fn open(path: &Path) -> Database {
    connect(&Options::new(path)).await.unwrap()
}

fn schema(versions: &[&'static str], readable_from: i64) -> Schema {
    let migrations = versions
        .iter()
        .enumerate()
        .map(|(index, sql)| {
            let number = i64::try_from(index).unwrap() + 1;
            Migration::new(
                number,
                Cow::Borrowed("test"),
                MigrationType::Simple,
                AssertSqlSafe(*sql).into_sql_str(),
                false,
            )
        })
        .collect();
    Schema {
        name: "test",
        migrator: Migrator::with_migrations(migrations),
        readable_from,
    }
}

const ONE: &str = "CREATE TABLE one (a INTEGER PRIMARY KEY, b TEXT NOT NULL CHECK (length(b) < 10)); CREATE INDEX i ON one (b);";
const TWO: &str = "CREATE TABLE two (a INTEGER REFERENCES one (a))";

#[tokio::test]
async fn the_folder_is_made_and_the_settings_hold() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a/b/c.db")).await;

    let mut writer = database.writer().acquire().await.unwrap();
    let text = |statement| sqlx::query_scalar::<_, String>(statement);
    let number = |statement| sqlx::query_scalar::<_, i64>(statement);
    assert_eq!(
        text("PRAGMA journal_mode")
            .fetch_one(&mut *writer)
            .await
            .unwrap(),
        "wal"
    );
    assert_eq!(
        number("PRAGMA synchronous")
            .fetch_one(&mut *writer)
            .await
            .unwrap(),
        2,
        "FULL"
    );
    assert_eq!(
        number("PRAGMA foreign_keys")
            .fetch_one(&mut *writer)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        number("PRAGMA busy_timeout")
            .fetch_one(&mut *writer)
            .await
            .unwrap(),
        5_000
    );
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    let error = sqlx::query("CREATE TABLE t (a)")
        .execute(database.reader())
        .await
        .unwrap_err();
    assert_eq!(classify(&error), ErrorClass::ReadOnly);
}

#[tokio::test]
async fn a_path_below_a_file_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = connect(&Options::new(folder.path().join("file/a.db")))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    assert!(!error.to_string().contains('\n'));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = connect(&Options::new(folder.path())).await.unwrap_err();
    assert!(matches!(error, OpenError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn another_kind_of_file_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(
        &path,
        "this is a text of more than sixteen bytes, and no database".repeat(100),
    )
    .unwrap();
    let error = connect(&Options::new(&path)).await.unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_eq!(
        std::fs::read(&path).unwrap().len(),
        5_800,
        "the file is left alone"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_folder_is_named_as_such() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data");
    std::fs::create_dir(&inner).unwrap();
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(inner.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let error = connect(&Options::new(inner.join("a.db")))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
}

#[tokio::test]
async fn errors_have_their_class() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE, TWO], 1).migrate(&database).await.unwrap();
    let run = async |statement: &'static str| {
        let error = sqlx::query(statement)
            .execute(database.writer())
            .await
            .unwrap_err();
        (classify(&error), classify(&error).is_definite())
    };
    sqlx::query("INSERT INTO one VALUES (1, 'x')")
        .execute(database.writer())
        .await
        .unwrap();
    assert_eq!(
        run("INSERT INTO one VALUES (1, 'x')").await,
        (ErrorClass::UniqueViolation, true)
    );
    assert_eq!(
        run("INSERT INTO one VALUES (2, '0123456789')").await,
        (ErrorClass::Constraint, true)
    );
    assert_eq!(
        run("INSERT INTO one VALUES (2, NULL)").await,
        (ErrorClass::Constraint, true)
    );
    assert_eq!(
        run("INSERT INTO two VALUES (77)").await,
        (ErrorClass::Constraint, true)
    );
    assert_eq!(
        run("INSERT INTO one VALUES (2, zeroblob(1100000000))").await,
        (ErrorClass::TooLarge, true)
    );
    assert_eq!(
        run("INSERT INTO nowhere VALUES (1)").await,
        (ErrorClass::Other, false)
    );
}

#[tokio::test]
async fn a_second_writer_is_busy_and_may_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let first = open(&path).await;
    let second = connect(&Options {
        busy_timeout: Duration::ZERO,
        ..Options::new(&path)
    })
    .await
    .unwrap();
    let _held = first.begin().await.unwrap();

    let class = classify(&second.begin().await.unwrap_err());

    assert_eq!(class, ErrorClass::Busy);
    assert!(class.is_retryable() && class.is_definite());
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE], 1).migrate(&database).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    sqlx::query("INSERT INTO one VALUES (1, 'x')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    drop(transaction);
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM one")
        .fetch_one(database.writer())
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_transaction_that_the_database_undid_by_itself_breaks_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE], 1).migrate(&database).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    sqlx::query("INSERT INTO one VALUES (1, 'x')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query("ROLLBACK")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction
        .commit()
        .await
        .expect_err("there is nothing to commit");

    let mut transaction = database.begin().await.unwrap();
    sqlx::query("INSERT INTO one VALUES (2, 'x')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();

    let rows: Vec<i64> = sqlx::query_scalar("SELECT a FROM one")
        .fetch_all(database.reader())
        .await
        .unwrap();
    assert_eq!(rows, [2]);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    let schema = schema(&[ONE, TWO], 1);
    assert_eq!(schema.check(&database).await.unwrap(), SchemaState::Empty);
    assert_eq!(schema.migrate(&database).await.unwrap(), SchemaState::Empty);
    assert_eq!(
        schema.migrate(&database).await.unwrap(),
        SchemaState::Current
    );
    assert_eq!(schema.check(&database).await.unwrap(), SchemaState::Current);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_that_migrate_at_once_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let path = Arc::new(folder.path().join("a.db"));
    let runs = (0..8).map(|_| {
        let path = Arc::clone(&path);
        tokio::spawn(async move {
            let database = open(&path).await;
            schema(&[ONE, TWO], 1).migrate(&database).await
        })
    });
    let mut migrated = 0;
    for run in runs.collect::<Vec<_>>() {
        match run.await.unwrap().unwrap() {
            SchemaState::Empty => migrated += 1,
            SchemaState::Current => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(migrated, 1, "exactly one of them found nothing");
}

#[tokio::test]
async fn a_failed_migration_leaves_the_old_schema_whole() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE], 1).migrate(&database).await.unwrap();

    let error = schema(&[ONE, "CREATE TABLE two (a); CREATE TABLE one (a)"], 1)
        .migrate(&database)
        .await
        .unwrap_err();

    assert!(matches!(error, SchemaError::Migrate { .. }), "{error}");
    assert_eq!(
        schema(&[ONE], 1).check(&database).await.unwrap(),
        SchemaState::Current
    );
    schema(&[ONE, TWO], 1)
        .migrate(&database)
        .await
        .expect("table two isn't there");
}

#[tokio::test]
async fn a_server_creates_but_never_upgrades() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE], 1).ensure(&database).await.unwrap();
    schema(&[ONE], 1).ensure(&database).await.unwrap();

    let error = schema(&[ONE, TWO], 1).ensure(&database).await.unwrap_err();

    assert!(
        error.to_string().contains("run `tercet migrate` first"),
        "{error}"
    );
}

#[tokio::test]
async fn a_newer_schema_says_whether_it_may_be_used() {
    let folder = tempfile::tempdir().unwrap();
    for (readable_from, file) in [(1, "readable.db"), (2, "unreadable.db")] {
        let database = open(&folder.path().join(file)).await;
        schema(&[ONE, TWO], readable_from)
            .migrate(&database)
            .await
            .unwrap();
        let older = schema(&[ONE], 1);
        if readable_from == 1 {
            older.ensure(&database).await.unwrap();
            assert_eq!(
                older.migrate(&database).await.unwrap(),
                SchemaState::NewerReadable { found: 2 }
            );
        } else {
            let line = older.ensure(&database).await.unwrap_err().to_string();
            assert!(line.contains("start a newer version of tercet"), "{line}");
            assert!(matches!(
                older.migrate(&database).await,
                Err(SchemaError::TooNew { .. })
            ));
        }
    }
}

#[tokio::test]
async fn somebody_elses_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await;
    schema(&[ONE], 1).migrate(&database).await.unwrap();
    let other = Schema {
        name: "other",
        ..schema(&[TWO], 1)
    };
    let line = other.migrate(&database).await.unwrap_err().to_string();
    assert_eq!(
        line,
        "this is the database of test, not of other: the url names the wrong file"
    );
}
