//! The drain: what is in flight gets a grace period, the rest is left durable for the next owner.

use std::time::Duration;

use crate::transactions::{Stage, Transactions};

/// After the grace period: how long tasks may take to notice that they are over. They wait for nothing but the log, which
/// takes what they have learnt and not written yet.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// At the end: how long alerts may take to reach the webhook. What doesn't is told by the next owner, as long as it is so.
pub(super) const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// Runs while requests are still served, from the beginning of the drain on.
pub(super) async fn drain(transactions: Transactions, grace: Duration) {
    transactions.advance(Stage::Draining);
    let idle = transactions.shared().gauges.idle();
    if tokio::time::timeout(grace, idle).await.is_err() {
        tracing::info!(
            ?grace,
            "the grace period is over, what is open is left in the log"
        );
    }
    leave(&transactions).await;
    // The beats end before the session does: being fenced is no surprise any more.
    super::running::leave(&transactions);
    // Whatever was appended last is written, and the session ends.
    transactions.shared().log.shutdown().await;
    transactions
        .shared()
        .telemetry
        .alerts
        .flush(FLUSH_LIMIT)
        .await;
}

/// Ends every task; callers that still wait are answered.
async fn leave(transactions: &Transactions) {
    transactions.advance(Stage::Leaving);
    if tokio::time::timeout(LEAVE_LIMIT, transactions.ended())
        .await
        .is_err()
    {
        tracing::warn!("a transaction's task doesn't end");
    }
}
