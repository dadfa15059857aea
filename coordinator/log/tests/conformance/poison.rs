//! One bad entry among good ones, of each kind and in each place.

use std::sync::Arc;

use bytes::Bytes;
use tercet_core::GlobalTransaction;
use tercet_log::{AuditFilter, BLOB_BYTES_MAX, Entry, Log, LogOptions, Urgency, Verdict};

use super::appends::begin;
use crate::common::beds::{Bed, Store};
use crate::common::transactions::{audit, confirming, gid, impossible, labelled, trying};

#[derive(Clone, Copy, Debug)]
enum Poison {
    Duplicate,
    Stale,
    TooLong,
    TooLarge,
    RefusedByConstraint,
}

const ALL: [Poison; 5] = [
    Poison::Duplicate,
    Poison::Stale,
    Poison::TooLong,
    Poison::TooLarge,
    Poison::RefusedByConstraint,
];

impl Poison {
    fn entry(self, name: &str) -> Entry {
        let entry = match self {
            Self::Duplicate => Entry::begin(&trying(name, 2, &["points"])),
            Self::Stale => Entry::progress(&confirming(trying(name, 1, &["stock"]), 2), 7),
            Self::TooLong => Entry::begin(&labelled(
                trying(name, 1, &[]),
                &[("name", &"x".repeat(2_000))],
            )),
            Self::TooLarge => {
                let mut transaction = trying(name, 1, &["stock"]);
                transaction.branches[0].try_response = Bytes::from(vec![0; BLOB_BYTES_MAX + 1]);
                Entry::begin(&transaction)
            }
            Self::RefusedByConstraint => Entry::begin(&impossible(name)),
        };
        entry.with_audit(vec![audit(Some(name), None, "poison")])
    }

    fn is_verdict(self, verdict: &Verdict, there: &GlobalTransaction) -> bool {
        match (self, verdict) {
            (Self::Duplicate, Verdict::Duplicate(stored)) => {
                stored.transaction == *there && stored.version == 1
            }
            (Self::Stale, Verdict::Stale) => true,
            (
                Self::TooLong | Self::TooLarge | Self::RefusedByConstraint,
                Verdict::Invalid(reason),
            ) => !reason.is_empty(),
            _ => false,
        }
    }
}

const GOOD: usize = 63;

/// A batch of 63 good entries, begins and changes by turns, and one bad one whose name sorts to `position`.
async fn run(store: &Store, log: &Log, round: usize, poison: Poison, position: usize) {
    let name = |number: usize| format!("{round:04}-{number:04}");
    let bad = format!("{}-bad", name(position));
    let there = trying(&bad, 1, &["stock"]);
    if matches!(poison, Poison::Duplicate | Poison::Stale) {
        begin(store, &there).await;
    }
    let changed: Vec<Entry> = (1..=GOOD)
        .filter(|number| number % 4 == 0)
        .map(|number| Entry::begin(&trying(&name(number), 1, &["stock"])))
        .collect();
    for verdict in store.write(tercet_log::Lane(0), &changed).await.unwrap() {
        assert_eq!(verdict, Verdict::Written);
    }
    let batches = log.metrics().batches;

    // On one thread all of these wait before the log's task runs: they are one batch.
    let bad_verdict = log.append(poison.entry(&bad), Urgency::Forced);
    let good_verdicts: Vec<_> = (1..=GOOD)
        .map(|number| {
            let transaction = trying(&name(number), 1, &["stock"]);
            let entry = if number % 4 == 0 {
                Entry::progress(&confirming(transaction, 2), 1)
            } else {
                Entry::begin(&transaction)
            };
            log.append(
                entry.with_audit(vec![audit(None, None, &name(number))]),
                Urgency::Forced,
            )
        })
        .collect();
    let bad_verdict = bad_verdict.await;
    assert!(
        poison.is_verdict(&bad_verdict, &there),
        "{poison:?} at {position}: {bad_verdict:?}"
    );
    for (index, verdict) in good_verdicts.into_iter().enumerate() {
        assert_eq!(
            verdict.await,
            Verdict::Written,
            "{poison:?} at {position}, entry {}",
            index + 1
        );
    }
    assert_eq!(log.metrics().batches, batches + 1);
    assert_eq!(log.metrics().last_batch, 64);
}

pub(crate) async fn no_poison_changes_the_verdict_of_another_entry(bed: &dyn Bed) {
    let store = bed.open().await;
    let log = Log::start(
        Arc::clone(&store),
        &LogOptions {
            batch_bytes_max: 64 << 20,
            ..LogOptions::default()
        },
    );
    let mut round = 0;
    for poison in ALL {
        for position in 0..=GOOD {
            run(&store, &log, round, poison, position).await;
            round += 1;
        }
    }

    // What was answered is what is there: every good entry with its audit, no bad one, the rows of before untouched.
    let mut after = None;
    let mut records = 0;
    loop {
        let page = store
            .list_audit(&AuditFilter::default(), after.as_ref(), 500)
            .await
            .unwrap();
        assert!(page.items.iter().all(|record| record.reason != "poison"));
        records += page.items.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(records, round * GOOD);
    for round in 0..round {
        let found = store
            .read(&gid(&format!("{round:04}-0004")))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.version, found.transaction.decided_at.is_some()),
            (2, true)
        );
        let found = store
            .read(&gid(&format!("{round:04}-0005")))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.version, 1);
    }
}

pub(crate) async fn a_batch_of_nothing_but_poison_has_a_verdict_for_each(bed: &dyn Bed) {
    let store = bed.open().await;
    let log = Log::start(Arc::clone(&store), &LogOptions::default());
    let appends: Vec<_> = (0..40)
        .map(|number| {
            log.append(
                Entry::begin(&impossible(&format!("t{number}"))),
                Urgency::Forced,
            )
        })
        .collect();
    for append in appends {
        assert!(matches!(append.await, Verdict::Invalid(_)));
    }
    begin(&store, &trying("t0", 1, &[])).await;
}
