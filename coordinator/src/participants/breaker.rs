//! The circuit breaker of a participant: refuses new work while nobody answers.
//!
//! It looks at tries only. After [`UNANSWERED_MAX`] in a row without an answer it opens; after a pause, which
//! doubles each time, one new transaction is let through to see. It never delays or counts anything that has
//! begun: those go on trying, and an answer to one of them closes it too.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Tries in a row without an answer that open it.
pub(crate) const UNANSWERED_MAX: u32 = 5;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Whether new tries are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

/// One participant's breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    is_enabled: bool,
    /// Tries in a row without an answer. Zero means closed, without a look at the rest.
    unanswered: AtomicU32,
    opened: Mutex<Option<Opened>>,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    until: Instant,
    pause: Duration,
    is_probing: bool,
}

impl Breaker {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self {
            is_enabled,
            unanswered: AtomicU32::new(0),
            opened: Mutex::new(None),
        }
    }

    /// Whether a new transaction may name the participant; the error is how long to wait.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        if !self.is_enabled || self.unanswered.load(Ordering::Relaxed) < UNANSWERED_MAX {
            return Ok(());
        }
        let mut opened = self.lock();
        let Some(open) = opened.as_mut() else {
            return Ok(());
        };
        if now < open.until {
            return Err(open.until - now);
        }
        // This one is the probe. If nothing is ever heard of it, another may go after the same pause.
        open.is_probing = true;
        open.until = now + open.pause;
        Ok(())
    }

    /// A try was answered, whatever the answer.
    pub(crate) fn answered(&self) {
        if self.unanswered.load(Ordering::Relaxed) != 0 {
            self.unanswered.store(0, Ordering::Relaxed);
            *self.lock() = None;
        }
    }

    /// A try got no answer.
    pub(crate) fn unanswered(&self, now: Instant) {
        let in_a_row = self
            .unanswered
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if in_a_row < UNANSWERED_MAX {
            return;
        }
        let mut opened = self.lock();
        match opened.as_mut() {
            None => {
                *opened = Some(Opened {
                    until: now + PAUSE_MIN,
                    pause: PAUSE_MIN,
                    is_probing: false,
                });
            }
            Some(open) if open.is_probing => {
                open.pause = (open.pause * 2).min(PAUSE_MAX);
                open.until = now + open.pause;
                open.is_probing = false;
            }
            Some(_) => {}
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match *self.lock() {
            Some(open) if self.is_enabled && open.is_probing => BreakerState::HalfOpen,
            Some(_) if self.is_enabled => BreakerState::Open,
            _ => BreakerState::Closed,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Opened>> {
        // Nothing panics while it is held; should something, the value is whole all the same.
        self.opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::new(true);
        for _ in 0..UNANSWERED_MAX {
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.unanswered(now);
        }
        breaker
    }

    #[test]
    fn opens_after_five_in_a_row() {
        let now = Instant::now();
        let breaker = Breaker::new(true);
        for _ in 0..UNANSWERED_MAX - 1 {
            breaker.unanswered(now);
        }
        breaker.answered();
        for _ in 0..UNANSWERED_MAX - 1 {
            breaker.unanswered(now);
        }
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.unanswered(now);
        assert_eq!(breaker.admit(now), Err(PAUSE_MIN));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn lets_one_through_after_the_pause_and_closes_with_its_answer() {
        let now = Instant::now();
        let breaker = open(now);
        let later = now + PAUSE_MIN;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(later), Err(PAUSE_MIN));
        breaker.answered();
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(breaker.admit(later), Ok(()));
    }

    #[test]
    fn a_failed_probe_doubles_the_pause() {
        let now = Instant::now();
        let breaker = open(now);
        let later = now + PAUSE_MIN;
        assert_eq!(breaker.admit(later), Ok(()));
        breaker.unanswered(later);
        assert_eq!(breaker.admit(later), Err(PAUSE_MIN * 2));
    }

    #[test]
    fn switched_off_it_never_refuses() {
        let now = Instant::now();
        let breaker = Breaker::new(false);
        for _ in 0..=UNANSWERED_MAX {
            breaker.unanswered(now);
        }
        assert_eq!(breaker.admit(now), Ok(()));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
