//! The behaviour of an opened database: settings, errors, migrations by many, a server that ends connections.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};
use tercet_test_databases::{PrivateServer, Server};

use super::*;
use crate::{ErrorClass, SchemaError, classify};

const ONE: &str =
    "CREATE TABLE one (a INT PRIMARY KEY, b VARCHAR(10) NOT NULL, CHECK (a < 100)) ENGINE = InnoDB";
const TWO: &str = "CREATE INDEX one_b ON one (b)";
const THREE: &str = "ALTER TABLE one ADD COLUMN c INT";

/// A database of its own; none where there is no server to be had.
async fn fresh() -> Option<Options> {
    let url = Server::shared().await?.database("database").await;
    Some(options(&url))
}

fn options(url: &str) -> Options {
    Options {
        lock_wait: Duration::from_secs(1),
        client_timeout: Duration::from_secs(2),
        ..Options::new(MySqlUrl::parse(url).unwrap())
    }
}

fn schema(versions: &[&'static str], readable_from: i64) -> Schema {
    let migrations = versions
        .iter()
        .zip(1_i64..)
        .map(|(sql, number)| {
            let text = AssertSqlSafe(*sql).into_sql_str();
            Migration::new(
                number,
                Cow::Borrowed("test"),
                MigrationType::Simple,
                text,
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

async fn migrated(options: &Options) -> Database {
    let database = connect(options).await.unwrap();
    schema(&[ONE], 1).migrate(&database).await.unwrap();
    database
}

#[tokio::test]
async fn every_connection_has_its_settings() {
    let Some(options) = fresh().await else { return };
    let database = connect(&options).await.unwrap();
    for (pool, writes) in [(database.writer(), true), (database.reader(), false)] {
        let (mode, zone, names): (String, String, String) =
            sqlx::query_as("SELECT @@sql_mode, @@time_zone, @@character_set_client")
                .fetch_one(pool)
                .await
                .unwrap();
        assert!(mode.contains("STRICT_ALL_TABLES"), "{mode}");
        assert!(!mode.contains("STRICT_TRANS_TABLES"), "set whole: {mode}");
        assert_eq!((zone.as_str(), names.as_str()), ("+00:00", "utf8mb4"));
        let (lock, metadata, idle, read, write): (i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT CAST(@@innodb_lock_wait_timeout AS SIGNED), CAST(@@lock_wait_timeout AS SIGNED), \
             CAST(@@wait_timeout AS SIGNED), CAST(@@net_read_timeout AS SIGNED), CAST(@@net_write_timeout AS SIGNED)",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!((lock, metadata, idle, read, write), (1, 1, 2, 2, 2));
        let isolation: Vec<(String, String)> = sqlx::query_as(
            "SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        assert!(!isolation.is_empty());
        assert!(
            isolation.iter().all(|(_, value)| value == "READ-COMMITTED"),
            "{isolation:?}"
        );
        let written = sqlx::query("CREATE TABLE t (a INT)").execute(pool).await;
        assert_eq!(written.is_ok(), writes);
        if let Err(error) = written {
            assert_eq!(classify(&error), ErrorClass::ReadOnly);
        }
    }
}

#[tokio::test]
async fn tls_is_used_where_the_url_asks_for_it() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let url = server.database("tls").await;
    for (mode, is_used) in [("disabled", false), ("required", true)] {
        let with_mode = format!("{url}?ssl-mode={mode}");
        match connect(&options(&with_mode)).await {
            Ok(database) => {
                let cipher: (String, String) = sqlx::query_as("SHOW STATUS LIKE 'Ssl_cipher'")
                    .fetch_one(database.writer())
                    .await
                    .unwrap();
                assert_eq!(!cipher.1.is_empty(), is_used, "{mode}");
            }
            // A server without a certificate is refused instead of being talked to in the open.
            Err(error) => assert!(is_used && error.to_string().contains("TLS"), "{error}"),
        }
    }
}

#[tokio::test]
async fn errors_have_their_class() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    let run = async |statement: &'static str| {
        let error = sqlx::query(statement)
            .execute(database.writer())
            .await
            .unwrap_err();
        (classify(&error), classify(&error).is_definite())
    };
    database
        .writer()
        .execute("INSERT INTO one VALUES (1, 'x')")
        .await
        .unwrap();
    for (statement, class) in [
        (
            "INSERT INTO one VALUES (1, 'x')",
            ErrorClass::UniqueViolation,
        ),
        ("INSERT INTO one VALUES (100, 'x')", ErrorClass::Constraint),
        ("INSERT INTO one VALUES (2, NULL)", ErrorClass::Constraint),
        (
            "INSERT INTO one VALUES (2, '0123456789a')",
            ErrorClass::Constraint,
        ),
        (
            "INSERT INTO one VALUES (99999999999, 'x')",
            ErrorClass::Constraint,
        ),
        ("INSERT INTO one (a) VALUES (2)", ErrorClass::Constraint),
    ] {
        assert_eq!(run(statement).await, (class, true), "{statement}");
    }
    assert_eq!(
        run("INSERT INTO nowhere VALUES (1)").await,
        (ErrorClass::Other, false)
    );
    let (packet,): (i64,) = sqlx::query_as("SELECT CAST(@@max_allowed_packet AS SIGNED)")
        .fetch_one(database.writer())
        .await
        .unwrap();
    let huge = sqlx::query("SELECT LENGTH(?)")
        .bind("x".repeat(usize::try_from(packet).unwrap()))
        .execute(database.writer())
        .await
        .unwrap_err();
    assert!(
        matches!(
            classify(&huge),
            ErrorClass::TooLarge | ErrorClass::ConnectionLost
        ),
        "{huge}"
    );
}

#[tokio::test]
async fn a_lock_and_a_deadlock_are_busy() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    database
        .writer()
        .execute("INSERT INTO one VALUES (1, 'x'), (2, 'x')")
        .await
        .unwrap();
    let (first, second) = (
        "UPDATE one SET b = 'y' WHERE a = 1",
        "UPDATE one SET b = 'y' WHERE a = 2",
    );
    let mut one = database.begin().await.unwrap();
    one.execute(first).await.unwrap();
    let mut two = database.begin().await.unwrap();

    let waited = two.execute(first).await.unwrap_err();
    assert_eq!(classify(&waited), ErrorClass::Busy);
    two.rollback().await.unwrap();

    let mut two = database.begin().await.unwrap();
    two.execute(second).await.unwrap();
    let (one, two) = tokio::join!(one.execute(second), two.execute(first));
    let error = one.err().or(two.err()).expect("one of them is the victim");
    assert_eq!(classify(&error), ErrorClass::Busy, "{error}");
}

#[tokio::test]
async fn a_killed_connection_is_lost_and_the_next_one_works() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    let mut transaction = database.begin().await.unwrap();
    let id: u64 = sqlx::query_scalar("SELECT CONNECTION_ID()")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    // MySQL binds nothing in it.
    sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}")))
        .execute(database.writer())
        .await
        .unwrap();
    let error = transaction.commit().await.unwrap_err();
    let class = classify(&error);
    assert_eq!(class, ErrorClass::ConnectionLost, "{error}");
    assert!(class.is_retryable() && !class.is_definite());
    database.begin().await.unwrap().commit().await.unwrap();
}

/// What a frozen process leaves behind is a connection that says nothing any more.
#[tokio::test]
async fn the_server_undoes_what_a_silent_client_has_begun() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    let mut frozen = database.begin().await.unwrap();
    frozen
        .execute("INSERT INTO one VALUES (1, 'x')")
        .await
        .unwrap();
    let mut tries = 0;
    let inserted = loop {
        tries += 1;
        match sqlx::query("INSERT INTO one VALUES (1, 'y')")
            .execute(database.writer())
            .await
        {
            Err(error) if classify(&error) == ErrorClass::Busy && tries < 60 => {}
            inserted => break inserted,
        }
    };
    inserted.expect("its lock is gone");
    frozen.commit().await.expect_err("it was thrown out");
}

