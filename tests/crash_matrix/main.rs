//! Every failpoint of the coordinator and of a participant, with each thing that can happen there, on SQLite and on
//! MariaDB: real processes run a handful of orders, one of them dies there, fails or waits, exactly once, and is started
//! again; then everything has to be terminal, every answer that a client got has to stand, and the checker finds no
//! violation in the databases. That the place was reached is read from a file that the process wrote.
//!
//! - [`points`]: the rows, compared with the sources.
//! - [`cells`]: the cells, the choice of the short form, and the matrix as it is printed.
//! - [`deals`]: what clients ask for. [`victim`]: the process that dies. [`run`]: a cell.
//!
//! The short form runs two cells of each row, by the seed (`TERCET_TEST_SEED`); the long one runs all:
//!
//! ```text
//! TERCET_TEST_MATRIX=all cargo test -p tercet --test crash_matrix -- --nocapture
//! ```
//!
//! `TERCET_TEST_MATRIX=hot::` runs all cells of the failpoints whose names contain that. `TERCET_TEST_MATRIX_ROUNDS=10` runs
//! what is chosen so often, each time with other victims, calls and delays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

#[allow(dead_code, reason = "other targets use more of it")]
#[path = "../faults/answers.rs"]
mod answers;
mod cells;
mod deals;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
#[allow(dead_code, unused_imports, reason = "other targets use more of it")]
#[path = "../faults/load/mod.rs"]
mod load;
mod points;
mod run;
#[path = "../faults/seed.rs"]
mod seed;
mod victim;
#[allow(dead_code, reason = "other targets use more of it")]
#[path = "../faults/world.rs"]
mod world;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::join_all;
use tercet_test_databases::Server;
use tokio::time::Instant;

use crate::cells::{Cell, Kind, Sign, chosen, shown};
use crate::run::System;
use crate::seed::Seed;

/// Of the harness; the systems of this test say themselves what they run on.
const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;

/// Systems of each kind of database at once.
const SYSTEMS: usize = 2;

/// Cells that wait for a system of their kind.
type Queue = Arc<Mutex<VecDeque<Cell>>>;

/// Takes cells until none is left. A system on which a cell failed is left as it is, for a look at its files.
async fn work(seed: u64, kind: Kind, worker: usize, queue: Queue) -> Vec<(Cell, Sign)> {
    let server = match kind {
        Kind::Sqlite => None,
        Kind::MariaDb => Server::shared().await,
    };
    let mut system = None;
    let mut results = Vec::new();
    loop {
        let next = queue.lock().unwrap().pop_front();
        let Some(cell) = next else { return results };
        let started = Instant::now();
        let prefix = format!("{seed}-{worker}-{}", results.len());
        let ran = AssertUnwindSafe(async {
            let mut system = match system.take() {
                Some(system) => system,
                None => System::start(kind, server).await,
            };
            system.run(&cell, &prefix).await;
            system
        });
        let sign = match ran.catch_unwind().await {
            Ok(whole) => {
                system = Some(whole);
                Sign::Held
            }
            Err(_) => Sign::Failed,
        };
        let took = started.elapsed();
        println!("{sign:?} after {took:.1?}: {cell:?} {}", cell.failpoint());
        results.push((cell, sign));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_fails_or_waits_anywhere_nothing_is_lost_and_nothing_doubled() {
    let mut seed = Seed::new("crash matrix");
    let form = std::env::var("TERCET_TEST_MATRIX").unwrap_or_default();
    let mut kinds = Kind::ALL.to_vec();
    if Server::shared().await.is_none() {
        kinds.retain(|kind| *kind == Kind::Sqlite);
    }
    let rounds = std::env::var("TERCET_TEST_MATRIX_ROUNDS").ok();
    let rounds = rounds.map_or(1, |text| text.parse::<u32>().expect("a number"));
    let mut cells: Vec<Cell> = (0..rounds)
        .flat_map(|_| chosen(&mut seed, !form.is_empty(), &kinds))
        .collect();
    if !matches!(form.as_str(), "" | "all") {
        cells.retain(|cell| cell.point().name.contains(&form));
        assert!(!cells.is_empty(), "no failpoint's name contains {form}");
    }
    let started = Instant::now();
    let mut workers = Vec::new();
    for kind in kinds {
        let mut own = cells.clone();
        own.retain(|cell| cell.kind == kind);
        let queue = Arc::new(Mutex::new(VecDeque::from(own)));
        for worker in 0..SYSTEMS {
            workers.push(work(seed.number, kind, worker, Arc::clone(&queue)));
        }
    }
    let results = join_all(workers).await.concat();
    let failed = results
        .iter()
        .filter(|(_, sign)| *sign == Sign::Failed)
        .count();
    println!(
        "{}{} cells in {:.0?}, {failed} failed, seed {}",
        shown(&results),
        results.len(),
        started.elapsed(),
        seed.number
    );
    assert_eq!(results.len(), cells.len());
    assert_eq!(failed, 0);
}
