//! The one database of all coordinators fails: killed, and frozen for longer than the take-over time. Nobody could raise a
//! beat then, and nobody could see one, so nobody may be taken for dead.

use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::seed::Seed;
use crate::world::{LENIENT, Stocked, World, moment};

/// What the database does meanwhile.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Killed,
    Frozen,
}

async fn all_sessions(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for number in 0..world.replicas.len() {
        all.push(world.session(number).await);
    }
    all
}

/// Takes the database away for longer than the take-over time; every coordinator has to keep its session.
async fn gone_for_long(world: &mut World, seed: &mut Seed, outage: Outage) {
    let name = format!("database {outage:?}");
    let prefix = name.replace(' ', "-");
    let load = Load::start(world, seed, &prefix, Manners::HURRIED);
    let since = world.answers.count();
    patiently("the first answers", world.answers.reach(since, 10)).await;
    let before = all_sessions(world).await;
    moment(seed.below(100)).await;
    let long = LENIENT + LENIENT / 4;
    match outage {
        Outage::Killed => {
            world.server.kill9();
            tokio::time::sleep(long).await;
            world.server.restart().await;
        }
        Outage::Frozen => {
            world.server.stop();
            tokio::time::sleep(long).await;
            world.server.cont();
        }
    }
    let back = tokio::time::Instant::now();
    let since = world.answers.count();
    patiently("an answer", world.answers.reach(since, 1)).await;
    println!(
        "{name} for {long:?}: the first answer {:?} after it is back",
        back.elapsed()
    );
    patiently("answers", world.answers.reach(since, 50)).await;
    world.over(&name, load).await;
    assert_eq!(
        all_sessions(world).await,
        before,
        "nobody is to blame for the database"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_for_longer_than_the_take_over_time_it_costs_no_coordinator_its_session() {
    let mut seed = Seed::new("the database is gone");
    let Some(mut world) = World::start_with(Stocked::Scarcely, LENIENT).await else {
        return;
    };
    for outage in [Outage::Frozen, Outage::Killed] {
        gone_for_long(&mut world, &mut seed, outage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_has_every_decision() {
    let mut seed = Seed::new("the database is killed");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    let load = Load::start(&world, &mut seed, "killed", Manners::HURRIED);
    for _ in 0..3 {
        let since = world.answers.count();
        patiently("answers", world.answers.reach(since, 20)).await;
        moment(seed.below(60)).await;
        world.server.kill9();
        moment(seed.one_of(&[0, 100, 700])).await;
        world.server.restart().await;
    }
    world.over("database killed", load).await;
}
