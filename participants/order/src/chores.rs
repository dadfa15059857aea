//! What must go on after a death: payments that the payment service hasn't answered for, and refunds that aren't given yet.
//! Both are rows with a time. Whoever moves the time first does the work; what several do at once is harmless all the same.

use std::time::Duration;

use tercet_participant::ActionError;

use super::payment::Payments;
use super::refund::Refunds;

/// How often the tables are looked at, a range of an index each.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a row belongs to whoever has claimed it for the attempt after `attempts` others: doubles, up to `most`.
pub(super) fn lease(first: Duration, attempts: i64, most: Duration) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(0);
    first.saturating_mul(1 << doublings).min(most)
}

/// Runs for ever; drop the future to stop.
pub(super) async fn run(payments: Payments, refunds: Refunds) {
    tokio::join!(
        sweep("payments", || payments.sweep()),
        sweep("refunds", || refunds.sweep()),
    );
}

async fn sweep<F>(what: &str, work: impl Fn() -> F)
where
    F: Future<Output = Result<bool, ActionError>>,
{
    loop {
        match work().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(what, %error, "not looked after; again later"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_double_up_to_their_bound() {
        let (first, most) = (Duration::from_secs(4), Duration::from_mins(5));
        let leases = [0, 1, 2, 6, 7, 1000, i64::MAX].map(|n| lease(first, n, most).as_secs());
        assert_eq!(leases, [4, 8, 16, 256, 300, 300, 300]);
    }
}
