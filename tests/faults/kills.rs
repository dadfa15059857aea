//! `kill -9` of the coordinator, of a participant, of all at once, at random moments under load; and now and then a
//! SIGTERM instead, which drains.

use std::time::Duration;

use tokio::time::Instant;

use crate::load::plan;
use crate::seed::Seed;
use crate::world::{World, moment};

const EVERYBODY: [&str; 4] = ["serve", "order", "points", "stock"];
/// Deals of a round, most of them asked for by several clients.
const DEALS: usize = 60;

/// Who is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Coordinator,
    Participant(&'static str),
    All,
}

impl Victim {
    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Coordinator => vec!["serve"],
            Self::Participant(name) => vec![name],
            Self::All => EVERYBODY.to_vec(),
        }
    }

    fn drawn(seed: &mut Seed) -> Self {
        match seed.below(5) {
            0 | 1 => Self::Coordinator,
            2 | 3 => Self::Participant(seed.one_of(&["order", "points", "stock"])),
            _ => Self::All,
        }
    }
}

fn rounds() -> usize {
    let rounds = std::env::var("TERCET_TEST_KILL_ROUNDS").ok();
    rounds.map_or(5, |text| {
        text.parse().expect("TERCET_TEST_KILL_ROUNDS is a number")
    })
}

/// How it ends. A drain under load, as in every deployment, is the harder test of the code, if not of the disk.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Killed,
    Terminated,
}

impl Manner {
    fn drawn(seed: &mut Seed) -> Self {
        seed.one_of(&[Self::Killed, Self::Killed, Self::Killed, Self::Terminated])
    }
}

/// SIGTERM, and its end.
async fn drain(world: &mut World, name: &str) {
    let server = world.shop.slot(name).take().unwrap();
    server.terminate();
    let (status, _) = server.ended().await;
    assert!(
        status.success(),
        "{name} was drained and ended with {status}"
    );
}

/// Strikes at a moment of the round's, keeps it down for a moment, and starts it again.
async fn strike(world: &mut World, seed: &mut Seed, victim: Victim, manner: Manner) {
    let since = world.answers.count();
    let more = usize::try_from(seed.below(DEALS as u64 / 3)).unwrap();
    // All may be answered already when this comes late; then it strikes a system at rest.
    let _late =
        tokio::time::timeout(Duration::from_millis(500), world.answers.reach(since, more)).await;
    moment(seed.below(25)).await;
    for name in victim.names() {
        match manner {
            Manner::Killed => world.shop.kill(name).await,
            Manner::Terminated => drain(world, name).await,
        }
    }
    moment(seed.one_of(&[0, 0, 50, 300])).await;
    world.shop.up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_under_load_nothing_is_lost_and_nothing_doubled() {
    let mut seed = Seed::new("kills");
    let rounds = rounds();
    let mut world = World::start().await;
    let started = Instant::now();
    let mut ended = 0;
    for round in 0..rounds {
        let prefix = format!("{}-{round}", seed.number);
        let load = world.load(plan(&mut seed, &prefix, DEALS));
        let strikes = 1 + seed.below(3);
        let mut struck = Vec::new();
        for _ in 0..strikes {
            let (victim, manner) = (Victim::drawn(&mut seed), Manner::drawn(&mut seed));
            strike(&mut world, &mut seed, victim, manner).await;
            ended += victim.names().len();
            struck.push((manner, victim));
        }
        load.finished().await;
        let report = world.check().await;
        println!(
            "round {} of {rounds}, {:.0?}: {struck:?}; {} calls repeated; {report}",
            round + 1,
            started.elapsed(),
            world.answers.failures()
        );
    }
    println!(
        "{rounds} rounds, {ended} processes ended, seed {}",
        seed.number
    );
}
