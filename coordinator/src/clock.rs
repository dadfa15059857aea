//! The only module that reads the wall clock. The core is told the time; everything else asks its [`Clock`].
//!
//! Wall clocks serve deadlines and retention only. How long something took is measured with the monotonic
//! clock, which a stepped wall clock doesn't disturb.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tercet_core::Timestamp;
use tokio::time::Instant;

/// No timer is set further away than this: after a step of the wall clock it is set anew soon enough.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// A wall clock: it may step, also back.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self::of(system_time)
    }

    /// Another one.
    pub fn of(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock module is where the wall clock is read"
)]
fn system_time() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since)
}

/// When a timer that is to fire at `at` has to fire on the monotonic clock, given that it is `now`.
pub(crate) fn instant_of(at: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + at.saturating_since(now).min(LONGEST_SLEEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_timer_is_looked_at_again_soon() {
        let before = Instant::now();
        let at = instant_of(Timestamp::NEVER, Clock::system().now());
        assert!(at >= before && at <= Instant::now() + LONGEST_SLEEP);
    }
}
