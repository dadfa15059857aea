//! A server that dies, freezes, or takes no writes, and comes back: the same store goes on, without a restart.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor as _};
use tercet_database::MySqlUrl;
use tercet_log::{BatchError, Lane, LogError, TransactionLog, Verdict};
use tercet_test_databases::{Options, PrivateServer};
use tokio::time::Instant;

use super::{begins, behind, store, written};
use crate::common::transactions::{at, gid};

async fn server() -> Option<(PrivateServer, MySqlUrl)> {
    let server = PrivateServer::get(Options::default()).await?;
    let url = MySqlUrl::parse(&server.database("log").await).unwrap();
    Some((server, url))
}

#[tokio::test]
async fn a_server_that_was_killed_is_found_again() {
    let Some((mut server, url)) = server().await else {
        return;
    };
    let log = store(&url).await;
    written(&log, &["a"]).await;

    server.kill9();
    let since = Instant::now();
    let error = log.write(Lane(0), &begins(&["b"])).await.unwrap_err();
    assert!(matches!(error, BatchError::Unavailable(_)), "{error:?}");
    let error = log.read(&gid("a")).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error:?}");
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "nobody waits for a dead server for long"
    );

    server.restart().await;
    written(&log, &["b"]).await;
    assert!(log.read(&gid("a")).await.unwrap().is_some());
    assert!(log.read(&gid("b")).await.unwrap().is_some());
    log.purge(at(100), 10).await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_is_given_up_for_now_and_found_again() {
    let Some((mut server, url)) = server().await else {
        return;
    };
    let log = store(&url).await;
    written(&log, &["a"]).await;

    server.stop();
    let error = log.write(Lane(0), &begins(&["b"])).await.unwrap_err();
    assert!(matches!(error, BatchError::Unavailable(_)), "{error:?}");
    let error = log.read(&gid("a")).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error:?}");

    server.cont();
    written(&log, &["b"]).await;
    assert!(log.read(&gid("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let Some((_server, url)) = server().await else {
        return;
    };
    let mut root = behind(&url).await;
    for statement in [
        "CREATE USER tercet@'127.0.0.1'",
        "GRANT ALL ON *.* TO tercet@'127.0.0.1'",
        "REVOKE SUPER, READ ONLY ADMIN ON *.* FROM tercet@'127.0.0.1'",
    ] {
        root.execute(statement).await.unwrap();
    }
    let plain = url.to_string().replace("root@", "tercet@");
    let log = store(&MySqlUrl::parse(&plain).unwrap()).await;
    written(&log, &["a"]).await;

    root.execute("SET GLOBAL read_only = 1").await.unwrap();
    let error = log.write(Lane(0), &begins(&["b"])).await.unwrap_err();
    assert!(matches!(error, BatchError::Unavailable(_)), "{error:?}");
    assert!(log.read(&gid("a")).await.unwrap().is_some());

    root.execute("SET GLOBAL read_only = 0").await.unwrap();
    written(&log, &["b"]).await;
}

#[tokio::test]
async fn connections_that_are_killed_in_any_moment_harm_nothing() {
    let Some((_server, url)) = server().await else {
        return;
    };
    let log = store(&url).await;
    let mut root = behind(&url).await;
    let mut names = Vec::new();
    for round in 0..40 {
        let name = format!("r{round:02}");
        let batch = begins(&[&name]);
        let writing = log.write(Lane(0), &batch);
        let killing = async {
            let ids: Vec<u64> = sqlx::query_scalar(
                "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'",
            )
            .fetch_all(&mut root)
            .await
            .unwrap();
            for id in ids {
                // It may be gone already.
                let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}")))
                    .execute(&mut root)
                    .await;
            }
        };
        let (verdict, ()) = tokio::join!(writing, killing);
        match verdict {
            Ok(verdicts) => {
                assert_eq!(verdicts, [Verdict::Written]);
                names.push((name, true));
            }
            Err(BatchError::Unavailable(_)) => names.push((name, false)),
            Err(other) => panic!("{other:?}"),
        }
    }
    for (name, is_there) in names {
        assert_eq!(
            log.read(&gid(&name)).await.unwrap().is_some(),
            is_there,
            "{name}"
        );
    }
}
