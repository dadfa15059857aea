//! A whole coordinator: starting, serving, draining, dying.
//!
//! ```text
//! Coordinator::start   bind, open the log, recover what is open, then serve
//!   Running            addresses, drain, wait, abort
//!     drain            new gids refused; idle or the grace period over; the rest left to the next owner
//!     background       purge by retention, readiness by the log's health
//! ```

mod background;
mod drain;
mod error;
mod running;
mod start;

pub use error::{StartError, StopError};
pub use running::Running;
pub use start::Coordinator;
