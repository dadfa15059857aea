//! The coordinator's shell: gRPC in, participant calls out, the log and the timers.
//!
//! All decisions are made by `tercet_core`; this crate owns every `await` around it. There is one path: recovery is
//! loading what the log holds and asking the core what is outstanding.
//!
//! Where to go next:
//!
//! - [`Coordinator::start`]: a whole coordinator, as `tercet serve` runs it and as tests do;
//! - `api`: the rpcs, in the order of checks that the contract fixes;
//! - `transactions`: one task for each open transaction, and how they are found;
//! - `alerts`: telling people what needs them;
//! - `cluster`: other coordinators on the same log;
//! - `participants`: calls out, and what their answers mean;
//! - `validate`, `view`, `errors`: requests in, messages and errors out;
//! - `console`: pages for people, on the HTTP port;
//! - [`metrics`]: its figures;
//! - `json`: payloads by the participant's own schema;
//! - [`Surroundings`]: sockets, connections and the clock, which a simulation brings itself;
//! - [`Config`]: every key of the configuration.
//!
//! What must never happen here: a decision; an answer before its facts are durable; a durable step that dies with
//! its client's connection; a lock that is held across an `await`; a queue, cache or retry without a bound.

mod alerts;
mod api;
mod clock;
mod cluster;
pub mod config;
mod console;
pub mod errors;
mod json;
mod log_health;
pub mod metrics;
mod participants;
mod pauses;
mod server;
mod surroundings;
mod telemetry;
mod transactions;
mod validate;
mod view;

pub use clock::Clock;
pub use config::Config;
pub use server::{Coordinator, Running, StartError, StopError};
pub use surroundings::{Connect, Resolve, Surroundings};
