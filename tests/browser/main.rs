//! The console in a real browser, as an operator has it: what can be read, clicked and typed, in light and dark, on a
//! narrow screen, by keyboard alone. The runbook's walk through a stuck transaction is followed here step by step.
//!
//! The browser is fetched into `build/chromium`. Pictures of each step are left in `target/tmp/browser`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

#[path = "../end_to_end/harness/mod.rs"]
mod harness;

mod acting;
mod browser_itself;
mod chromium;
mod keyboard;
mod reading;
mod runbook;
mod safety;
mod world;

use harness::databases::Kind;

/// The databases are files.
const DATABASES: Kind = Kind::Sqlite;
