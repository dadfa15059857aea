//! End to end on MySQL proper, where it can be had: the same tests as on MariaDB.
//!
//! Left out is what a database has no part in, and what is about files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod bad_input;
mod crashes;
mod duplicates;
mod harness;
mod life_cycle;
mod orders;

/// What these tests run on; `main.rs` runs them on files.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MySql;
