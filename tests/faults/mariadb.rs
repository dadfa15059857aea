//! The faults of `main.rs` that are those of processes, with the databases on a MariaDB server; and the faults of the
//! server itself, each on one of its own ([`rig`]):
//!
//! - [`server`]: killed, frozen, read-only, full.
//! - [`connections`]: killed in every phase of a batch, and cut, held, delayed and half-closed on the way.
//! - [`aimed`]: failpoints at the places that no timing hits.
//! - [`instances`]: several instances of a participant on one database, one of them killed.
//! - [`restored`]: the log is a copy that is older than what the participants have done.
//!
//! [`bites`] shows that the check at the end of each would see what it is for.
//!
//! `TERCET_TEST_SERVER_ROUNDS=20 cargo test --test faults_mariadb -- --nocapture` is the long form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod aimed;
mod answers;
mod backup;
mod bites;
mod connections;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod instances;
mod kills;
mod load;
mod ports;
mod restored;
mod rig;
mod seed;
mod server;
mod stops;
mod world;

/// What these tests run on; `main.rs` runs them on files.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MariaDb;
