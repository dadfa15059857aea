//! Random faults in rounds, from a seed: the same cluster all the time, another fault or two under load each round, and after
//! each round everything is whole, has ended, and is checked. `TERCET_TEST_CLUSTER_ROUNDS` says how many.

use std::time::Duration;

use tercet_test_proxy::Cut;

use crate::clocks;
use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::networks::{cut, heal};
use crate::replica::Way;
use crate::seed::Seed;
use crate::world::{Stocked, TAKE_OVER_AFTER, World, moment, settings};

/// What is done in a round.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    KillAll,
    /// SIGSTOP for so many milliseconds, around the take-over time or far below.
    Freeze,
    Roll,
    KillDatabase,
    FreezeDatabase,
    KillParticipant,
    Cut(Way, Cut),
    /// The wall clock of one jumps.
    Jump,
}

impl Fault {
    fn drawn(seed: &mut Seed) -> Self {
        match seed.below(12) {
            0 | 1 => Self::Kill,
            2 => Self::KillAll,
            3 | 4 => Self::Freeze,
            5 => Self::Roll,
            6 => Self::KillDatabase,
            7 => Self::FreezeDatabase,
            8 => Self::KillParticipant,
            9 | 10 => {
                let way = seed.one_of(&Way::ALL);
                Self::Cut(way, seed.one_of(&[Cut::Fin, Cut::Rst, Cut::Silent]))
            }
            _ => Self::Jump,
        }
    }

    /// Does it, and undoes what would last.
    async fn strike(self, world: &mut World, seed: &mut Seed) {
        let victim = seed.one_of(&[0, 1, 2]);
        let around = u64::try_from(TAKE_OVER_AFTER.as_millis()).unwrap() * 3 / 2;
        let lasts = seed.one_of(&[around, around, 700]);
        let lasts = Duration::from_millis(200 + seed.below(lasts));
        println!("  {self:?}, coordinator {victim}, {lasts:?}");
        match self {
            Self::Kill => {
                world.replicas[victim].kill().await;
                tokio::time::sleep(lasts).await;
            }
            Self::KillAll => {
                for replica in &mut world.replicas {
                    replica.kill().await;
                }
            }
            Self::Freeze => {
                world.replicas[victim].signal("STOP");
                tokio::time::sleep(lasts).await;
                world.replicas[victim].signal("CONT");
            }
            Self::Roll => {
                for number in 0..world.replicas.len() {
                    let server = world.replicas[number].server.take().unwrap();
                    server.terminate();
                    // One that was fenced a moment ago ends otherwise.
                    server.ended().await;
                    world.replicas[number].start().await;
                }
            }
            Self::KillDatabase => {
                world.server.kill9();
                tokio::time::sleep(lasts).await;
                world.server.restart().await;
            }
            Self::FreezeDatabase => {
                world.server.stop();
                tokio::time::sleep(lasts).await;
                world.server.cont();
            }
            Self::KillParticipant => {
                let name = seed.one_of(&["order", "points", "stock"]);
                world.shop.kill(name).await;
                moment(seed.one_of(&[0, 50, 700])).await;
                *world.shop.slot(name) = Some(world.shop.server(name).await);
            }
            Self::Cut(way, how) => {
                cut(world, victim, way, how);
                tokio::time::sleep(lasts).await;
                heal(world, victim, way);
            }
            Self::Jump => {
                let seconds = seed.one_of(&[-3_600, -20, 0, 20, 3_600]);
                clocks::set(&world.replicas[victim], seconds);
            }
        }
    }
}

const VARIABLE: &str = "TERCET_TEST_CLUSTER_ROUNDS";

/// Whether this is the long form, in which every test does all of what it can do.
pub(crate) fn is_long() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn rounds() -> usize {
    let rounds = std::env::var(VARIABLE).ok();
    rounds.map_or(3, |text| {
        text.parse()
            .expect("TERCET_TEST_CLUSTER_ROUNDS is a number")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn random_faults_in_rounds_lose_nothing_and_double_nothing() {
    let mut seed = Seed::new("rounds of a cluster");
    let Some(mut world) = World::prepare(Stocked::Scarcely, &settings(TAKE_OVER_AFTER)).await
    else {
        return;
    };
    let library = clocks::wrong_clock(world.shop.folder.path());
    for replica in &mut world.replicas {
        clocks::make_settable(replica, &library);
    }
    world.up().await;
    for round in 0..rounds() {
        let name = format!("round-{round}");
        let load = Load::start(&world, &mut seed, &name, Manners::HURRIED);
        let since = world.answers.count();
        patiently("the first answers", world.answers.reach(since, 10)).await;
        for _ in 0..=seed.below(2) {
            let fault = Fault::drawn(&mut seed);
            moment(seed.below(300)).await;
            world.up().await;
            fault.strike(&mut world, &mut seed).await;
        }
        world.over(&name, load).await;
        // Nobody is whole who has just woken up and doesn't know yet that it is fenced.
        world.is_whole().await;
    }
}
