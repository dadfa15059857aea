//! `kill -9` of one of three, and how soon the others go on with what it had open.

use std::time::Duration;

use tercet_client::OpenTransaction;
use tokio::time::Instant;

use crate::answers::Told;
use crate::harness::{patiently, until};
use crate::load::{Load, Manners};
use crate::rounds::is_long;
use crate::seed::Seed;
use crate::world::{Stocked, TAKE_OVER_AFTER, World, moment};

/// Transactions that are open at the one that is killed, beside the load.
const OPEN: usize = 200;
/// What others need beyond the take-over time.
const MARGIN: Duration = Duration::from_secs(2);
/// A busy machine may take so many times longer. What was measured is printed.
const GENEROUS: u32 = 10;

/// Begins transactions at the coordinator of that number; nothing but their initiator decides them.
async fn begin(world: &World, number: usize, prefix: &str) -> Vec<OpenTransaction> {
    let client = world.patient_client(number);
    let begun = (0..OPEN).map(|index| {
        let begin = client.begin(format!("{prefix}-{index}"));
        begin.try_timeout(Duration::from_mins(10)).send()
    });
    let begun = patiently("transactions to begin", futures::future::join_all(begun)).await;
    begun.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_one_has_open_is_taken_over_in_time_and_goes_on() {
    let mut seed = Seed::new("one of three killed");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    for round in 0..if is_long() { 5 } else { 1 } {
        let victim = seed.one_of(&[0, 1, 2]);
        let load = Load::start(
            &world,
            &mut seed,
            &format!("kill-{round}"),
            Manners::HURRIED,
        );
        let open = begin(&world, victim, &format!("left-{round}")).await;
        let session = world.session(victim).await;
        moment(seed.below(500)).await;

        world.replicas[victim].kill().await;
        let killed = Instant::now();
        world.taken_over(&session, (victim + 1) % 3).await;
        let took = killed.elapsed();
        println!("taken over {took:?} after kill -9; take_over_after is {TAKE_OVER_AFTER:?}");
        assert!(took < (TAKE_OVER_AFTER + MARGIN) * GENEROUS, "{took:?}");

        // Nobody has decided for the initiator, which asks any of the survivors.
        let client = world.patient_client(victim + 2);
        for (number, transaction) in open.iter().enumerate() {
            let gid = transaction.gid();
            let transaction = client.open(gid);
            let outcome = if number.is_multiple_of(2) {
                transaction.confirm().await.unwrap()
            } else {
                transaction.cancel("done").await.unwrap().outcome
            };
            let told = Told::of(outcome.transaction()).unwrap();
            let expected = [Told::Confirm, Told::Cancel][number % 2];
            assert_eq!(told, expected, "{gid}");
            world.answers.told(gid, told);
        }
        world.over("one killed", load).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_killed_at_once_whoever_comes_first_goes_on_with_everything() {
    let mut seed = Seed::new("all killed");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    let load = Load::start(&world, &mut seed, "all", Manners::HURRIED);
    patiently("the first answers", world.answers.reach(0, 30)).await;
    let before = [world.session(1).await, world.session(2).await];
    for replica in &mut world.replicas {
        replica.kill().await;
    }
    // Only one place is filled again: the sessions of the other two have to be fenced by it.
    world.replicas[0].start().await;
    for session in before {
        world.taken_over(&session, 0).await;
    }
    let since = world.answers.count();
    patiently("answers by one alone", world.answers.reach(since, 10)).await;
    world.up().await;
    until("all three to be seen", || async {
        (world.replicas[0].sessions().await?.len() == 3).then_some(())
    })
    .await;
    world.over("all killed", load).await;
}
