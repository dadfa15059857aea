//! A node that is killed and rejoins, a majority that is lost and restored, a node that lags behind: under load, with a
//! coordinator on each node.

use std::time::Duration;

use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::seed::Seed;
use crate::world::{Stocked, World, moment};

/// Longer than the cluster takes to notice that a node is gone: until then nobody can raise a beat.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(10);
/// Answers that show that the coordinators go on.
const SOME: usize = 30;
/// Rounds of the long form.
const ROUNDS: &str = "TERCET_TEST_CLUSTER_ROUNDS";

/// What happens to the nodes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One is killed, and rejoins once the others go on.
    Killed,
    /// Two are killed. The third goes on once a person says so; then they rejoin.
    MajorityLost,
    /// One applies nothing for a while of what the others commit.
    Lags,
}

async fn answers(world: &World, what: &str) {
    let since = world.answers.count();
    patiently(what, world.answers.reach(since, SOME)).await;
}

impl Fault {
    async fn strike(self, world: &mut World, seed: &mut Seed) {
        // The participants are on the first node.
        let victim = seed.one_of(&[1, 2]);
        match self {
            Self::Killed => {
                world.server.process(victim).kill9();
                let killed = tokio::time::Instant::now();
                answers(world, "answers without the node that was killed").await;
                println!(
                    "{SOME} answers {:?} after a node was killed",
                    killed.elapsed()
                );
                world.server.rejoin(victim).await.unwrap();
            }
            Self::MajorityLost => {
                for node in [1, 2] {
                    world.server.process(node).kill9();
                }
                let alone = async {
                    while world
                        .server
                        .state(0)
                        .await
                        .is_ok_and(|state| state == "Synced")
                    {
                        moment(20).await;
                    }
                };
                patiently("the node to notice that it is alone", alone).await;
                world.server.bootstrap(0).await;
                answers(world, "answers with one node").await;
                for node in [1, 2] {
                    world.server.rejoin(node).await.unwrap();
                }
            }
            Self::Lags => {
                let held = world.server.hold(victim).await;
                answers(world, "answers while a node lags").await;
                held.release().await;
                world.server.synced(victim).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_die_lose_the_majority_and_lag_and_every_answer_stands() {
    let mut seed = Seed::new("nodes of a cluster");
    let world = World::start_with(Stocked::Scarcely, TAKE_OVER_AFTER).await;
    let Some(mut world) = world else { return };
    let rounds = std::env::var(ROUNDS).map_or(1, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        for fault in [Fault::Lags, Fault::Killed, Fault::MajorityLost] {
            let name = format!("{fault:?}-{round}");
            let load = Load::start(&world, &mut seed, &name, Manners::HURRIED);
            answers(&world, "the first answers").await;
            fault.strike(&mut world, &mut seed).await;
            // Who was taken for dead meanwhile has ended, and a supervisor starts it again.
            world.up().await;
            answers(&world, "answers after all").await;
            world.over(&name, load).await;
        }
    }
}
