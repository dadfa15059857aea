//! `tercet reconcile` with real processes: every kind of disagreement is planted in the databases, and is named and mended.
//!
//! [`world`] is a shop and how its databases are tampered with; `mariadb.rs` runs the same on a server.
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

/// What these tests run on; `mariadb.rs` runs them on a server.
const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;
