//! The whole coordinator in one process: real gRPC on loopback, participants that do as they are told, a log in
//! memory that outlives the coordinators on it. Nothing here sleeps to wait for something: it waits for the thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

mod breaker;
mod calls;
mod cluster;
mod drain;
mod duplicates;
mod execute;
mod initiator;
mod json;
mod limits;
mod lists;
mod operators;
mod pauses;
mod recovery;
mod retention;
mod starting;
mod steps;
mod waits;
mod watch;
