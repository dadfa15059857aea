//! Every coordinator replaced in turn, by SIGTERM, under load. Nobody may notice: no transaction is cancelled because of it,
//! and the client crate absorbs whatever it causes.

use crate::answers::Told;
use crate::harness::{patiently, until};
use crate::load::{Load, Manners};
use crate::seed::Seed;
use crate::world::{LENIENT, Stocked, World, moment};

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_cancels_nothing_and_shows_no_error_to_any_caller() {
    let mut seed = Seed::new("rolling restart");
    // Pieces and points for everybody: nothing but a fault can cancel.
    let Some(mut world) = World::start_with(Stocked::Fully, LENIENT).await else {
        return;
    };
    let load = Load::start(&world, &mut seed, "roll", Manners::AT_EASE);
    patiently("the first answers", world.answers.reach(0, 20)).await;
    for number in 0..world.replicas.len() {
        moment(seed.below(300)).await;
        let server = world.replicas[number].server.take().unwrap();
        let began = tokio::time::Instant::now();
        server.terminate();
        let (status, _) = server.ended().await;
        assert!(status.success(), "it was drained and ended with {status}");
        let drained = began.elapsed();
        world.replicas[number].start().await;
        println!(
            "replaced {number}: drained in {drained:?}, up after {:?}",
            began.elapsed()
        );
        let since = world.answers.count();
        patiently("answers", world.answers.reach(since, 20)).await;
    }
    let mut adopted = 0;
    for replica in &world.replicas {
        adopted += until("a status", || replica.status()).await.adopted;
    }
    println!("taken over from those that left: {adopted}");
    assert!(adopted > 0, "nothing was open when they left");
    let notes = world.over("rolling restart", load).await;
    let errors = notes.errors();
    assert!(
        errors.is_empty(),
        "the client's retry didn't absorb {errors:#?}"
    );
    let told = world.answers.all().into_iter();
    let cancelled: Vec<String> = told
        .filter(|(gid, told)| *told == Told::Cancel && !notes.is_unwanted(gid))
        .map(|(gid, _)| gid)
        .collect();
    assert!(
        cancelled.is_empty(),
        "cancelled by the restart: {cancelled:?}"
    );
}
