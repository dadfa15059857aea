//! Group commit: what is written together, when, and who is answered what. On the store in memory with tokio's paused
//! clock, so time is exact and nothing waits.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod batching;
mod endings;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use common::transactions::{confirming, gid, impossible, trying};
use tercet_log::faults::{Fault, FaultyStore};
use tercet_log::{
    BatchError, Entry, Failure, Lane, Log, LogOptions, MemoryDisk, MemoryStore, TransactionLog,
    Urgency, Verdict,
};
use tokio::time::Instant;

/// The gids of each batch, in order of writing.
type Batches = Arc<Mutex<Vec<Vec<String>>>>;

/// A log in memory whose batches are recorded, and fail as `script` says (by the number of the batch, from 0).
struct Bench {
    disk: MemoryDisk,
    store: Arc<FaultyStore>,
    log: Log,
    batches: Batches,
}

fn bench(
    options: &LogOptions,
    script: impl Fn(usize, &[Entry]) -> Fault + Send + Sync + 'static,
) -> Bench {
    let disk = MemoryDisk::default();
    let batches = Batches::default();
    let recorded = Arc::clone(&batches);
    let inner = Arc::new(MemoryStore::open(&disk, "http://one:7400"));
    let store = Arc::new(FaultyStore::new(inner, move |batch| {
        let number = {
            let mut recorded = recorded.lock().unwrap();
            recorded.push(
                batch
                    .iter()
                    .map(|entry| entry.gid.as_str().to_owned())
                    .collect(),
            );
            recorded.len() - 1
        };
        script(number, batch)
    }));
    let log = Log::start(Arc::clone(&store) as Arc<dyn TransactionLog>, options);
    Bench {
        disk,
        store,
        log,
        batches,
    }
}

fn plain() -> Bench {
    bench(&LogOptions::default(), |_, _| Fault::None)
}

impl Bench {
    fn batches(&self) -> Vec<Vec<String>> {
        self.batches.lock().unwrap().clone()
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches().iter().map(Vec::len).collect()
    }

    async fn is_written(&self, name: &str) -> bool {
        self.store.read(&gid(name)).await.unwrap().is_some()
    }
}

fn begin(name: &str) -> Entry {
    Entry::begin(&trying(name, 1, &["stock"]))
}

/// Waits long enough, on the paused clock, for everything that is going to happen.
async fn settle() {
    tokio::time::sleep(Duration::from_mins(1)).await;
}
