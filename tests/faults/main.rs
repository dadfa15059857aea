//! Real processes that are really killed, stopped, starved and cut off, under load, and then every invariant checked
//! from the database files by the checker, which shares no code with the services.
//!
//! - [`kills`]: `kill -9` of the coordinator, of a participant, of all at once, at random moments.
//! - [`stops`]: SIGSTOP and SIGCONT.
//! - [`disk`]: the log's disk is full.
//! - [`torn`]: a log file that ends in the middle of a write.
//! - [`ports`]: servers that come back late.
//! - [`restored`]: the log is a copy that is older than what the participants have done.
//!
//! What they stand on: [`load`] is the clients, [`answers`] what these were told, [`world`] the processes and the
//! final check, [`seed`] the one number that decides everything random. A failure prints its seed;
//! `TERCET_TEST_SEED=N` runs it again. The hundred rounds of the long form:
//!
//! ```text
//! TERCET_TEST_KILL_ROUNDS=100 cargo test --test faults kills -- --nocapture
//! ```
//!
//! A seed fixes what is asked, who is killed and after how many answers; the operating system's scheduling stays its
//! own, so a run is repeated in its plan, not in every interleaving. That is the simulator's part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod answers;
mod backup;
mod disk;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod kills;
mod load;
mod ports;
mod restored;
mod seed;
mod stops;
mod torn;
mod wal;
mod world;

/// What these tests run on; `mariadb.rs` runs those of the processes on a server.
const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;
