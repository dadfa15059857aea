//! A process that dies in the middle: what was committed has its rows, what wasn't has none, and the repeat settles it.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Fixture, Hot, word};
use crate::fence::{FenceState, Phase};
use crate::testing::seed;

const BUYERS: i64 = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_process_leaves_whole_batches_or_nothing() {
    let mut random = StdRng::seed_from_u64(seed());
    for _ in 0..6 {
        let fixture = given!(Fixture::new());
        let hot = Arc::new(Hot::new(fixture.reopen().await));
        let calls: Vec<_> = (0..BUYERS)
            .map(|buyer| {
                let hot = Arc::clone(&hot);
                tokio::spawn(async move { hot.call(Phase::Try, &format!("b{buyer}"), 1).await })
            })
            .collect();
        // Anywhere: before the first batch, between its statements, after it.
        tokio::time::sleep(Duration::from_micros(random.random_range(0..8_000))).await;
        hot.fence.stop().abort();
        hot.fence.stop().wait().await;
        let mut answered = Vec::new();
        for call in calls {
            answered.push(word(&call.await.unwrap()));
        }
        hot.fence.database().close().await;

        let mut tried = 0;
        for (buyer, word) in answered.iter().enumerate() {
            let is_tried = fixture.state(&format!("b{buyer}")).await.is_some();
            tried += i64::from(is_tried);
            // No answer promises nothing; an answer is kept.
            assert!(
                word == "STOPPING" || (word == "OK" && is_tried),
                "b{buyer} was answered {word}"
            );
        }
        assert_eq!(fixture.balance().await, (100 - tried, tried, 0));

        let successor = Hot::new(fixture.reopen().await);
        for buyer in 0..BUYERS {
            successor
                .call(Phase::Try, &format!("b{buyer}"), 1)
                .await
                .unwrap();
        }
        assert_eq!(fixture.balance().await, (100 - BUYERS, BUYERS, 0));
        assert_eq!(fixture.state("b0").await, Some(FenceState::Tried));
    }
}
