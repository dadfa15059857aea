//! Reading in pages: recovery, lists, audit, purge and counts.

use std::collections::BTreeSet;

use tercet_core::{ParticipantName, Timestamp, TransactionState};
use tercet_log::{AuditFilter, Counts, Entry, Filter, Lane, PageToken, Verdict};

use super::appends::begin;
use crate::common::beds::{Bed, Store};
use crate::common::transactions::{
    at, audit, cancelling_with_attention, confirmed, confirming, gid, labelled, trying,
};

pub(crate) async fn recovery_reads_open_transactions_page_by_page(bed: &dyn Bed) {
    let store = bed.open().await;
    for number in 0..25 {
        let transaction = trying(&format!("t{number:02}"), 25 - number, &["stock"]);
        begin(
            &store,
            &if number % 5 == 0 {
                confirmed(transaction, 30)
            } else {
                transaction
            },
        )
        .await;
    }

    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = store.open_transactions(after.as_ref(), 3).await.unwrap();
        assert!(page.transactions.len() <= 3 && page.damaged.is_empty());
        names.extend(
            page.transactions
                .iter()
                .map(|stored| stored.transaction.gid.as_str().to_owned()),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    let expected: Vec<String> = (0..25)
        .filter(|number| number % 5 != 0)
        .map(|number| format!("t{number:02}"))
        .collect();
    assert_eq!(names, expected);
}

async fn names(store: &Store, filter: &Filter) -> Vec<String> {
    let mut names = Vec::new();
    let mut after: Option<PageToken> = None;
    loop {
        let page = store.list(filter, after.as_ref(), 3).await.unwrap();
        assert!(page.items.len() <= 3 && page.damaged.is_empty());
        names.extend(
            page.items
                .iter()
                .map(|stored| stored.transaction.gid.as_str().to_owned()),
        );
        // A token goes through the caller's hands as text.
        after = page.next.map(|token| token.to_string().parse().unwrap());
        if after.is_none() {
            return names;
        }
    }
}

pub(crate) async fn lists_are_newest_first_and_pages_cover_everything_once(bed: &dyn Bed) {
    let store = bed.open().await;
    let mut expected = Vec::new();
    for number in 0..20 {
        // Four of them begin at the same time; one before 1970.
        let begun_at = if number == 0 { -5 } else { number / 4 };
        let name = format!("t.{number:02}");
        begin(&store, &trying(&name, begun_at, &["stock"])).await;
        expected.push((begun_at, name));
    }
    expected.sort();
    expected.reverse();

    let expected: Vec<String> = expected.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names(&store, &Filter::default()).await, expected);
}

/// Five transactions that differ in everything a list can ask for.
async fn five(store: &Store) {
    let blue = |name: &str, begun_at, participants: &[&str]| {
        labelled(
            trying(name, begun_at, participants),
            &[("colour", "blue"), ("size", "xl")],
        )
    };
    let red = labelled(trying("4-red", 4, &["points"]), &[("colour", "red")]);
    begin(store, &trying("1-plain", 1, &["stock"])).await;
    begin(store, &blue("2-blue", 2, &["stock", "points"])).await;
    begin(store, &confirming(blue("3-blue", 3, &["sto"]), 9)).await;
    begin(store, &confirmed(red, 9)).await;
    begin(
        store,
        &cancelling_with_attention(trying("5-stuck", 5, &["ck"]), 9, false),
    )
    .await;
}

fn with_labels(pairs: &[(&str, &str)]) -> Filter {
    let labels = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Filter {
        labels,
        ..Filter::default()
    }
}

fn with_states(states: &[TransactionState]) -> Filter {
    Filter {
        states: states.iter().copied().collect(),
        ..Filter::default()
    }
}

fn with_participant(name: &str) -> Filter {
    Filter {
        participant: Some(ParticipantName::parse(name).unwrap()),
        ..Filter::default()
    }
}

pub(crate) async fn every_condition_of_a_list_holds(bed: &dyn Bed) {
    use TransactionState::{Confirmed, Confirming, Trying};
    let store = bed.open().await;
    five(&store).await;
    let blue = with_labels(&[("colour", "blue")]);
    let early = Filter {
        begun_before: Some(at(3)),
        ..Filter::default()
    };
    let stuck = Filter {
        needs_attention: true,
        ..Filter::default()
    };
    let early_and_blue = Filter {
        begun_before: Some(at(3)),
        ..blue.clone()
    };
    let all_at_once = Filter {
        states: BTreeSet::from([Trying]),
        labels: blue.labels.clone(),
        ..with_participant("points")
    };
    let of_gids = |names: &[&str]| Filter {
        gids: names.iter().map(|name| gid(name)).collect(),
        ..Filter::default()
    };
    let named_and_confirmed = Filter {
        gids: of_gids(&["4-red", "2-blue", "1-plain"]).gids,
        ..with_states(&[Confirmed])
    };
    let cases: Vec<(Filter, &[&str])> = vec![
        (
            of_gids(&["1-plain", "none", "4-red", "2-BLUE", "3-blue", "5-stuck"]),
            &["5-stuck", "4-red", "3-blue", "1-plain"],
        ),
        (of_gids(&["none"]), &[]),
        (named_and_confirmed, &["4-red"]),
        (
            Filter::default(),
            &["5-stuck", "4-red", "3-blue", "2-blue", "1-plain"],
        ),
        (blue, &["3-blue", "2-blue"]),
        (
            with_labels(&[("colour", "blue"), ("size", "xl")]),
            &["3-blue", "2-blue"],
        ),
        (with_labels(&[("colour", "blue"), ("size", "s")]), &[]),
        (with_labels(&[("blue", "colour")]), &[]),
        (with_participant("stock"), &["2-blue", "1-plain"]),
        (with_participant("sto"), &["3-blue"]),
        (with_participant("points"), &["4-red", "2-blue"]),
        (with_participant("%"), &[]),
        (with_states(&[Trying]), &["2-blue", "1-plain"]),
        (with_states(&[Confirmed, Confirming]), &["4-red", "3-blue"]),
        (early, &["2-blue", "1-plain"]),
        (stuck, &["5-stuck"]),
        (early_and_blue, &["2-blue"]),
        (all_at_once, &["2-blue"]),
    ];
    for (filter, expected) in cases {
        assert_eq!(names(&store, &filter).await, expected, "{filter:?}");
    }
}

