//! The contract, sentence by sentence, from outside: a real `tercet serve` on SQLite, clients that make the rpcs of the
//! protos and nothing else, and participants whose every answer the test chooses.
//!
//! What other suites hold already isn't repeated here: the shell's tests drive the same rpcs in one process
//! (`coordinator/tests/shell`), `tests/end_to_end` kills processes, `tests/strangers` speaks other languages. Here are the
//! details that a program may be written against and that nobody would miss until it is: which check comes first, what each
//! code means in each phase, what a repetition compares, what ends an attempt.
//!
//! - [`world`]: a coordinator between two participants. [`participant`] is one of them, [`told`] reads refusals.
//! - [`checks`]: the order of checks, limits to the byte, limits that change over a restart.
//! - [`keys`]: what a gid and a branch id are keys of. [`orphans`]: a cancel that comes before its begin.
//! - [`answers`]: the table of codes, phase by phase. [`attempts`]: what uses up an attempt, and what comes of it.
//! - [`calls`]: what a participant sees. [`phases`]: order, verbs, who gets a cancel.
//! - [`steps`]: decisions, renewals, verdicts. [`operators`]: retry, park, resume, force, pause. [`lists`]: lists.
//! - [`process`]: the ready line, the environment, the drain.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod answers;
mod attempts;
mod calls;
mod checks;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod keys;
mod lists;
mod operators;
mod orphans;
mod participant;
mod phases;
mod process;
mod steps;
mod told;
mod world;

const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;