#[tokio::test]
async fn what_cannot_be_opened_is_one_line_without_the_password_and_soon() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let address = server.address();
    for (url, part, retryable) in [
        ("mysql://u:geheim@127.0.0.1:1/d".to_owned(), "refused", true),
        (
            format!("mysql://nobody:geheim@{address}/mysql"),
            "Access denied",
            false,
        ),
        (
            format!("mysql://root@{address}/no_such_database"),
            "Unknown database",
            false,
        ),
    ] {
        let error = connect(&options(&url)).await.unwrap_err();
        let line = error.to_string();
        assert!(line.contains(part) && !line.contains('\n'), "{line}");
        assert!(!line.contains("geheim"), "{line}");
        assert_eq!(error.is_retryable(), retryable, "{line}");
    }
}

#[tokio::test]
async fn the_pool_finds_a_server_again_that_was_killed() {
    let Some(mut server) = PrivateServer::get(tercet_test_databases::Options::default()).await
    else {
        return;
    };
    let database = migrated(&options(&server.database("again").await)).await;
    server.kill9();
    let error = database.begin().await.unwrap_err();
    assert!(classify(&error).is_retryable(), "{error}");
    server.restart().await;
    let mut tries = 0;
    // Connections of before may still be handed out once each.
    while let Err(error) = database.begin().await {
        tries += 1;
        assert!(tries < 10, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_forgets_is_refused_unless_the_url_allows_it() {
    let arguments = vec!["--innodb-flush-log-at-trx-commit=2".to_owned()];
    let server = PrivateServer::get(tercet_test_databases::Options {
        arguments,
        ..Default::default()
    });
    let Some(server) = server.await else { return };
    let url = server.database("forgets").await;
    let line = open_with(&schema(&[ONE], 1), &options(&url))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        line.contains("innodb_flush_log_at_trx_commit is 2, and has to be 1"),
        "{line}"
    );
    assert!(!line.contains('\n'));
    let allowed = options(&format!("{url}?unsafe-settings=allow"));
    open_with(&schema(&[ONE], 1), &allowed).await.unwrap();
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let Some(options) = fresh().await else { return };
    let database = connect(&options).await.unwrap();
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
async fn eight_that_migrate_at_once_all_succeed_from_nothing_and_from_an_older_version() {
    let Some(options) = fresh().await else { return };
    for versions in [&[ONE][..], &[ONE, TWO, THREE]] {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                let options = options.clone();
                tokio::spawn(async move {
                    let database = connect(&options).await.unwrap();
                    schema(versions, 1).migrate(&database).await
                })
            })
            .collect();
        for run in runs {
            run.await.unwrap().unwrap();
        }
        let database = connect(&options).await.unwrap();
        let state = schema(versions, 1).check(&database).await.unwrap();
        assert_eq!(state, SchemaState::Current);
    }
}

#[tokio::test]
async fn what_a_process_has_left_in_the_middle_is_gone_on_with() {
    let Some(options) = fresh().await else { return };
    // It died after the statement, before it could say so; the second one has been given back.
    for runner in ["a dead process", ""] {
        let url = Server::shared().await.unwrap().database("left").await;
        let options = Options {
            url: MySqlUrl::parse(&url).unwrap(),
            ..options.clone()
        };
        let database = migrated(&options).await;
        sqlx::query("UPDATE schema_migration SET done = 0, runner = ?")
            .bind(runner)
            .execute(database.writer())
            .await
            .unwrap();
        database
            .writer()
            .execute("UPDATE schema_version SET version = 0")
            .await
            .unwrap();

        schema(&[ONE, TWO], 1).migrate(&database).await.unwrap();

        let state = schema(&[ONE, TWO], 1).check(&database).await.unwrap();
        assert_eq!(state, SchemaState::Current);
    }
}

#[tokio::test]
async fn a_failed_migration_leaves_what_was_before_it() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    let error = schema(&[ONE, ONE], 1).migrate(&database).await.unwrap_err();
    assert!(matches!(error, SchemaError::Migrate { .. }), "{error}");
    assert_eq!(
        schema(&[ONE], 1).check(&database).await.unwrap(),
        SchemaState::Current
    );
    schema(&[ONE, TWO], 1)
        .migrate(&database)
        .await
        .expect("another one may take its number");
}