pub(crate) async fn audit_is_listed_newest_first(bed: &dyn Bed) {
    let store = bed.open().await;
    for number in 0..7 {
        let name = format!("t{}", number % 2);
        let participant = (number % 3 == 0).then_some("stock");
        store
            .append_audit(&audit(Some(&name), participant, &number.to_string()))
            .await
            .unwrap();
    }
    let reasons = async |filter: AuditFilter| {
        let mut reasons = String::new();
        let mut after: Option<PageToken> = None;
        loop {
            let page = store.list_audit(&filter, after.as_ref(), 2).await.unwrap();
            reasons.extend(page.items.iter().map(|record| record.reason.as_str()));
            after = page.next.map(|token| token.to_string().parse().unwrap());
            if after.is_none() {
                return reasons;
            }
        }
    };
    let stock = ParticipantName::parse("stock").unwrap();
    assert_eq!(reasons(AuditFilter::default()).await, "6543210");
    assert_eq!(
        reasons(AuditFilter {
            gid: Some(gid("t1")),
            ..AuditFilter::default()
        })
        .await,
        "531"
    );
    assert_eq!(
        reasons(AuditFilter {
            participant: Some(stock.clone()),
            ..AuditFilter::default()
        })
        .await,
        "630"
    );
    assert_eq!(
        reasons(AuditFilter {
            gid: Some(gid("t1")),
            participant: Some(stock)
        })
        .await,
        "3"
    );
    assert_eq!(
        reasons(AuditFilter {
            gid: Some(gid("T1")),
            ..AuditFilter::default()
        })
        .await,
        ""
    );
}

pub(crate) async fn a_purge_takes_the_oldest_ends_first_and_their_labels(bed: &dyn Bed) {
    let store = bed.open().await;
    let entries: Vec<Entry> = (0..10_i64)
        .map(|number| {
            let begun = labelled(
                trying(&format!("t{number}"), 1, &["stock"]),
                &[("colour", "blue")],
            );
            let transaction = if number == 0 {
                begun
            } else {
                confirmed(begun, 100 - number)
            };
            Entry::begin(&transaction).with_audit(vec![audit(
                Some(&format!("t{number}")),
                None,
                "kept",
            )])
        })
        .collect();
    assert_eq!(
        store.write(Lane(0), &entries).await.unwrap(),
        vec![Verdict::Written; 10]
    );

    // t9 ended at 91, t8 at 92, up to t1 at 99; t0 is open.
    assert_eq!(
        store.purge(at(91), 100).await.unwrap(),
        0,
        "strictly before"
    );
    assert_eq!(store.purge(at(97), 2).await.unwrap(), 2);
    let everything = names(&store, &Filter::default()).await;
    assert_eq!(everything, ["t7", "t6", "t5", "t4", "t3", "t2", "t1", "t0"]);
    assert_eq!(store.purge(at(97), 100).await.unwrap(), 4);
    assert_eq!(store.purge(Timestamp::NEVER, 100).await.unwrap(), 3);
    assert_eq!(
        names(&store, &Filter::default()).await,
        ["t0"],
        "an open one is never purged"
    );

    // A purged gid is new again, without the labels of before.
    begin(&store, &trying("t1", 2, &["stock"])).await;
    let blue = Filter {
        labels: [("colour".to_owned(), "blue".to_owned())].into(),
        ..Filter::default()
    };
    assert_eq!(names(&store, &blue).await, ["t0"]);
    assert_eq!(
        store
            .list_audit(&AuditFilter::default(), None, 100)
            .await
            .unwrap()
            .items
            .len(),
        10
    );
}

pub(crate) async fn counts_are_of_open_transactions(bed: &dyn Bed) {
    let store = bed.open().await;
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    begin(&store, &confirmed(trying("a", 1, &["stock"]), 9)).await;
    begin(&store, &trying("b", 5, &["stock"])).await;
    begin(&store, &trying("c", 4, &["stock"])).await;
    begin(&store, &confirming(trying("d", 6, &["stock"]), 9)).await;
    begin(
        &store,
        &cancelling_with_attention(trying("e", 7, &["stock"]), 9, false),
    )
    .await;
    begin(
        &store,
        &cancelling_with_attention(trying("f", 8, &["stock"]), 9, true),
    )
    .await;

    let expected = Counts {
        trying: 2,
        confirming: 1,
        cancelling: 2,
        attention: 2,
        parked: 1,
        oldest_begun_at: Some(at(4)),
    };
    assert_eq!(store.counts().await.unwrap(), expected);
}
