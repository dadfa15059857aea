//! Random batches against the same calls one by one through the plain engine: the same answers, the same row, the same
//! fence.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::hot_wallet::{FAILS, VIOLATES};
use super::{Fixture, Held, Hot, word};
use crate::fence::{FenceState, Phase};
use crate::testing::{key, seed};

const BRANCHES: u32 = 25;

#[tokio::test]
async fn a_batch_is_the_same_as_its_calls_one_by_one() {
    let mut random = StdRng::seed_from_u64(seed());
    let (one_by_one, gathered) = (given!(Fixture::new()), given!(Fixture::new()));
    let hot = Arc::new(Hot::new(gathered.reopen().await));
    for round in 0..15 {
        let held = Held::wallet(gathered.fence.database()).await;
        let mut calls = Vec::new();
        for _ in 0..random.random_range(1..60) {
            let phase =
                [Phase::Try, Phase::Try, Phase::Confirm, Phase::Cancel][random.random_range(0..4)];
            let branch = format!("{round}-{}", random.random_range(0..BRANCHES));
            let amount = match random.random_range(0..20) {
                0 => FAILS,
                1 => VIOLATES,
                _ => random.random_range(1..25),
            };
            calls.push((phase, branch, amount));
        }
        let mut queued = Vec::new();
        for (phase, branch, amount) in &calls {
            queued.push(hot.queued(*phase, branch.clone(), *amount).await);
        }
        held.release().await;
        for ((phase, branch, amount), queued) in calls.iter().zip(queued) {
            let together = queued.await.unwrap();
            let alone = plain(&one_by_one, *phase, branch, *amount).await;
            assert_eq!(
                word(&together),
                alone.0,
                "round {round}: {phase} of {branch} for {amount}, of {calls:?}"
            );
            if let Ok(reply) = together {
                assert_eq!(reply, alone.1, "round {round}: {phase} of {branch}");
            }
        }
        assert_eq!(gathered.balance().await, one_by_one.balance().await);
        for branch in 0..BRANCHES {
            let branch = format!("{round}-{branch}");
            assert_eq!(
                gathered.state(&branch).await,
                one_by_one.state(&branch).await,
                "round {round}: {branch}"
            );
        }
        // What is frozen is given back, so that there is something to try for.
        for branch in 0..BRANCHES {
            let branch = format!("{round}-{branch}");
            if one_by_one.state(&branch).await == Some(FenceState::Tried) {
                hot.call(Phase::Cancel, &branch, 0).await.unwrap();
                one_by_one.call(Phase::Cancel, &branch, 0).await.unwrap();
            }
        }
        let spent = one_by_one.balance().await.2;
        for fixture in [&one_by_one, &gathered] {
            let mut writer = fixture.fence.database().writer().acquire().await.unwrap();
            super::super::queries::refill(&mut writer, spent)
                .await
                .unwrap();
        }
        hot.rows.forget(crate::testing::WALLET);
    }
}

/// The call through the plain engine, whose action knows no poison: it fails the way that poison does.
async fn plain(
    fixture: &Fixture,
    phase: Phase,
    branch: &str,
    amount: i64,
) -> (String, bytes::Bytes) {
    let poison = match amount {
        FAILS => Some("INTERNAL"),
        VIOLATES => Some("DATABASE"),
        _ => None,
    };
    if let Some(word) = poison
        && phase == Phase::Try
        && fixture.state(branch).await.is_none()
    {
        return (word.to_owned(), bytes::Bytes::new());
    }
    let _ = key(branch);
    let answer = fixture.call(phase, branch, amount).await;
    (word(&answer), answer.unwrap_or_default())
}
