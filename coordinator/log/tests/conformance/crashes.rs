//! What a crash leaves, and what a session that was replaced can still do.

use tercet_log::{BatchError, Entry, Lane, LogError, Stored, Verdict};

use super::appends::{begin, read, write};
use crate::common::beds::Bed;
use crate::common::transactions::{at, audit, confirmed, confirming, gid, trying};

pub(crate) async fn what_was_answered_outlives_a_crash(bed: &dyn Bed) {
    let mut expected = trying("a", 1, &["stock"]);
    for round in 0..5_u64 {
        let store = bed.open().await;
        if round == 0 {
            begin(&store, &expected).await;
        } else {
            expected.initiator_checks += 1;
            assert_eq!(
                write(&store, Entry::progress(&expected, round)).await,
                Verdict::Written
            );
        }
        // No close: the process is gone.
        drop(store);
        let store = bed.open().await;
        let owner = store.session().id;
        let stored = Stored {
            transaction: expected.clone(),
            version: round + 1,
            owner,
        };
        assert_eq!(read(&store, "a").await, stored);
    }
}

pub(crate) async fn a_start_adopts_open_transactions_and_leaves_ended_ones(bed: &dyn Bed) {
    let first = bed.open().await;
    let first_session = first.session().clone();
    begin(&first, &trying("trying", 1, &["stock"])).await;
    begin(&first, &confirming(trying("confirming", 1, &["stock"]), 2)).await;
    begin(&first, &confirmed(trying("confirmed", 1, &["stock"]), 2)).await;
    drop(first);

    let second = bed.open().await;

    assert!(
        second.session().id > first_session.id,
        "a number is never used twice"
    );
    let open = second.open_transactions(None, 10).await.unwrap();
    let names: Vec<&str> = open
        .transactions
        .iter()
        .map(|stored| stored.transaction.gid.as_str())
        .collect();
    assert_eq!(names, ["confirming", "trying"]);
    assert!(
        open.transactions
            .iter()
            .all(|stored| stored.owner == second.session().id && stored.version == 1)
    );
    assert_eq!(read(&second, "confirmed").await.owner, first_session.id);
    let decided = confirming(trying("trying", 1, &["stock"]), 3);
    assert_eq!(
        write(&second, Entry::progress(&decided, 1)).await,
        Verdict::Written
    );
    let ended = confirmed(trying("confirmed", 1, &["stock"]), 9);
    assert_eq!(
        write(&second, Entry::progress(&ended, 1)).await,
        Verdict::Stale,
        "it isn't this session's"
    );
}

pub(crate) async fn a_fenced_session_writes_nothing(bed: &dyn Bed) {
    let old = bed.open().await;
    let transaction = trying("a", 1, &["stock"]);
    begin(&old, &transaction).await;
    begin(&old, &confirmed(trying("ended", 1, &[]), 2)).await;
    let new = bed.take_over().await;

    let batch = [
        Entry::progress(&confirming(transaction.clone(), 2), 1),
        Entry::begin(&trying("b", 1, &[])),
    ];
    assert_eq!(
        old.write(Lane(0), &batch).await.unwrap_err(),
        BatchError::Fenced
    );
    assert_eq!(
        old.write(Lane(0), &batch[1..]).await.unwrap_err(),
        BatchError::Fenced,
        "for good"
    );
    assert!(matches!(
        old.append_audit(&audit(None, None, "late")).await,
        Err(LogError::Failed(_))
    ));
    assert!(matches!(
        old.purge(at(100), 10).await,
        Err(LogError::Failed(_))
    ));

    assert_eq!(read(&new, "a").await.transaction, transaction);
    assert_eq!(new.read(&gid("b")).await.unwrap(), None);
    assert!(new.read(&gid("ended")).await.unwrap().is_some());
    assert_eq!(
        new.write(Lane(0), &batch).await.unwrap(),
        vec![Verdict::Written; 2]
    );
}
