//! The figures of a coordinator (`/metrics`).
//!
//! What happens is counted where it happens, by handles that were made at the start: `TransactionMeters` for the
//! life of transactions, `CallMeters` for each participant, `LogMeters` for the log. What is so now is read from
//! the live state just before the figures are asked for (`LiveGauges`); nothing is counted twice.
//!
//! Must never: read the database, or wait; take a label's value from a request.

mod calls;
mod definitions;
mod gauges;
mod log;
mod transactions;

pub(crate) use calls::{CallFamilies, CallMeters};
pub use definitions::DEFINITIONS;
pub(crate) use definitions::{ALERTS_RAISED, ALERTS_TOLD};
pub(crate) use gauges::LiveGauges;
pub(crate) use log::LogMeters;
pub(crate) use transactions::{Observed, TransactionMeters, reason_name};
