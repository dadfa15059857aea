//! Three real coordinators on one MariaDB under load, killed, frozen, cut off, restarted one after the other, lied to about
//! their addresses and their clocks; and after each of it every invariant, checked from the databases by the checker.
//!
//! - [`kills`]: `kill -9` of one of three; how soon others have taken over.
//! - [`stops`]: SIGSTOP beyond the take-over time: what wakes up then must do no harm.
//! - [`rolling`]: each replaced in turn, by SIGTERM: nobody may notice.
//! - [`database`]: their one database killed, and frozen for longer than the take-over time.
//! - [`networks`]: cuts between each pair of parties, with and without a word.
//! - [`addresses`], [`clocks`]: an advertised address that leads nowhere or elsewhere; wall clocks hours apart.
//! - [`drained`]: ten thousand open transactions of a dead coordinator.
//! - [`rounds`]: random faults in rounds, from a seed. The long form, for hours:
//!
//! ```text
//! TERCET_TEST_CLUSTER_ROUNDS=500 cargo test -p tercet --test cluster rounds -- --nocapture
//! ```
//!
//! What they stand on: [`world`] the processes and the final check, [`replica`] one coordinator and the proxies on every way to
//! and from it, [`load`] clients that use the client crate with all endpoints. Figures are printed, and asserted only where
//! they don't depend on how fast the machine is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod addresses;
#[allow(dead_code, reason = "the faults of one coordinator use more of it")]
#[path = "../faults/answers.rs"]
mod answers;
mod clocks;
mod database;
mod drained;
#[path = "ground/server.rs"]
mod ground;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod kills;
mod load;
mod networks;
#[allow(dead_code, reason = "the faults of one coordinator use more of it")]
#[path = "../faults/load/plan.rs"]
mod plan;
mod replica;
mod rolling;
mod rounds;
#[path = "../faults/seed.rs"]
mod seed;
mod stops;
mod world;

/// Several coordinators need a server.
const DATABASES: harness::databases::Kind = harness::databases::Kind::MariaDb;
