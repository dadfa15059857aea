//! A random walk over calls, repeats and failures half way: after every step the wallet is what a plain model says.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{Fixture, Spend};
use super::{AMOUNT, word};
use crate::error::ActionError;
use crate::fence::{FenceDb, FenceState, Phase};
use crate::testing::{key, seed};

/// What a branch should be after a walk, kept beside the fence in the plainest way.
#[derive(Clone, Copy, Default)]
struct Model {
    state: Option<FenceState>,
}

impl Model {
    fn step(&mut self, phase: Phase, wallet: &mut (i64, i64, i64)) -> &'static str {
        use FenceState::{Cancelled, Confirmed, Tried};
        match (phase, self.state) {
            (Phase::Try, None) if wallet.0 < AMOUNT => return "NOT_ENOUGH",
            (Phase::Try, None) => {
                self.state = Some(Tried);
                (wallet.0, wallet.1) = (wallet.0 - AMOUNT, wallet.1 + AMOUNT);
            }
            (Phase::Try, Some(Cancelled)) => return "CANCELLED_BEFORE_TRY",
            (Phase::Confirm, None) => return "NEVER_TRIED",
            (Phase::Confirm, Some(Tried)) => {
                self.state = Some(Confirmed);
                (wallet.1, wallet.2) = (wallet.1 - AMOUNT, wallet.2 + AMOUNT);
            }
            (Phase::Confirm, Some(Cancelled)) => return "ALREADY_CANCELLED",
            (Phase::Cancel, None) => self.state = Some(Cancelled),
            (Phase::Cancel, Some(Tried)) => {
                self.state = Some(Cancelled);
                (wallet.0, wallet.1) = (wallet.0 + AMOUNT, wallet.1 - AMOUNT);
            }
            (Phase::Cancel, Some(Confirmed)) => return "ALREADY_CONFIRMED",
            _ => {}
        }
        "OK"
    }
}

#[tokio::test]
async fn any_order_of_calls_with_failures_in_between_keeps_the_sums() {
    let mut random = StdRng::seed_from_u64(seed());
    let fixture = given!(Fixture::new());
    let mut models = [Model::default(); 6];
    let mut wallet = (100, 0, 0);
    for step in 0..400 {
        let branch = random.random_range(0..models.len());
        let phase = [Phase::Try, Phase::Confirm, Phase::Cancel][random.random_range(0..3)];
        let name = format!("b{branch}");
        if random.random_bool(0.2) {
            fixture.spend.0.fail_next(1);
            let answer = fixture.call(phase, &name, AMOUNT).await;
            let failed = matches!(answer, Err(ActionError::Internal(_)));
            fixture.spend.0.fail_next(0);
            if failed {
                assert_eq!(
                    fixture.balance().await,
                    wallet,
                    "step {step}: {phase} of {name} failed"
                );
                continue;
            }
            // Nothing ran, so nothing could fail: it counts as any other step.
            let expected = models[branch].step(phase, &mut wallet);
            assert_eq!(word(&answer), expected, "step {step}: {phase} of {name}");
        } else {
            let expected = models[branch].step(phase, &mut wallet);
            let answer = fixture.call(phase, &name, AMOUNT).await;
            assert_eq!(word(&answer), expected, "step {step}: {phase} of {name}");
        }
        assert_eq!(
            fixture.balance().await,
            wallet,
            "step {step}: {phase} of {name}"
        );
        assert_eq!(wallet.0 + wallet.1 + wallet.2, 100);
        // Ended branches become new ones now and then, so that the walk doesn't come to rest.
        if random.random_bool(0.1) && matches!(models[branch].state, Some(FenceState::Cancelled)) {
            let mut writer = fixture.fence.database().writer().acquire().await.unwrap();
            <Spend as crate::Action>::Db::delete(&mut writer, &key(&name), i64::MAX)
                .await
                .unwrap();
            models[branch] = Model::default();
        }
    }
}
