//! Strangers: programs in other languages that know Tercet from its contract and its reflection alone.
//!
//! - [`clients`]: Python's grpcio and grpcurl run orders with no proto files.
//! - [`participant`]: a participant in Python, with a fence of its own, takes part in transactions.
//! - [`fence`]: its fence under repeated, concurrent, early and late calls. It is the contract's table once more, held by
//!   code that nobody here wrote twice.
//! - [`initiator`]: an initiator in Python goes step by step, and calls a participant's try itself.
//! - [`garbage`]: ports that answer with anything but gRPC.
//!
//! [`tools`] fetches what they need into `build/`: a Python environment through pip, grpcurl through Go. Where Python
//! or Go is missing these tests say so in one line and pass; under `CI` a Python that is missing is a failure, grpcurl
//! only where a Go toolchain is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(clippy::missing_panics_doc, missing_docs, reason = "names say it")]

mod clients;
mod fence;
mod garbage;
#[path = "../end_to_end/harness/mod.rs"]
mod harness;
mod initiator;
mod participant;
mod queries;
mod seats;
mod tools;

const DATABASES: harness::databases::Kind = harness::databases::Kind::Sqlite;
