//! Whether the log does what it is there for: readiness goes red when it hasn't for longer than [`PATIENCE`].
//!
//! Failures are those of appends, of looking up a gid and of raising the beat: a call that finds no log ends with its
//! look-up, long before anything is appended, and a coordinator that nobody calls has its beat alone. Only an append
//! that is taken ends them, or a read after a time without any failure: a log that can be read may still take nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tercet_core::{Gid, Timestamp};
use tercet_log::Log;
use tercet_service::Readiness;

use crate::clock::Clock;

/// How long the log may fail before this coordinator is not ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The name of the reason in the readiness.
const REASON: &str = "log";

/// What all that is asked of the log says about it.
#[derive(Debug, Default)]
pub(crate) struct LogHealth {
    /// Microseconds since the epoch of the first failure since the last success; 0: none.
    failing_since: AtomicI64,
    last_failure: AtomicI64,
}

impl LogHealth {
    pub(crate) fn succeeded(&self) {
        // Almost always the case, and then a read is all it costs.
        if self.failing_since.load(Ordering::Relaxed) != 0 {
            self.failing_since.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self, now: Timestamp) {
        self.last_failure.store(now.as_micros(), Ordering::Relaxed);
        let _ = self.failing_since.compare_exchange(
            0,
            now.as_micros(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// How long appends have failed, if they do.
    pub(crate) fn failing_for(&self, now: Timestamp) -> Option<Duration> {
        let since = self.failing_since.load(Ordering::Relaxed);
        (since != 0).then(|| now.saturating_since(Timestamp::from_micros(since)))
    }

    fn quiet_for(&self, now: Timestamp) -> Duration {
        now.saturating_since(Timestamp::from_micros(
            self.last_failure.load(Ordering::Relaxed),
        ))
    }

    /// Keeps the readiness equal to it. Never ends.
    pub(crate) async fn watch(&self, log: &Log, readiness: &Readiness, clock: &Clock) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let now = clock.now();
            match self.failing_for(now) {
                None => readiness.green(REASON),
                Some(failing) if failing < PATIENCE => {}
                Some(_) if self.quiet_for(now) < PATIENCE => {
                    readiness.red(REASON, "the log has not taken anything for 10 s");
                }
                // Nobody has asked it for a while, so that nothing can succeed: not ready, no work, no success.
                Some(_) => {
                    if let Ok(probe) = Gid::parse("tercet-probe")
                        && log.read(&probe).await.is_ok()
                    {
                        self.succeeded();
                    }
                }
            }
        }
    }
}
