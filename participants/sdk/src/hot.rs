//! Hot rows: many calls on one row of the business gathered into one SQL transaction, each with its own verdict.
//!
//! In a flash sale every buyer wants the same row, and one SQL transaction a call would mean one flush to disk a call.
//! So calls on one row wait in a queue of that row, and whoever drives it takes all that wait, up to a bound, and runs
//! them together (`hot/batch.rs`): one statement locks the row, two read it and the fence rows, [`plan`] decides in
//! memory in the order of arrival, and one statement each inserts, ends and updates. No call waits while the row is idle;
//! none is answered before the commit; a batch that fails is run again in halves, so that one bad call never fails its
//! neighbours.
//!
//! What is decided is still the fence's own [`crate::verdict`]. What the row's business is stands in a [`HotTable`] (how
//! a row is locked, read and written) and its [`HotAction`]s (what one call does to a row, in memory).
//!
//! Must never: answer before the commit; remember anything that a look at the database would refute for longer than
//! the half second of [`LastSeen`].

mod action;
mod batch;
mod last_seen;
mod plan;
mod rows;

pub(crate) use action::HotCalls;
pub use action::{HotAction, HotTable};
pub use last_seen::LastSeen;
pub use rows::{HotCounts, HotOptions, HotRows};
