//! The walls of the house: rules about the sources themselves that no compiler holds.
//!
//! Each rule is a function from a text to its faults, tried on a text that breaks it and then on the repository. A
//! rule that stands in the way is changed here, in a commit that says why, never worked around. What clippy can hold is in
//! `clippy.toml`; what cargo-deny can hold is in `deny.toml`, whose most important parts `dependencies` reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod core_is_pure;
mod dependencies;
mod documents;
mod files;
mod licences;
mod protos;
mod repository;
mod runbook;
mod sql;
mod tokens;
mod traces;
