//! Money on MariaDB: the same tests, with the databases on a server.
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

/// What these tests run on; `main.rs` runs them on files.
const DATABASES: world::Kind = world::Kind::MariaDb;
