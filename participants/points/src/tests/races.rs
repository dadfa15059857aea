//! Calls at once: refunds never pass what was spent, spends never what is there, whatever races.

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// Rounds of racing refunds; `TERCET_TEST_CASES` for more.
const ROUNDS: usize = 12;

#[tokio::test]
async fn racing_refunds_are_never_more_than_was_spent() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut random = StdRng::seed_from_u64(seed());
    let rounds = std::env::var("TERCET_TEST_CASES").map_or(ROUNDS, |cases| cases.parse().unwrap());
    let (mut available, shop) = (100, &shop);
    for round in 0..rounds {
        let order_no = format!("o{round}");
        shop.spent(&format!("s{round}"), payment(60, &order_no, ""))
            .await;
        let asked: Vec<_> = (0..16)
            .map(|number| {
                // Some share a number.
                let refund_no = format!("r{}", number % 13);
                let is_confirmed = random.random_ratio(2, 3);
                (
                    number,
                    refund(random.random_range(1..20), &order_no, &refund_no),
                    is_confirmed,
                )
            })
            .collect();
        let done = asked
            .iter()
            .map(|(number, request, is_confirmed)| async move {
                let branch = format!("{round}-{number}");
                match shop.refund(Phase::Try, &branch, request.clone()).await {
                    Ok(_) => {}
                    Err(status) => {
                        let word = reason(&status);
                        assert!(
                            ["REFUND_TOO_LARGE", "DUPLICATE_REFUND"].contains(&word.as_str()),
                            "{status}"
                        );
                        return None;
                    }
                }
                let phase = if *is_confirmed {
                    Phase::Confirm
                } else {
                    Phase::Cancel
                };
                // Twice at once, as an impatient coordinator would.
                for end in
                    join_all((0..2).map(|_| shop.refund(phase, &branch, request.clone()))).await
                {
                    end.unwrap();
                }
                is_confirmed.then_some((request.refund_no.clone(), request.points))
            });
        let refunded: Vec<_> = join_all(done).await.into_iter().flatten().collect();
        let sum: i64 = refunded.iter().map(|(_, points)| points).sum();
        let mut numbers: Vec<_> = refunded.iter().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(
            numbers.len(),
            refunded.len(),
            "each number once: {refunded:?}"
        );
        assert!(sum <= 60, "{refunded:?}");
        assert_eq!(shop.order(&order_no).await, [60, 0, sum]);
        available += sum - 60;
        assert_eq!(shop.balance().await, (available, 0));
        shop.grant(&format!("g{round}"), grant(60 - sum + 1, &order_no))
            .await
            .unwrap();
        available += 61 - sum;
    }
}

#[tokio::test]
async fn racing_spends_take_no_more_than_is_there() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let spends = (0..200).map(|number| {
        let shop = &shop;
        async move {
            let request = payment(3, &format!("o{number}"), "");
            let branch = format!("b{number}");
            match shop.spend(Phase::Try, &branch, request.clone()).await {
                Ok(_) => {}
                Err(status) => {
                    assert_eq!(reason(&status), "NOT_ENOUGH_POINTS", "{status}");
                    return 0;
                }
            }
            shop.spend(Phase::Confirm, &branch, request).await.unwrap();
            1
        }
    });
    let spent: i64 = join_all(spends).await.into_iter().sum();
    assert_eq!(spent, 33);
    assert_eq!(shop.balance().await, (1, 0));
}
