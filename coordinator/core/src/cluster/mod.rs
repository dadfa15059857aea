//! The rules by which several coordinators share one log. Pure, like everything here: the shell and the simulator ask
//! the same.
//!
//! - [`Lease`]: how long a coordinator may go on without having raised its beat.
//! - [`Watcher`]: whose beat has stood still for too long.
//! - [`route`]: where a call about a transaction belongs.
//!
//! What must never appear here: a wall clock. [`Moment`]s of two processes must never be compared; the types can't tell
//! them apart, so nothing here takes or gives one that leaves its process.

mod lease;
mod routing;
mod watcher;

use core::time::Duration;

pub use lease::{Lease, LeaseTimes};
pub use routing::{LOOKS_MAX, OwnedBy, Route, route};
pub use watcher::{Seen, Watcher};

/// A moment on the monotonic clock of one process: the time since that process chose to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub Duration);

impl Moment {
    /// How long ago `earlier` was; nothing if it wasn't.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
