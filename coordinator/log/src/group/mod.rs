//! Group commit: many appends, one flush to disk, a verdict for each.
//!
//! [`Log`] is the handle. Behind it, a task for each lane drains whatever waits, writes it as one batch and answers
//! everybody after the commit ([`writer`]). No timer runs while something forced waits: one lone entry is written at
//! once, and the next batch gathers while that one is on its way to disk. A batch that the database refuses is run again
//! in halves until the guilty entry is alone ([`settle`]).

mod handle;
mod metrics;
mod settle;
mod writer;

pub use handle::{Failure, Log, LogOptions};
pub use metrics::{BatchObserver, BatchReport, LogMetrics};
