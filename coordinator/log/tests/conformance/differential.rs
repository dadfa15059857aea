//! Arbitrary transactions and arbitrary batches: every store does what the plainest one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tercet_core::GlobalTransaction;
use tercet_log::{Entry, Lane, MemoryDisk, MemoryStore, Verdict};

use super::appends::write;
use crate::common::arbitrary::{seeded, transactions};
use crate::common::beds::{Bed, Store};
use crate::common::transactions::gid;

/// `cases` values of a strategy; async tests can't run inside proptest's own loop.
fn sample<S: Strategy>(strategy: &S, cases: u32) -> Vec<S::Value> {
    let mut runner = TestRunner::new(seeded(cases));
    (0..cases)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// What comes out of the log: an end that was read back is durable.
fn as_stored(mut transaction: GlobalTransaction) -> GlobalTransaction {
    for branch in &mut transaction.branches {
        branch.state_before_end = None;
    }
    transaction
}

pub(crate) async fn arbitrary_transactions_come_back_as_they_were(bed: &dyn Bed) {
    let store = bed.open().await;
    let mut latest = BTreeMap::new();
    for transaction in sample(&transactions(), 128) {
        let version = latest
            .get(&transaction.gid)
            .map_or(0, |(version, _)| *version);
        let entry = if version == 0 {
            Entry::begin(&transaction)
        } else {
            Entry::redefine(&transaction, version)
        };
        assert_eq!(write(&store, entry).await, Verdict::Written);
        latest.insert(transaction.gid.clone(), (version + 1, transaction));
    }
    for (gid, (version, transaction)) in latest {
        let stored = store.read(&gid).await.unwrap().unwrap();
        assert_eq!(stored.version, version);
        assert_eq!(stored.transaction, as_stored(transaction));
    }
}

/// A step: which transaction, and whether it is begun or which version it is expected to have.
fn steps() -> impl Strategy<Value = Vec<(u8, u8, bool)>> {
    proptest::collection::vec((0..12_u8, 0..4_u8, any::<bool>()), 1..24)
}

pub(crate) async fn every_store_gives_the_verdicts_of_the_plainest_one(bed: &dyn Bed) {
    let plainest: Store = Arc::new(MemoryStore::open(&MemoryDisk::default(), ""));
    let store = bed.open().await;
    let values = sample(&transactions(), 64);
    for (round, steps) in sample(&steps(), 64).into_iter().enumerate() {
        let mut batch: BTreeMap<String, Entry> = BTreeMap::new();
        for (name, expected, redefine) in steps {
            let mut transaction = values[(round * 7 + usize::from(name)) % values.len()].clone();
            transaction.gid = gid(&format!("t{name}"));
            let expected = u64::from(expected);
            let entry = match (expected, redefine) {
                (0, _) => Entry::begin(&transaction),
                (_, true) => Entry::redefine(&transaction, expected),
                // The branches must be those of the row, or it could not be read back: none has any.
                (_, false) => {
                    transaction.branches.clear();
                    Entry::redefine(&transaction, expected)
                }
            };
            batch.insert(transaction.gid.as_str().to_owned(), entry);
        }
        let batch: Vec<Entry> = batch.into_values().collect();
        let expected = plainest.write(Lane(0), &batch).await.unwrap();
        let verdicts = store.write(Lane(0), &batch).await.unwrap();
        for (one, other) in verdicts.iter().zip(&expected) {
            match (one, other) {
                // The sessions differ; everything else is the same.
                (Verdict::Duplicate(one), Verdict::Duplicate(other)) => {
                    assert_eq!(
                        (one.version, &one.transaction),
                        (other.version, &other.transaction)
                    );
                }
                (one, other) => assert_eq!(one, other),
            }
        }
    }
    for name in 0..12 {
        let gid = gid(&format!("t{name}"));
        let (one, other) = (
            store.read(&gid).await.unwrap(),
            plainest.read(&gid).await.unwrap(),
        );
        assert_eq!(
            one.map(|one| (one.version, one.transaction)),
            other.map(|one| (one.version, one.transaction))
        );
    }
}
