//! What a coordinator does beside its transactions: the purge.

use std::time::Duration;

use tercet_log::Log;

use crate::clock::Clock;

/// A purge follows its retention within a tenth of it or this, whichever is shorter.
const PURGE_EVERY_MAX: Duration = Duration::from_mins(10);
/// Not more often than this, however short the retention.
const PURGE_EVERY_MIN: Duration = Duration::from_millis(50);
/// Transactions deleted in one step; appends go in between.
const PURGE_STEP: usize = 500;

/// Deletes what has ended longer ago than `retention`. Never ends.
pub(super) async fn purge(log: Log, retention: Duration, clock: Clock) {
    let every = (retention / 10).clamp(PURGE_EVERY_MIN, PURGE_EVERY_MAX);
    let mut turns = tokio::time::interval(every);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let before = retention.as_micros();
        let micros = i64::try_from(before).unwrap_or(i64::MAX);
        let ended_before =
            tercet_core::Timestamp::from_micros(clock.now().as_micros().saturating_sub(micros));
        loop {
            match log.purge(ended_before, PURGE_STEP).await {
                Ok(purged) if purged < PURGE_STEP => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "what has ended can't be purged now");
                    break;
                }
            }
        }
    }
}
