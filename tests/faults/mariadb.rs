//! The faults of `main.rs` that are those of processes, with the databases on a MariaDB server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod answers;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod kills;
mod load;
mod ports;
mod seed;
mod stops;
mod world;

/// What these tests run on; `main.rs` runs them on files.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MariaDb;
