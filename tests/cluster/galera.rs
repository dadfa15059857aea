//! The coordinators of `main.rs`, each on another node of a Galera cluster, under the same load and the same check; and the
//! faults of the nodes ([`nodes`]).
//!
//! `TERCET_TEST_CLUSTER_ROUNDS=20 cargo test -p tercet --test cluster_galera -- --nocapture` is the long form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]
#![allow(
    dead_code,
    reason = "the faults of one server use more of what is shared"
)]

#[path = "../faults/answers.rs"]
mod answers;
#[path = "ground/galera.rs"]
mod ground;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod load;
mod nodes;
#[path = "../faults/load/plan.rs"]
mod plan;
mod replica;
#[path = "../faults/seed.rs"]
mod seed;
mod world;

/// Several coordinators need a server.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MariaDb;
