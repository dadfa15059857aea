//! The fence: the participant's own table that makes try, confirm and cancel safe to repeat and reorder.
//!
//! [`verdict`] is the contract's table as a pure function; [`Fence`] runs an action behind it, with the
//! fence row and the business change in one SQL transaction; [`FenceDb`] is what it needs of a database.
//! SQL lives in `fence/queries.rs` alone, mounted once per database.
//!
//! Nothing here ever says `SELECT … FOR UPDATE`: rows are inserted first, and changed only by updates that
//! name the state they expect.

mod db;
mod engine;
mod mysql;
pub(crate) mod rerun;
mod sqlite;
mod verdict;

pub use db::{Due, FenceDb, FenceRow, ListFilter, NewRow, Position};
pub use engine::{Fence, FenceOptions, Stop};
pub use verdict::{FenceRefusal, FenceState, FenceVerdict, Phase, Timeliness, Verbs, verdict};
