//! What every server of the house shares: configuration, listening, health, drain, telemetry.
//!
//! The coordinator and the three shop services differ in what they serve, not in how they start, how they
//! say that they are ready and how they stop. All of that is here, once:
//!
//! - [`config`] reads a TOML file and the environment into the server's own struct, and turns every mistake
//!   into one line that names the key;
//! - [`server`] binds, serves gRPC and HTTP, and stops: gently by [`Drain`], or at once by `abort`;
//! - [`readiness`] is what `/readyz` and `grpc.health.v1` answer from;
//! - [`metrics`] is what `/metrics` answers from, a registry for each server;
//! - [`traces`] makes spans, one tracer for each server, and sends them by OTLP;
//! - [`webhook`] posts signed documents in the background;
//! - [`telemetry`] sends the log to standard error. Standard output belongs to the one `ready` line.
//!
//! Must never: know what a transaction or an order is.

pub mod config;
pub mod drain;
pub mod metrics;
pub mod readiness;
pub mod server;
pub mod telemetry;
pub mod traces;
pub mod webhook;

mod clock;
mod deadline;
mod http;
mod killable;
mod listener;

pub use config::{ConfigDuration, ConfigError, Endpoint, ListenAddress, Ratio, load};
pub use deadline::caller_timeout;
pub use drain::Drain;
pub use listener::Listener;
pub use metrics::Metrics;
pub use readiness::Readiness;
pub use server::{Addresses, Bound, Listen, ListenError, Running, ServeError, Services};

/// The router type that [`Services::http`] takes, so that servers need no axum of their own version.
pub use axum;

/// The largest gRPC message a server or client of the house decodes, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
