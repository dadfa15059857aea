//! How long this coordinator may go on without having raised its beat.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Times;

/// A span on this process's monotonic clock. It is looked at before each append, so that a process that was frozen finds it
/// over before it does anything. It is a courtesy: what really keeps a fenced session from writing stands in the log.
#[derive(Debug)]
pub(crate) struct Lease {
    start: Instant,
    lasts: Duration,
    /// Microseconds after the start.
    until: AtomicU64,
}

impl Lease {
    /// Over until the first beat. Each beat gives it the take-over time less one beat, so that it is over before
    /// anybody else can have waited that long.
    pub(crate) fn new(times: Times) -> Self {
        Self {
            start: Instant::now(),
            lasts: times.take_over_after.saturating_sub(times.beat_every),
            until: AtomicU64::new(0),
        }
    }

    /// The beat was raised by a statement that was sent at `sent`: whoever has seen it has seen it later.
    pub(crate) fn extend(&self, sent: Instant) {
        let until = sent.saturating_duration_since(self.start) + self.lasts;
        let micros = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
        self.until.fetch_max(micros, Ordering::AcqRel);
    }

    /// How long ago the last beat was sent that was raised; since the start, before the first.
    pub(crate) fn beat_age(&self) -> Duration {
        let until = Duration::from_micros(self.until.load(Ordering::Acquire));
        self.start
            .elapsed()
            .saturating_sub(until.saturating_sub(self.lasts))
    }

    pub(crate) fn is_over(&self) -> bool {
        let until = Duration::from_micros(self.until.load(Ordering::Acquire));
        self.start.elapsed() >= until
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
