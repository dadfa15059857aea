//! A coordinator that tells the others a wrong address: one where nobody listens, one where another coordinator does, and the
//! very address that another one has. Calls then don't reach their owner; its clients do, since they know it themselves.

use tercet_test_proxy::Proxy;

use crate::harness::patiently;
use crate::harness::shop::free_port;
use crate::load::{Load, Manners};
use crate::seed::Seed;
use crate::world::{LENIENT, Stocked, TAKE_OVER_AFTER, World, settings};

/// Serves for a while with the first coordinator at a wrong address. No error may get past the client.
async fn serve_with(world: &mut World, seed: &mut Seed, name: &str, advertise: &str) {
    world.replicas[0].kill().await;
    let replica = &world.replicas[0];
    replica.write_file(&world.shop, advertise, &settings(LENIENT));
    world.replicas[0].start().await;
    world.whole(1).await;
    let manners = Manners {
        patience: None,
        ..Manners::HURRIED
    };
    let load = Load::start(world, seed, name, manners);
    let since = world.answers.count();
    patiently("answers", world.answers.reach(since, 100)).await;
    let notes = world.over(name, load).await;
    assert!(notes.errors().is_empty(), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_costs_detours_and_nothing_else() {
    let mut seed = Seed::new("a wrong address");
    let Some(mut world) = World::start_with(Stocked::Scarcely, LENIENT).await else {
        return;
    };
    let nobody = format!("http://127.0.0.1:{}", free_port());
    serve_with(&mut world, &mut seed, "nobody-there", &nobody).await;
    let to_another = Proxy::start(world.replicas[1].own_address()).await;
    let another = format!("http://{}", to_another.address());
    serve_with(&mut world, &mut seed, "another-there", &another).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_another_ones_address_replaces_it_and_nothing_is_lost() {
    let mut seed = Seed::new("the same address");
    let Some(mut world) = World::start(Stocked::Scarcely).await else {
        return;
    };
    let load = Load::start(&world, &mut seed, "same", Manners::HURRIED);
    patiently("the first answers", world.answers.reach(0, 10)).await;
    world.replicas[0].kill().await;
    let (first, second) = (&world.replicas[0], &world.replicas[1]);
    first.write_file(
        &world.shop,
        &second.advertised(),
        &settings(TAKE_OVER_AFTER),
    );
    world.replicas[0].start().await;
    let replaced = world.replicas[1].server.take().unwrap();
    let (status, _) = replaced.ended().await;
    assert_eq!(
        status.code(),
        Some(1),
        "it was replaced and ended with {status}"
    );
    // Put right, everything is as before.
    let first = &world.replicas[0];
    first.write_file(&world.shop, &first.advertised(), &settings(TAKE_OVER_AFTER));
    world.replicas[0].kill().await;
    world.up().await;
    world.whole(2).await;
    world.over("the same address", load).await;
}
