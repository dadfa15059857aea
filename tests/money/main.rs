//! Money with everybody there: orders that are paid from outside, cancelled, timed out, refunded and returned, with the
//! coordinator, the four services and the test provider in one process, over real sockets, on files. Whatever races, one
//! wins, and every sum is right. `TERCET_TEST_RACES` is how many races of each kind are run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod flows;
mod orders;
mod ports;
mod races;
mod steps;
mod sums;
mod world;

/// What these tests run on; `mariadb.rs` runs them on a server.
const DATABASES: world::Kind = world::Kind::Sqlite;
