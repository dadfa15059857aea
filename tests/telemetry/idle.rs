//! Idle costs nothing: on a shared log a coordinator without work keeps its lease, and asks the database nothing else.

use std::cell::Cell;

use sqlx::{Connection as _, MySqlConnection};
use tercet_checker::Service;
use tercet_test_databases::{Options, PrivateServer, or_skip};

use crate::harness::databases::Databases;
use crate::harness::process::Server;
use crate::harness::shop::{coordinator_file, free_port, participant};
use crate::harness::until;
use crate::queries;

/// Beats that are looked at.
const BEATS: i64 = 40;
/// What a beat may cost: raising it, looking at the others' a few times, and reading who is paused.
const SELECTS_A_BEAT: i64 = 8;

#[tokio::test]
async fn without_work_a_coordinator_asks_the_database_for_its_lease_and_nothing_else() {
    // Nobody else is on this server.
    let Some(server) = or_skip(PrivateServer::start(Options::default()).await) else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let databases = Databases::on(&server, folder.path()).await;
    let table = participant("p", "127.0.0.1:9", "3s", "act = \"test.v1.ActService\"");
    let more = format!("{table}[cluster]\nbeat_every = \"50ms\"\ntake_over_after = \"10s\"\n");
    coordinator_file(folder.path(), free_port(), &databases, &more);
    let _coordinator =
        Server::start(&["serve", "--config", "coordinator.toml"], folder.path()).await;
    let url = server.unrestricted(databases.url(Service::Coordinator));
    let mut log = MySqlConnection::connect(&url).await.unwrap();
    let started = queries::beats(&mut log).await;
    // What a start does is over by then.
    until_beat(&mut log, started + 5).await;

    let before = queries::statements(&mut log).await;
    let first = queries::beats(&mut log).await;
    let (last, own) = until_beat(&mut log, first + BEATS).await;
    let after = queries::statements(&mut log).await;

    let run = |kind: &str| after[kind] - before[kind];
    // One more on each side may be under way.
    let beats = last - first + 2;
    for kind in ["Com_insert", "Com_delete", "Com_replace"] {
        assert_eq!(run(kind), 0, "{kind}: {before:?} {after:?}");
    }
    assert!(
        run("Com_update") <= beats,
        "{beats} beats: {before:?} {after:?}"
    );
    let selects = run("Com_select") - own - 1;
    assert!(
        selects <= SELECTS_A_BEAT * beats,
        "{beats} beats, {selects} selects"
    );
}

/// Waits for a beat; which one it is, and how many statements asking took.
async fn until_beat(log: &mut MySqlConnection, beat: i64) -> (i64, i64) {
    let asked = Cell::new(0);
    let log = tokio::sync::Mutex::new(log);
    let seen = until("the next beats", || async {
        asked.set(asked.get() + 1);
        let seen = queries::beats(&mut **log.lock().await).await;
        (seen >= beat).then_some(seen)
    })
    .await;
    (seen, asked.get())
}
