//! When a transaction's task looks again by itself.
//!
//! Must never: forget that it has rung. Something may have become due just then, and whoever asks the run again is told
//! only of what lies ahead.

use std::pin::Pin;

use tokio::time::{Instant, Sleep};

/// The one timer of a task.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// Kept for the next time: making one costs more than setting it anew.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether it is yet to ring.
    is_set: bool,
}

impl Alarm {
    /// Lets it ring at `at`, or earlier where it was set for that: one look too many costs less than setting it anew on
    /// every turn.
    pub(super) fn set(&mut self, at: Instant) {
        match &mut self.timer {
            Some(timer) if self.is_set && timer.deadline() <= at => {}
            Some(timer) => timer.as_mut().reset(at),
            none => *none = Some(Box::pin(tokio::time::sleep_until(at))),
        }
        self.is_set = true;
    }

    /// Waits until it rings; for ever if it isn't set. Rings once for each time that it was set.
    pub(super) async fn rings(&mut self) {
        match &mut self.timer {
            Some(timer) if self.is_set => timer.await,
            _ => std::future::pending().await,
        }
        self.is_set = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt as _, poll};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_once_at_the_earliest_of_the_times() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        assert!(alarm.rings().now_or_never().is_none(), "it isn't set");
        alarm.set(start + Duration::from_secs(9));
        alarm.set(start + Duration::from_secs(3));
        alarm.set(start + Duration::from_secs(5));

        alarm.rings().await;

        assert_eq!(Instant::now(), start + Duration::from_secs(3));
        assert!(alarm.rings().now_or_never().is_none(), "it has rung");
        alarm.set(start + Duration::from_secs(4));
        alarm.rings().await;
        assert_eq!(Instant::now(), start + Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_went_off_unheard_rings_all_the_same() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        alarm.set(start + Duration::from_secs(1));
        assert!(poll!(Box::pin(alarm.rings())).is_pending());
        tokio::time::advance(Duration::from_secs(2)).await;

        // Somebody else was heard first, and what was due then isn't ahead any more.
        alarm.set(start + Duration::from_mins(1));

        assert!(alarm.rings().now_or_never().is_some());
    }
}
