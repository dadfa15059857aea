//! How long this coordinator may go on without having raised its beat.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tercet_core::cluster::{Lease as Rule, LeaseTimes, Moment};
use tokio::time::Instant;

use super::Times;

/// The rule of `tercet_core::cluster`, on this process's monotonic clock.
#[derive(Debug)]
pub(crate) struct Lease {
    start: Instant,
    rule: Mutex<Rule>,
}

impl Lease {
    pub(crate) fn new(times: Times) -> Self {
        let times = LeaseTimes {
            beat_every: times.beat_every,
            take_over_after: times.take_over_after,
        };
        Self {
            start: Instant::now(),
            rule: Mutex::new(Rule::new(times)),
        }
    }

    /// The beat was raised by a statement that was sent at `sent`: whoever has seen it has seen it later.
    pub(crate) fn extend(&self, sent: Instant) {
        let sent = self.moment(sent);
        // A panic elsewhere leaves a moment that is whole.
        let mut rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.extend(sent);
    }

    /// How long ago the last beat was sent that was raised; since the start, before the first.
    pub(crate) fn beat_age(&self) -> Duration {
        let now = self.moment(Instant::now());
        let rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.beat_age(now)
    }

    pub(crate) fn is_over(&self) -> bool {
        let now = self.moment(Instant::now());
        let rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.is_over(now)
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment(at.saturating_duration_since(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_before_anybody_can_take_over() {
        let times = Times {
            beat_every: Duration::from_secs(2),
            take_over_after: Duration::from_secs(15),
        };
        let lease = Lease::new(times);
        assert!(lease.is_over(), "before the first beat");
        let sent = Instant::now();
        // The answer takes its time; others may have seen the beat at once.
        tokio::time::advance(Duration::from_secs(5)).await;
        lease.extend(sent);
        assert!(!lease.is_over());
        tokio::time::advance(Duration::from_millis(7_999)).await;
        assert!(!lease.is_over());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(lease.is_over());
        // A beat that was sent earlier and answered later takes nothing away.
        let sent = Instant::now();
        lease.extend(sent);
        lease.extend(sent - Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(12)).await;
        assert!(!lease.is_over());
    }
}
