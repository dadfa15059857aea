//! What tests rely on: servers that come, go, keep what was committed, and never outlive the process that started them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, MySqlConnection};
use tercet_test_databases::{Kind, Options, PrivateServer, Server, where_it_can_be_had};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{Instant, sleep, timeout};

const GENEROUS: Duration = Duration::from_mins(1);

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < GENEROUS, "waited too long for {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn count(url: &str) -> i64 {
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM t");
    count.fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let (one, other) = (server.database("same").await, server.database("same").await);
    assert_ne!(one, other);
    for url in [&one, &other] {
        let mut connection = MySqlConnection::connect(url).await.unwrap();
        let create = connection
            .execute("CREATE TABLE t (id INT PRIMARY KEY)")
            .await;
        create.unwrap();
        assert_eq!(count(url).await, 0);
    }
}

#[tokio::test]
async fn what_was_committed_survives_a_kill_and_a_frozen_server_answers_later() {
    if let Some(server) = PrivateServer::get(Options::default()).await {
        keeps_what_was_committed(server).await;
    }
}

#[tokio::test]
async fn mysql_proper_does_so_too_where_it_can_be_had() {
    let options = Options {
        kind: Kind::MySql,
        ..Options::default()
    };
    if let Some(server) = where_it_can_be_had(PrivateServer::start(options).await) {
        keeps_what_was_committed(server).await;
    }
}

async fn keeps_what_was_committed(mut server: PrivateServer) {
    let url = server.database("kept").await;
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    connection
        .execute("CREATE TABLE t (id INT PRIMARY KEY)")
        .await
        .unwrap();
    connection
        .execute("INSERT INTO t VALUES (1)")
        .await
        .unwrap();

    server.kill9();
    assert!(MySqlConnection::connect(&url).await.is_err(), "it is gone");
    server.restart().await;
    assert_eq!(count(&url).await, 1);

    server.stop();
    let waiting = timeout(Duration::from_millis(300), count(&url)).await;
    assert!(waiting.is_err(), "it answers though it is frozen");
    server.cont();
    assert_eq!(count(&url).await, 1);
    server.shut_down().await;
    server.restart().await;
    assert_eq!(count(&url).await, 1);
}

#[tokio::test]
async fn a_server_ends_with_the_process_that_started_it_even_when_that_is_killed() {
    if PrivateServer::get(Options::default()).await.is_none() {
        return;
    }
    let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_test-databases"))
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = said.next_line().await.unwrap().unwrap();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let folder: String = sqlx::query_scalar("SELECT @@datadir")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let folder = Path::new(&folder);
    assert!(folder.exists());

    process.kill().await.unwrap();

    until("its folder to be removed", || {
        !folder.parent().unwrap().exists()
    })
    .await;
    assert!(MySqlConnection::connect(&url).await.is_err(), "it is gone");
}
