//! What the servers tell of themselves, with real processes: figures, traces, alerts. Each is held against what can be
//! counted without it: the databases, or what a receiver has got.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

#[path = "../end_to_end/harness/mod.rs"]
mod harness;

mod alerts;
mod document;
mod figures;
mod idle;
mod ledger;
mod open;
mod promtool;
mod queries;
mod receiver;
mod rig;
mod scrape;
mod stuck;
mod traces;

use harness::databases::Kind;

/// The databases are files.
const DATABASES: Kind = Kind::Sqlite;