#[tokio::test]
async fn a_server_creates_but_never_upgrades_and_a_newer_schema_says_who_may_use_it() {
    let Some(options) = fresh().await else { return };
    let database = connect(&options).await.unwrap();
    schema(&[ONE], 1).ensure(&database).await.unwrap();
    let line = schema(&[ONE, TWO], 1)
        .ensure(&database)
        .await
        .unwrap_err()
        .to_string();
    assert!(line.contains("run `tercet migrate` first"), "{line}");

    schema(&[ONE, TWO], 1).migrate(&database).await.unwrap();
    schema(&[ONE], 1).ensure(&database).await.unwrap();
    assert_eq!(
        schema(&[ONE], 1).migrate(&database).await.unwrap(),
        SchemaState::NewerReadable { found: 2 }
    );

    schema(&[ONE, TWO, THREE], 3)
        .migrate(&database)
        .await
        .unwrap();
    let line = schema(&[ONE, TWO], 1)
        .ensure(&database)
        .await
        .unwrap_err()
        .to_string();
    assert!(line.contains("start a newer version of tercet"), "{line}");
}

#[tokio::test]
async fn somebody_elses_database_is_left_alone() {
    let Some(options) = fresh().await else { return };
    let database = migrated(&options).await;
    let other = Schema {
        name: "other",
        ..schema(&[TWO], 1)
    };
    let line = other.migrate(&database).await.unwrap_err().to_string();
    assert!(
        line.starts_with("this is the database of test, not of other"),
        "{line}"
    );
}
