//! The network is cut between each pair of parties: with FIN, with RST, and without a word. One coordinator is cut off in one
//! way at a time; the others serve meanwhile.

use std::time::Duration;

use tercet_test_proxy::Cut;
use tokio::time::Instant;

use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::replica::Way;
use crate::rounds::is_long;
use crate::seed::Seed;
use crate::world::{Stocked, World, moment};

/// Shorter than the take-over time.
const SHORT: Duration = Duration::from_millis(1_200);

/// Cuts, and lets nobody in until it is healed.
pub(crate) fn cut(world: &World, victim: usize, way: Way, how: Cut) {
    for proxy in world.replicas[victim].way(way) {
        if how != Cut::Silent {
            proxy.refuse();
        }
        proxy.cut(how);
    }
}

pub(crate) fn heal(world: &World, victim: usize, way: Way) {
    for proxy in world.replicas[victim].way(way) {
        proxy.heal();
    }
}

/// All of them in the long form, one of them otherwise.
fn sample(seed: &mut Seed, all: &[Cut]) -> Vec<Cut> {
    if is_long() {
        all.to_vec()
    } else {
        vec![seed.one_of(all)]
    }
}

async fn all_cuts(how: &[Cut], name: &str) {
    let mut seed = Seed::new(name);
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    for way in Way::ALL {
        for how in sample(&mut seed, how) {
            let victim = seed.one_of(&[0, 1, 2]);
            let name = format!("{way:?}-{how:?}");
            let load = Load::start(&world, &mut seed, &name, Manners::HURRIED);
            let since = world.answers.count();
            patiently("the first answers", world.answers.reach(since, 10)).await;
            moment(seed.below(50)).await;
            let since = world.answers.count();
            cut(&world, victim, way, how);
            tokio::time::sleep(SHORT).await;
            let meanwhile = world.answers.count() - since;
            heal(&world, victim, way);
            let healed = Instant::now();
            world.over(&name, load).await;
            println!(
                "{name}: {meanwhile} answers while cut, over {:?} later",
                healed.elapsed()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_with_a_word_on_each_way_nothing_is_lost() {
    all_cuts(&[Cut::Fin, Cut::Rst], "cut with a word").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_without_a_word_on_each_way_nothing_is_lost() {
    all_cuts(&[Cut::Silent], "cut without a word").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_without_its_database_stops_deciding_and_is_followed_by_the_others() {
    let mut seed = Seed::new("cut off its database");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    for how in sample(&mut seed, &[Cut::Silent, Cut::Rst]) {
        let victim = seed.one_of(&[0, 1, 2]);
        let name = format!("cut off its database {how:?}");
        let prefix = name.replace(' ', "-");
        let load = Load::start(&world, &mut seed, &prefix, Manners::HURRIED);
        let since = world.answers.count();
        patiently("the first answers", world.answers.reach(since, 10)).await;
        let session = world.session(victim).await;
        cut(&world, victim, Way::ToDatabase, how);
        let began = Instant::now();
        world.taken_over(&session, (victim + 1) % 3).await;
        println!("{name}: taken over after {:?}", began.elapsed());
        // It is there, it is asked, and it must not have written a word since.
        let since = world.answers.count();
        patiently("answers by the others", world.answers.reach(since, 10)).await;
        heal(&world, victim, Way::ToDatabase);
        let fenced = world.replicas[victim].server.take().unwrap();
        let (status, _) = fenced.ended().await;
        assert_eq!(
            status.code(),
            Some(1),
            "it was fenced and ended with {status}"
        );
        world.up().await;
        world.whole((victim + 1) % 3).await;
        world.over(&name, load).await;
    }
}
