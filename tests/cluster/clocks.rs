//! Wall clocks that are hours apart, and jump. They serve deadlines and retention; nothing is taken over, lost or decided twice
//! because of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tercet_proto::tercet::v1::GetTransactionRequest;

use crate::harness::patiently;
use crate::load::{Load, Manners};
use crate::replica::Replica;
use crate::seed::Seed;
use crate::world::{LENIENT, Stocked, World, moment, settings};

const HOUR: i64 = 3_600;

/// Compiles what stands before a process's wall clock. The compiler is there: it has linked this test.
pub(crate) fn wrong_clock(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/clock.c");
    let library = folder.join("clock.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status();
    assert!(compiled.unwrap().success());
    library
}

/// Its processes' wall clock is wrong from the next start on, by what [`set`] says.
pub(crate) fn make_settable(replica: &mut Replica, library: &Path) {
    set(replica, 0);
    let library = format!("LD_PRELOAD={}", library.display());
    let file = format!("WRONG_CLOCK={}", file(replica).display());
    replica.wrapper = vec!["env".to_owned(), library, file];
}

fn file(replica: &Replica) -> PathBuf {
    replica.folder().join("clock")
}

/// The clock is wrong by so many seconds from now on.
pub(crate) fn set(replica: &Replica, seconds: i64) {
    // In one piece, and longer than any number before, for a reader in between.
    fs::write(file(replica), format!("{seconds:<20}")).unwrap();
}

/// Unix seconds at which that transaction was begun.
async fn begun_at(world: &World, gid: &str) -> i64 {
    let mut client = world.replicas[0].transactions();
    let gid = gid.to_owned();
    let request = GetTransactionRequest { gid };
    let answer = client.get_transaction(request).await.unwrap().into_inner();
    answer.transaction.unwrap().begun_at.unwrap().seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_apart_and_jumping_nothing_is_taken_over_and_nothing_goes_wrong() {
    let mut seed = Seed::new("clocks");
    let Some(mut world) = World::prepare(Stocked::Scarcely, &settings(LENIENT)).await else {
        return;
    };
    let library = wrong_clock(world.shop.folder.path());
    for (replica, wrong_by) in world.replicas.iter_mut().zip([0, HOUR, -HOUR]) {
        make_settable(replica, &library);
        set(replica, wrong_by);
    }
    world.up().await;
    for (gid, number) in [("ahead", 1), ("behind", 2)] {
        let begun = world.client(number).begin(gid).send().await.unwrap();
        let cancelled = begun.cancel("only looks at the clock").await.unwrap();
        world.answers.told(gid, crate::answers::Told::Cancel);
        assert!(cancelled.outcome.is_cancel());
    }
    let apart = begun_at(&world, "ahead").await - begun_at(&world, "behind").await;
    assert!(
        (2 * HOUR - 120..2 * HOUR + 120).contains(&apart),
        "{apart} s"
    );

    let mut sessions = Vec::new();
    for number in 0..3 {
        sessions.push(world.session(number).await);
    }
    let load = Load::start(&world, &mut seed, "clocks", Manners::HURRIED);
    for _ in 0..4 {
        let since = world.answers.count();
        patiently("answers", world.answers.reach(since, 20)).await;
        let jumper = seed.one_of(&[0, 1, 2]);
        set(
            &world.replicas[jumper],
            seed.one_of(&[-HOUR, -5, 0, 40, HOUR]),
        );
        moment(500).await;
    }
    for (number, session) in sessions.iter().enumerate() {
        assert_eq!(
            &world.session(number).await,
            session,
            "a clock has cost a session"
        );
    }
    // What one has left goes on with the clock of another.
    world.replicas[0].kill().await;
    world.taken_over(&sessions[0], 1).await;
    world.over("clocks", load).await;
}
