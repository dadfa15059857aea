//! What holds for a log on a Galera cluster alone: nodes that die and come back, a majority that is lost, a node that
//! lags behind. The suite that holds for every log is run on a cluster by `conformance`.
//!
//! One coordinator's log is open on each node and begins one transaction after the other. In the end every one that was
//! answered as written is there, whichever node is asked, and none that was answered as not written.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::transactions::{at, gid, trying};
use tercet_database::MySqlUrl;
use tercet_database::mysql::Options;
use tercet_log::mysql::MySqlStore;
use tercet_log::{Entry, Log, LogOptions, TransactionLog, Urgency, Verdict};
use tercet_test_databases::{Galera, NODES};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Against hanging, never a measure of speed.
const PATIENCE: Duration = Duration::from_mins(2);
/// Transactions that show that a log goes on.
const SOME: usize = 15;

/// What a log has answered.
#[derive(Default)]
struct Answers {
    written: Vec<String>,
    not_written: Vec<String>,
}

/// A log on one node that begins transactions until it is told to stop.
struct Writer {
    node: usize,
    answers: Arc<Mutex<Answers>>,
    task: JoinHandle<()>,
}

impl Writer {
    async fn start(node: usize, url: &str) -> Self {
        let options = Options::new(MySqlUrl::parse(url).unwrap());
        let endpoint = format!("http://node-{node}:7400");
        let store = MySqlStore::open(&options, 1, &endpoint, at(1)).await;
        let log = Log::start(Arc::new(store.unwrap()), &LogOptions::default());
        let answers = Arc::new(Mutex::new(Answers::default()));
        let answered = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            for number in 0.. {
                let name = format!("node-{node}-{number:06}");
                let entry = Entry::begin(&trying(&name, 1, &["stock"]));
                match log.append(entry, Urgency::Forced).await {
                    Verdict::Written => answered.lock().unwrap().written.push(name),
                    Verdict::Unavailable(_) => answered.lock().unwrap().not_written.push(name),
                    other => panic!("{name}: {other:?}"),
                }
                // Leaves the machine to the nodes.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self {
            node,
            answers,
            task,
        }
    }

    fn count(&self) -> usize {
        self.answers.lock().unwrap().written.len()
    }

    /// Waits until so many more are written.
    async fn goes_on(&self) {
        let before = self.count();
        let going_on = async {
            while self.count() < before + SOME {
                assert!(!self.task.is_finished(), "its task has ended");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = timeout(PATIENCE, going_on).await;
        assert!(ended.is_ok(), "the log on node {} stands still", self.node);
    }
}

async fn all_go_on(writers: &[Writer]) {
    for writer in writers {
        writer.goes_on().await;
    }
}

/// One of three nodes dies: the others go on, and so does its own log once it is back.
async fn a_node_dies_and_comes_back(cluster: &mut Galera, writers: &[Writer]) {
    cluster.process(2).kill9();
    all_go_on(&writers[..2]).await;
    cluster.rejoin(2).await.unwrap();
    all_go_on(writers).await;
}

/// Two of three die: the third may not go on alone, until a person says so.
async fn the_majority_is_lost_and_restored(cluster: &mut Galera, writers: &[Writer]) {
    cluster.process(1).kill9();
    cluster.process(2).kill9();
    let alone = async {
        while cluster.state(0).await.is_ok_and(|state| state == "Synced") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, alone).await.expect("it never noticed");
    let before = writers[0].count();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(writers[0].count(), before, "written without a majority");
    cluster.bootstrap(0).await;
    writers[0].goes_on().await;
    for node in [1, 2] {
        cluster.rejoin(node).await.unwrap();
    }
    all_go_on(writers).await;
}

/// A node that has received what others committed and doesn't get round to it shows nothing older.
async fn a_node_lags_and_shows_nothing_stale(cluster: &Galera, url: &str, writers: &[Writer]) {
    let options = Options::new(MySqlUrl::parse(url).unwrap());
    let lagging = MySqlStore::open(&options, 1, "http://reader:7400", at(1)).await;
    let lagging = Arc::new(lagging.unwrap());
    let held = cluster.hold(2).await;
    writers[0].goes_on().await;
    let last = writers[0].answers.lock().unwrap().written.last().cloned();
    let last = gid(&last.unwrap());
    // Waits for as long as the node lags, or gives up; what it must not say is that there is none.
    let asked = timeout(Duration::from_secs(3), lagging.read(&last)).await;
    assert!(!matches!(asked, Ok(Ok(None))), "a stale answer");
    held.release().await;
    let seen = async {
        loop {
            match lagging.read(&last).await {
                Ok(found) => break assert!(found.is_some(), "a stale answer"),
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
        }
    };
    timeout(PATIENCE, seen).await.expect("it never caught up");
    lagging.close().await;
    all_go_on(writers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_may_die_and_lag_and_every_answer_stands() {
    let Some(mut cluster) = Galera::get().await else {
        return;
    };
    let urls = cluster.database("log").await;
    let mut writers = Vec::new();
    for (node, url) in urls.iter().enumerate() {
        writers.push(Writer::start(node, url).await);
    }
    all_go_on(&writers).await;
    a_node_lags_and_shows_nothing_stale(&cluster, &urls[2], &writers).await;
    a_node_dies_and_comes_back(&mut cluster, &writers).await;
    the_majority_is_lost_and_restored(&mut cluster, &writers).await;

    for writer in &writers {
        writer.task.abort();
    }
    let mut stores = Vec::new();
    for (node, url) in urls.iter().enumerate() {
        let options = Options::new(MySqlUrl::parse(url).unwrap());
        let endpoint = format!("http://checker-{node}:7400");
        stores.push(
            MySqlStore::open(&options, 1, &endpoint, at(1))
                .await
                .unwrap(),
        );
    }
    for writer in &writers {
        let Answers {
            written,
            not_written,
        } = std::mem::take(&mut *writer.answers.lock().unwrap());
        println!(
            "node {}: {} written, {} not written",
            writer.node,
            written.len(),
            not_written.len()
        );
        for (number, name) in written.iter().enumerate() {
            let found = stores[number % NODES].read(&gid(name)).await.unwrap();
            assert!(found.is_some(), "{name} was answered and is gone");
        }
        for (number, name) in not_written.iter().enumerate() {
            let found = stores[number % NODES].read(&gid(name)).await.unwrap();
            assert!(found.is_none(), "{name} was refused and is there");
        }
    }
}
