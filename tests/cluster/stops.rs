//! SIGSTOP beyond the take-over time, then SIGCONT: what wakes up believes that it still owns what others have finished.

use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::seed::Seed;
use crate::world::{LENIENT, Stocked, World, moment};

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_frozen_beyond_the_take_over_time_wakes_up_and_harms_nobody() {
    let mut seed = Seed::new("a zombie");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    for round in 0..2 {
        let victim = seed.one_of(&[0, 1, 2]);
        let witness = (victim + 1) % world.replicas.len();
        let load = Load::start(
            &world,
            &mut seed,
            &format!("stop-{round}"),
            Manners::HURRIED,
        );
        let since = world.answers.count();
        patiently("the first answers", world.answers.reach(since, 10)).await;
        moment(seed.below(200)).await;

        let session = world.session(victim).await;
        world.replicas[victim].signal("STOP");
        world.taken_over(&session, witness).await;
        // The others serve while it sleeps.
        let since = world.answers.count();
        patiently("answers meanwhile", world.answers.reach(since, 10)).await;
        moment(seed.below(300)).await;
        world.replicas[victim].signal("CONT");

        // It finds its batch refused, or that it is fenced, and ends by itself.
        let zombie = world.replicas[victim].server.take().unwrap();
        let said = zombie.said();
        let (status, _) = zombie.ended().await;
        assert_eq!(status.code(), Some(1), "it ended with {status}: {said}");
        world.up().await;
        world.whole(witness).await;
        world.over("a zombie", load).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_frozen_for_less_keeps_its_session() {
    let mut seed = Seed::new("a short sleep");
    let Some(mut world) = World::start_with(Stocked::Scarcely, LENIENT).await else {
        return;
    };
    let load = Load::start(&world, &mut seed, "nap", Manners::HURRIED);
    patiently("the first answers", world.answers.reach(0, 10)).await;
    let session = world.session(0).await;
    world.replicas[0].signal("STOP");
    moment(500 + seed.below(500)).await;
    world.replicas[0].signal("CONT");
    let since = world.answers.count();
    patiently("answers", world.answers.reach(since, 20)).await;
    assert_eq!(world.session(0).await, session);
    world.over("a short sleep", load).await;
}
