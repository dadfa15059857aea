//! End to end: real processes, real files, real gRPC, real `kill -9`.
//!
//! One file a subject; [`harness`] is what they stand on. Nothing here looks inside a process: what is asserted is what a
//! client, an operator or the database can see. `mariadb.rs` runs those that a database has a part in on MariaDB.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod bad_input;
mod command_line;
mod crashes;
mod duplicates;
mod foreign_clients;
mod harness;
mod life_cycle;
mod manual;
mod operators;
mod orders;
mod starts;

/// What these tests run on; `mariadb.rs` runs them on a server.
const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;
