//! Ten thousand open transactions of a coordinator that has died, against a participant that takes 100 ms for each call: taken
//! over and finished in seconds, by all survivors together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tercet_checker::{Expected, Service, check_places};
use tercet_core::{
    ActionName, Branch, BranchDefinition, BranchId, BranchState, ContentHash, Gid,
    GlobalTransaction, Mode, Options, ParticipantName, Timestamp, TransactionState, TriedBy, Verbs,
};
use tercet_log::{DatabaseUrl, Entry, Lane, StoreOptions, Verdict};
use tokio::time::Instant;

use crate::harness::scripted::Scripted;
use crate::harness::shop::participant;
use crate::world::{Stocked, World, moment};

const OPEN: usize = 10_000;
/// Entries of a batch.
const BATCH: usize = 250;
/// What the participant takes for a call.
const TAKES: Duration = Duration::from_millis(100);
/// A busy machine may take so long; what was measured is printed.
const LIMIT: Duration = Duration::from_mins(4);

/// Decided to confirm, with one branch that hasn't been called yet.
fn confirming(gid: &str) -> GlobalTransaction {
    let mut branch = Branch::new(Arc::new(BranchDefinition {
        id: BranchId::parse("1").unwrap(),
        participant: ParticipantName::parse("slow").unwrap(),
        action: ActionName::parse("act").unwrap(),
        service: "test.v1.ActionService".into(),
        verbs: Verbs::Tcc,
        payload: Bytes::from_static(b"payload"),
        content: ContentHash([9; 32]),
        tried_by: TriedBy::Coordinator,
    }));
    branch.state = BranchState::Tried;
    GlobalTransaction {
        gid: Gid::parse(gid).unwrap(),
        mode: Mode::OneCall,
        content: ContentHash([7; 32]),
        options: Arc::new(Options::default()),
        trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        state: TransactionState::Confirming,
        begun_at: Timestamp::from_micros(1),
        try_deadline: Timestamp::from_micros(30_000_001),
        decided_at: Some(Timestamp::from_micros(2)),
        ended_at: None,
        cancel_cause: None,
        attention: None,
        initiator_checks: 0,
        next_check_at: None,
        branches: vec![branch],
    }
}

/// What a coordinator leaves that goes after it has decided all of them. It says so, as every one that drains: how soon a
/// silent one is followed is for [`crate::kills`] to say, and the times can be those that a busy machine keeps.
async fn leave_open(world: &World) {
    let url = DatabaseUrl::parse(world.shop.databases.url(Service::Coordinator)).unwrap();
    let options = StoreOptions {
        lanes: 1,
        client_timeout: Duration::from_secs(5),
    };
    let dead = tercet_log::open(
        &url,
        "http://127.0.0.1:1",
        Timestamp::from_micros(1),
        &options,
    );
    let dead = dead.await.unwrap();
    let gids: Vec<String> = (0..OPEN).map(|number| format!("t{number:05}")).collect();
    for gids in gids.chunks(BATCH) {
        let batch: Vec<Entry> = gids
            .iter()
            .map(|gid| Entry::begin(&confirming(gid)))
            .collect();
        let verdicts = dead.write(Lane(0), &batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
    }
    dead.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_open_transactions_are_taken_over_and_finished_in_seconds() {
    let slow = Arc::new(Scripted::start().await);
    let settings = format!(
        "[limits]\ndrain_grace = \"2s\"\n{}",
        participant(
            "slow",
            &slow.address.to_string(),
            "3s",
            "act = \"test.v1.ActionService\""
        )
    );
    let Some(mut world) = World::prepare(Stocked::Fully, &settings).await else {
        return;
    };
    world.up().await;
    let confirms: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let answering = tokio::spawn({
        let (slow, confirms) = (Arc::clone(&slow), Arc::clone(&confirms));
        async move {
            loop {
                let call = slow.call().await;
                assert_eq!(call.phase(), "confirm");
                *confirms
                    .lock()
                    .unwrap()
                    .entry(call.text("tercet-gid"))
                    .or_default() += 1;
                tokio::spawn(async move {
                    tokio::time::sleep(TAKES).await;
                    call.done();
                });
            }
        }
    });
    leave_open(&world).await;
    let began = Instant::now();
    let ending = async {
        loop {
            let sessions = world.replicas[1].sessions().await.unwrap_or_default();
            if sessions.len() == 3 && sessions.iter().all(|session| session.open == 0) {
                return began.elapsed();
            }
            moment(20).await;
        }
    };
    let took = tokio::time::timeout(LIMIT, ending)
        .await
        .expect("all of them end in seconds");
    println!("{OPEN} adopted and finished in {took:?}");
    answering.abort();

    let mut adopted = Vec::new();
    for replica in &world.replicas {
        adopted.push(replica.status().await.unwrap().adopted);
    }
    println!("adopted by each: {adopted:?}");
    // A page whose answer was lost is found again, and not counted.
    let adopted: u64 = adopted.iter().sum();
    assert!(adopted <= OPEN as u64, "one of them by two: {adopted}");
    let confirms = confirms.lock().unwrap().clone();
    assert_eq!(confirms.len(), OPEN);
    let repeated = confirms.values().filter(|count| **count > 1).count();
    println!("called more than once: {repeated}");
    let expected = Expected::settled();
    let report = check_places(world.shop.databases.places(), &expected);
    let report = report.await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.confirmed, OPEN);
}
