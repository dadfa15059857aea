//! `tercet reconcile` on MariaDB: the same tests, with the databases on a server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod fences;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod meter;
mod money;
mod pages;
mod queries;
mod world;

/// What these tests run on; `main.rs` runs them on files.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MariaDb;
