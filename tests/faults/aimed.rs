//! Faults at places of the code that no timing hits: failpoints, compiled into the programs under test and nowhere else.
//!
//! The places are those of a batch: before it raises its counter, after its changes, before its COMMIT, and after it before
//! anybody hears of it.

use tercet_test_databases::Options;

use crate::connections::kill;
use crate::harness::until;
use crate::rig::{Path, Rig, found};
use crate::seed::Seed;

const PLACES: [&str; 4] = [
    "log::before-counter",
    "log::after-changes",
    "log::before-commit",
    "log::after-commit",
];

/// Deals of a round.
const DEALS: usize = 40;
/// Times that the process dies at each place.
const DEATHS: usize = 2;
/// Connections killed between the last change and COMMIT.
const KILLS: usize = 3;

fn failpoints(actions: &str) -> String {
    format!("TERCET_FAILPOINTS={actions}")
}

/// Starts the coordinator anew, with those failpoints.
async fn restart(rig: &mut Rig, env: Vec<String>) {
    rig.world.shop.kill("serve").await;
    rig.world.shop.coordinator_env = env;
    rig.world.shop.up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_dies_at_each_place_of_a_batch_comes_back_with_what_was_answered() {
    let mut seed = Seed::new("dies at each place");
    let Some(mut rig) = Rig::start(Options::default(), Path::Direct).await else {
        return;
    };
    for place in PLACES {
        // Enough for the first answers.
        let batches = 15 + seed.below(10);
        let dies = failpoints(&format!("{place}={batches}*off->1*abort"));
        restart(&mut rig, vec![dies]).await;
        rig.under_load(&mut seed, place, DEALS, async |rig, _| {
            for death in 1..=DEATHS {
                let mut coordinator = rig.world.shop.coordinator.take().unwrap();
                let dying = tokio::sync::Mutex::new(&mut coordinator);
                let status = until("the coordinator to die", || async {
                    dying.lock().await.try_ended()
                })
                .await;
                assert!(!status.success(), "{place}: {status}");
                if death == DEATHS {
                    rig.world.shop.coordinator_env.clear();
                }
                rig.world.shop.up().await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_place_of_a_batch_leaves_no_doubt_to_anybody() {
    let mut seed = Seed::new("breaks at any place");
    let actions = PLACES.map(|place| format!("{place}=12%error"));
    let breaking = vec![failpoints(&actions.join(";"))];
    let Some(mut rig) = Rig::start_with(Options::default(), Path::Direct, breaking).await else {
        return;
    };
    rig.under_load(&mut seed, "any place", 3 * DEALS, async |_, _| {})
        .await;
    let said = rig.world.shop.coordinator.as_ref().unwrap().said();
    let unknown = said.matches("the answer to a commit was lost").count();
    assert!(unknown > 0, "no commit was ever in doubt:\n{said}");
    println!("{unknown} commits in doubt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_between_the_last_change_and_its_commit_takes_nothing_with_it() {
    let mut seed = Seed::new("killed before commit");
    let slow = vec![failpoints("log::before-commit=30%delay(500)")];
    let Some(mut rig) = Rig::start_with(Options::default(), Path::Direct, slow).await else {
        return;
    };
    let database = rig.log_name();
    // All is written, and the server waits for what comes next.
    let ready = format!(
        "SELECT p.id FROM information_schema.innodb_trx AS t \
         JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id \
         WHERE p.db = '{database}' AND p.command = 'Sleep' AND t.trx_rows_modified > 0 LIMIT 1"
    );
    rig.under_load(&mut seed, "before commit", DEALS / 2, async |rig, _| {
        let mut administrator = rig.administrator().await;
        for _ in 0..KILLS {
            let id: i64 = found(
                "a batch before its commit",
                &mut administrator,
                ready.clone(),
            )
            .await;
            kill(&mut administrator, id).await;
        }
    })
    .await;
}
