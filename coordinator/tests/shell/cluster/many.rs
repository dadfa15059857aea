//! Many transactions, and what is shown of who owns them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tercet_core::{
    ActionName, Branch, BranchDefinition, BranchId, BranchState, ContentHash, Gid,
    GlobalTransaction, Mode, Options, ParticipantName, Timestamp, TransactionState, TriedBy, Verbs,
};
use tercet_log::{Entry, Lane, MemoryStore, TransactionLog, Verdict};
use tercet_proto::tercet::v1 as pb;

use crate::support::{Replicas, soon};

const OPEN: usize = 10_000;

/// Decided, and its only branch is to be confirmed.
fn confirming(gid: &str) -> GlobalTransaction {
    let mut branch = Branch::new(Arc::new(BranchDefinition {
        id: BranchId::parse("x").unwrap(),
        participant: ParticipantName::parse("a").unwrap(),
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

#[tokio::test]
async fn ten_thousand_open_transactions_are_adopted_by_all_survivors_and_finished() {
    let replicas = Replicas::prepare(|config| {
        config.retention.ended = tercet_service::ConfigDuration::from_secs(u32::MAX.into());
    })
    .await;
    let dead = MemoryStore::open_beside(&replicas.disk, "http://dead:7400", Timestamp::EPOCH);
    let entries: Vec<Entry> = (0..OPEN)
        .map(|number| Entry::begin(&confirming(&format!("t{number:05}"))))
        .collect();
    for batch in entries.chunks(250) {
        let verdicts = dead.write(Lane(0), batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
    }
    let survivors = [
        replicas.join().await,
        replicas.join().await,
        replicas.join().await,
    ];
    let listing = async {
        loop {
            let status = survivors[0].status().await;
            let open: u64 = status.sessions.iter().map(|session| session.open).sum();
            if open == 0 && status.sessions.len() == survivors.len() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(5), listing)
        .await
        .expect("everything is adopted and ended");

    let mut adopted = 0;
    for survivor in &survivors {
        adopted += survivor.status().await.adopted;
    }
    assert_eq!(adopted, OPEN as u64, "each by one of them");
    let mut confirms: BTreeMap<String, usize> = BTreeMap::new();
    for seen in replicas.a.seen() {
        assert_eq!(seen.method, "Confirm");
        *confirms.entry(seen.gid()).or_default() += 1;
    }
    assert_eq!(confirms.len(), OPEN);
    assert!(confirms.values().all(|count| *count == 1));
    assert_eq!(dead.counts().await.unwrap().confirming, 0);
}

#[tokio::test]
async fn lists_and_status_show_who_owns_what() {
    let replicas = Replicas::prepare(|_| {}).await;
    let one = replicas.join().await;
    let two = replicas.join().await;
    for gid in ["a", "b"] {
        one.begin(gid).await;
    }
    two.begin("c").await;
    let mut admin = two.admin.clone();
    let listed = admin.list_transactions(pb::ListTransactionsRequest::default());
    let listed = soon("the list", listed).await.unwrap().into_inner();
    let owners: BTreeMap<_, _> = listed
        .transactions
        .into_iter()
        .map(|transaction| (transaction.gid, transaction.coordinator))
        .collect();
    let expected = [
        ("a", &one.address),
        ("b", &one.address),
        ("c", &two.address),
    ];
    assert_eq!(
        owners,
        expected
            .into_iter()
            .map(|(gid, owner)| (gid.to_owned(), owner.clone()))
            .collect()
    );
    for (replica, own) in [(&one, 2), (&two, 1)] {
        let status = replica.status().await;
        let sessions: Vec<_> = status
            .sessions
            .iter()
            .map(|session| (session.advertised_address.clone(), session.open))
            .collect();
        assert_eq!(
            sessions,
            [(one.address.clone(), 2), (two.address.clone(), 1)]
        );
        let answering: Vec<_> = status
            .sessions
            .iter()
            .filter(|session| session.answering)
            .collect();
        assert_eq!(answering.len(), 1);
        assert_eq!(answering[0].coordinator_id, status.coordinator_id);
        assert_eq!(answering[0].open, own);
    }
}
