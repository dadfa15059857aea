//! A storm of notices from a seed, against a model: whatever comes in whatever order, an order is paid once, and all other
//! money goes back.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

#[tokio::test]
async fn whatever_comes_each_order_is_paid_once_and_the_rest_goes_back() {
    let seed: u64 = std::env::var("TERCET_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("TERCET_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut schedule = schedule();
    // Lost notices are found by asking.
    schedule.ask_after = vec!["500ms".parse().unwrap(); 100];
    let Some(mut shop) = Shop::with(schedule).await else {
        return;
    };

    let mut model: HashMap<String, Vec<(String, i64, bool)>> = HashMap::new();
    for order in 0..6 {
        for attempt in 0..random.random_range(1..4) {
            let (order_no, payment_no) = (format!("o{order}"), format!("p{order}-{attempt}"));
            let amount = random.random_range(1..1000);
            shop.start(&payment_no, &order_no, amount).await;
            let is_paid = random.random_bool(0.7);
            let outcome = if is_paid {
                ChargeState::Succeeded
            } else {
                ChargeState::Failed
            };
            let plans = (0..random.random_range(0..5)).map(|_| NoticePlan {
                delay_ms: random.random_range(0..300),
                forged: random.random_bool(0.2),
                amount_cents: if random.random_bool(0.2) {
                    amount + 1
                } else {
                    0
                },
                ..honest()
            });
            let plans = plans.collect();
            shop.end(&payment_no, outcome, plans).await;
            model
                .entry(order_no)
                .or_default()
                .push((payment_no, amount, is_paid));
        }
        if order == 3 {
            shop.kill().await;
            shop.restart().await;
        }
    }
    for (order_no, payments) in &model {
        let mut accepted = 0;
        for (payment_no, amount, is_paid) in payments {
            let settled = |payment: &Payment, refunds: &[Refund]| {
                payment.verdict() == ReportVerdict::Accepted || are_done(payment, refunds)
            };
            let payment = shop.until(payment_no, settled).await;
            let expected = if *is_paid {
                PaymentState::Succeeded
            } else {
                PaymentState::Failed
            };
            assert_eq!(payment.state(), expected, "{payment_no}");
            let is_kept = *is_paid && payment.verdict() == ReportVerdict::Accepted;
            accepted += u32::from(is_kept);
            let back = if *is_paid && !is_kept { *amount } else { 0 };
            assert_eq!(shop.given_back(payment_no).await, back, "{payment_no}");
            let taken = shop.notices(payment_no, 0).await;
            let taken = taken
                .iter()
                .filter(|verdict| **verdict == NoticeVerdict::Taken);
            assert!(taken.count() <= 1, "{payment_no}");
        }
        let is_any_paid = payments.iter().any(|(_, _, is_paid)| *is_paid);
        assert_eq!(accepted, u32::from(is_any_paid), "{order_no}: {payments:?}");
    }
}
