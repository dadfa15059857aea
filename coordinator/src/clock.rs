//! The only module that reads the wall clock. The core is told the time; everything else asks here.
//!
//! Wall clocks serve deadlines and retention only. How long something took is measured with the monotonic
//! clock, which a stepped wall clock doesn't disturb.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tercet_core::Timestamp;
use tokio::time::Instant;

/// No timer is set further away than this: after a step of the wall clock it is set anew soon enough.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock module is where the wall clock is read"
)]
pub(crate) fn now() -> Timestamp {
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
        let at = instant_of(Timestamp::NEVER, now());
        assert!(at >= before && at <= Instant::now() + LONGEST_SLEEP);
    }
}
