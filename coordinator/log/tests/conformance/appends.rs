//! What an append does, verdict by verdict.

use bytes::Bytes;
use std::sync::Arc;
use tercet_core::{Branch, BranchDefinition, GlobalTransaction};
use tercet_log::{
    AuditFilter, AuditRecord, BLOB_BYTES_MAX, BatchError, Entry, Filter, Lane, LogError, Stored,
    Verdict,
};

use crate::common::beds::{Bed, Store};
use crate::common::transactions::{
    at, audit, branch, cancelling_with_attention, confirmed, confirming, gid, labelled, trying,
};

/// The verdict of one entry, written alone.
pub(crate) async fn write(store: &Store, entry: Entry) -> Verdict {
    let mut verdicts = store.write(Lane(0), &[entry]).await.unwrap();
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

pub(crate) async fn begin(store: &Store, transaction: &GlobalTransaction) {
    assert_eq!(
        write(store, Entry::begin(transaction)).await,
        Verdict::Written
    );
}

pub(crate) async fn read(store: &Store, name: &str) -> Stored {
    store.read(&gid(name)).await.unwrap().unwrap()
}

pub(crate) async fn a_begin_is_there_when_it_is_answered(bed: &dyn Bed) {
    let store = bed.open().await;
    let transaction = labelled(trying("a", 1, &["stock", "points"]), &[("order_no", "17")]);
    assert_eq!(store.read(&gid("a")).await.unwrap(), None);

    begin(&store, &transaction).await;

    let owner = store.session().id;
    assert_eq!(
        read(&store, "a").await,
        Stored {
            transaction,
            version: 1,
            owner
        }
    );
}

pub(crate) async fn a_second_begin_is_told_what_is_there(bed: &dyn Bed) {
    let store = bed.open().await;
    let first = trying("a", 1, &["stock"]);
    begin(&store, &first).await;
    let decided = confirming(first, 2);
    assert_eq!(
        write(&store, Entry::progress(&decided, 1)).await,
        Verdict::Written
    );

    let second = write(&store, Entry::begin(&trying("a", 3, &["points"]))).await;

    let owner = store.session().id;
    assert_eq!(
        second,
        Verdict::Duplicate(Box::new(Stored {
            transaction: decided,
            version: 2,
            owner
        }))
    );
    assert_eq!(read(&store, "a").await.version, 2);
}

pub(crate) async fn a_change_needs_the_version_it_expects(bed: &dyn Bed) {
    let store = bed.open().await;
    let begun = trying("a", 1, &["stock"]);
    begin(&store, &begun).await;
    let decided = cancelling_with_attention(begun.clone(), 2, true);

    for wrong in [2, 3, 77] {
        assert_eq!(
            write(&store, Entry::progress(&decided, wrong)).await,
            Verdict::Stale,
            "{wrong}"
        );
        assert_eq!(
            write(&store, Entry::redefine(&decided, wrong)).await,
            Verdict::Stale,
            "{wrong}"
        );
    }
    assert_eq!(read(&store, "a").await.transaction, begun);

    assert_eq!(
        write(&store, Entry::progress(&decided, 1)).await,
        Verdict::Written
    );
    assert_eq!(
        write(&store, Entry::progress(&begun, 1)).await,
        Verdict::Stale
    );
    assert_eq!(read(&store, "a").await.transaction, decided);
    assert_eq!(read(&store, "a").await.version, 2);
}

pub(crate) async fn a_change_of_nothing_is_stale(bed: &dyn Bed) {
    let store = bed.open().await;
    assert_eq!(
        write(&store, Entry::progress(&trying("a", 1, &[]), 1)).await,
        Verdict::Stale
    );
    assert_eq!(
        store.read(&gid("a")).await.unwrap(),
        None,
        "a change must never make a row"
    );
}

pub(crate) async fn a_change_leaves_the_definition_and_a_new_definition_replaces_it(bed: &dyn Bed) {
    let store = bed.open().await;
    let mut transaction = labelled(trying("a", 1, &["stock"]), &[("order_no", "17")]);
    begin(&store, &transaction).await;

    let mut renewed = transaction.clone();
    renewed.try_deadline = at(99);
    renewed.options = labelled(trying("a", 1, &[]), &[("order_no", "18")]).options;
    assert_eq!(
        write(&store, Entry::progress(&renewed, 1)).await,
        Verdict::Written
    );
    transaction.try_deadline = at(99);
    assert_eq!(
        read(&store, "a").await.transaction,
        transaction,
        "the options are as they were"
    );

    transaction.branches.push(branch(1, "points"));
    assert_eq!(
        write(&store, Entry::redefine(&transaction, 2)).await,
        Verdict::Written
    );
    assert_eq!(read(&store, "a").await.transaction, transaction);
    let of_points = Filter {
        participant: Some(transaction.branches[1].definition.participant.clone()),
        ..Filter::default()
    };
    assert_eq!(
        store.list(&of_points, None, 10).await.unwrap().items.len(),
        1
    );
}

pub(crate) async fn gids_that_differ_in_case_are_two(bed: &dyn Bed) {
    let store = bed.open().await;
    let names = ["ORDER-1", "Order-1", "order-1"];
    let entries: Vec<Entry> = names
        .iter()
        .map(|name| Entry::begin(&trying(name, 1, &["stock"])))
        .collect();

    let verdicts = store.write(Lane(0), &entries).await.unwrap();

    assert_eq!(verdicts, vec![Verdict::Written; 3]);
    for name in names {
        assert_eq!(read(&store, name).await.transaction.gid.as_str(), name);
    }
    assert_eq!(store.read(&gid("oRDER-1")).await.unwrap(), None);
}

pub(crate) async fn audit_stands_with_its_entry_or_not_at_all(bed: &dyn Bed) {
    let store = bed.open().await;
    let transaction = trying("a", 1, &["stock"]);
    let with = |entry: Entry, reason: &str| entry.with_audit(vec![audit(Some("a"), None, reason)]);

    write(&store, with(Entry::begin(&transaction), "written")).await;
    write(&store, with(Entry::begin(&transaction), "duplicate")).await;
    write(&store, with(Entry::progress(&transaction, 7), "stale")).await;
    let twice = vec![
        audit(Some("a"), None, "one of two"),
        audit(None, Some("stock"), "two of two"),
    ];
    write(&store, Entry::progress(&transaction, 1).with_audit(twice)).await;

    let records = store
        .list_audit(&AuditFilter::default(), None, 10)
        .await
        .unwrap()
        .items;
    let reasons: Vec<&str> = records
        .iter()
        .map(|record| record.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        ["two of two", "one of two", "written"],
        "newest first"
    );
    assert_eq!(records[2], audit(Some("a"), None, "written"));
}

pub(crate) async fn what_is_too_long_is_refused_before_sql(bed: &dyn Bed) {
    let store = bed.open().await;
    let mut transaction = trying("a", 1, &["stock"]);
    transaction.branches[0].try_response = Bytes::from(vec![0; BLOB_BYTES_MAX + 1]);
    let too_long = write(&store, Entry::begin(&transaction)).await;
    assert!(
        matches!(&too_long, Verdict::Invalid(reason) if reason.contains("the progress has")),
        "{too_long:?}"
    );

    let long_label = "x".repeat(2_000);
    let entry = Entry::begin(&labelled(trying("a", 1, &[]), &[("name", &long_label)]));
    assert!(matches!(write(&store, entry).await, Verdict::Invalid(_)));

    let record = AuditRecord {
        reason: "x".repeat(5_000),
        ..audit(None, None, "")
    };
    let entry = Entry::begin(&trying("a", 1, &[])).with_audit(vec![record.clone()]);
    assert!(matches!(write(&store, entry).await, Verdict::Invalid(_)));
    assert!(matches!(
        store.append_audit(&record).await,
        Err(LogError::Invalid(_))
    ));

    for too_long in [
        AuditRecord {
            before: "x".repeat(1_025),
            ..audit(None, None, "")
        },
        AuditRecord {
            after: "x".repeat(1_025),
            ..audit(None, None, "")
        },
    ] {
        assert!(matches!(
            store.append_audit(&too_long).await,
            Err(LogError::Invalid(_))
        ));
    }

    assert_eq!(store.read(&gid("a")).await.unwrap(), None);
}

/// Every text of a record at its longest, at once.
pub(crate) async fn the_largest_audit_record_passes(bed: &dyn Bed) {
    let store = bed.open().await;
    // Not one byte a character: a column's length is in characters, a row's in bytes.
    let record = AuditRecord {
        who: "w".repeat(4_096),
        action: "a".repeat(4_096),
        reason: "é".repeat(2_048),
        before: "€".repeat(341),
        after: "x".repeat(1_024),
        ..audit(Some(&"g".repeat(128)), Some(&"p".repeat(64)), "")
    };
    store.append_audit(&record).await.unwrap();
    let page = store.list_audit(&AuditFilter::default(), None, 10).await;
    assert_eq!(page.unwrap().items, [record]);
}

pub(crate) async fn the_largest_entry_passes(bed: &dyn Bed) {
    let store = bed.open().await;
    let mut transaction = trying("a", 1, &["stock"]);
    // What stands around them takes a few hundred bytes.
    let nearly = BLOB_BYTES_MAX - 1_024;
    transaction.branches[0].try_response = Bytes::from(vec![1; nearly]);
    let definition = BranchDefinition {
        payload: Bytes::from(vec![2; nearly]),
        ..BranchDefinition::clone(&transaction.branches[0].definition)
    };
    transaction.branches[0] = Branch {
        definition: Arc::new(definition),
        ..transaction.branches[0].clone()
    };

    begin(&store, &transaction).await;

    assert_eq!(read(&store, "a").await.transaction, transaction);
}

pub(crate) async fn a_closed_store_writes_nothing(bed: &dyn Bed) {
    let store = bed.open().await;
    begin(&store, &confirmed(trying("a", 1, &["stock"]), 2)).await;
    store.close().await;

    let error = store
        .write(Lane(0), &[Entry::begin(&trying("b", 1, &[]))])
        .await
        .unwrap_err();

    assert_eq!(error, BatchError::Fenced);
    drop(store);
    assert_eq!(bed.open().await.read(&gid("b")).await.unwrap(), None);
}
