//! Several sessions on one database: whoever is fenced writes nothing, and none of them ever sees a deadlock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor as _;
use tercet_log::mysql::MySqlStore;
use tercet_log::{
    Entry, Lane, Log, LogError, LogOptions, SharedLog, TransactionLog, Urgency, Verdict,
};
use tokio::time::Instant;

use super::{OnMySql, begins, behind, fence, number, options, store, written};
use crate::common::transactions::{at, confirmed, confirming, gid, labelled, trying};

#[tokio::test]
async fn two_that_begin_the_same_gids_at_once_see_one_winner_each_and_no_deadlock() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let mut logs = Vec::new();
    for _ in 0..3 {
        logs.push(Log::start(
            Arc::new(store(&bed.0).await),
            &LogOptions::default(),
        ));
    }
    let mut appends = Vec::new();
    for number in 0..400 {
        for log in &logs {
            // In another order each.
            let number = (number * 7 + appends.len() * 13) % 400;
            let name = format!("g{number:03}");
            let entry = Entry::begin(&labelled(trying(&name, 1, &["stock"]), &[("n", &name)]));
            let verdict = log.append(entry, Urgency::Forced);
            appends.push((name, verdict));
        }
    }
    let mut winners: BTreeMap<String, usize> = BTreeMap::new();
    for (name, verdict) in appends {
        match verdict.await {
            Verdict::Written => *winners.entry(name).or_default() += 1,
            Verdict::Duplicate(stored) => assert_eq!(stored.transaction.gid.as_str(), name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(winners.values().all(|winners| *winners == 1), "{winners:?}");
    let rows = number(
        &mut behind(&bed.0).await,
        "SELECT COUNT(*) FROM global_transaction",
    )
    .await;
    assert_eq!(rows, i64::try_from(winners.len()).unwrap());
}

#[tokio::test]
async fn several_survivors_share_what_a_dead_one_has_left() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let dead = store(&bed.0).await;
    let names: Vec<String> = (0..300).map(|number| format!("t{number:03}")).collect();
    for names in names.chunks(100) {
        written(&dead, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let survivors = [
        Arc::new(store(&bed.0).await),
        Arc::new(store(&bed.0).await),
        Arc::new(store(&bed.0).await),
    ];
    fence(&survivors[0], &dead).await.unwrap();
    let dead = dead.session().id;
    let tasks: Vec<_> = survivors
        .iter()
        .map(|survivor| {
            let survivor = Arc::clone(survivor);
            tokio::spawn(async move {
                let mut adopted = 0;
                loop {
                    let page = survivor.adopt(dead, 20).await.unwrap();
                    adopted += page.transactions.len();
                    if !page.has_more {
                        break adopted;
                    }
                }
            })
        })
        .collect();
    let mut offered = 0;
    for task in tasks {
        offered += task.await.unwrap();
    }
    assert_eq!(offered, 300);
    let mut owned = 0;
    for survivor in &survivors {
        let page = survivor.open_transactions(None, 1_000).await.unwrap();
        for stored in &page.transactions {
            let entry = Entry::progress(&confirming(stored.transaction.clone(), 2), stored.version);
            assert_eq!(
                survivor.write(Lane(0), &[entry]).await.unwrap(),
                [Verdict::Written]
            );
        }
        owned += page.transactions.len();
    }
    assert_eq!(owned, 300, "each has one owner");
}

/// Its SQL transaction holds the lane's row; the server itself throws it out.
#[tokio::test]
async fn a_frozen_coordinator_does_not_hold_off_its_fencing() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let frozen = store(&bed.0).await;
    let survivor = store(&bed.0).await;
    // What a coordinator that freezes in mid-batch leaves: a connection with its settings, and the lane's row changed.
    let mut connection =
        tercet_database::mysql::connection(&options(&bed.0), tercet_database::mysql::Use::Writing)
            .await
            .unwrap();
    connection.execute("START TRANSACTION").await.unwrap();
    connection
        .execute("UPDATE session_lane SET appended = appended + 1")
        .await
        .unwrap();
    let since = Instant::now();

    while let Err(error) = fence(&survivor, &frozen).await {
        assert!(matches!(error, LogError::Unavailable(_)), "{error:?}");
        assert!(since.elapsed() < Duration::from_mins(1), "still not fenced");
    }

    assert!(
        connection.execute("COMMIT").await.is_err(),
        "it was thrown out"
    );
    assert!(frozen.write(Lane(0), &begins(&["a"])).await.is_err());
}

#[tokio::test]
async fn a_fenced_session_adopts_nothing() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let (dead, zombie, survivor) = (
        store(&bed.0).await,
        store(&bed.0).await,
        store(&bed.0).await,
    );
    written(&dead, &["a"]).await;
    fence(&survivor, &dead).await.unwrap();
    fence(&survivor, &zombie).await.unwrap();

    let dead = dead.session().id;
    assert!(matches!(
        zombie.adopt(dead, 10).await,
        Err(LogError::Failed(_))
    ));

    let adopted = survivor.adopt(dead, 10).await.unwrap();
    assert_eq!(adopted.transactions.len(), 1);
}

#[tokio::test]
async fn the_purge_is_one_sessions_until_it_is_gone() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let (one, other) = (store(&bed.0).await, store(&bed.0).await);
    for name in ["a", "b", "c"] {
        let entry = Entry::begin(&confirmed(trying(name, 1, &["stock"]), 2));
        one.write(Lane(0), &[entry]).await.unwrap();
    }
    assert_eq!(one.purge(at(100), 1).await.unwrap(), 1);
    assert_eq!(
        other.purge(at(100), 10).await.unwrap(),
        0,
        "it is somebody else's"
    );
    assert!(other.read(&gid("c")).await.unwrap().is_some());
    one.close().await;
    assert_eq!(other.purge(at(100), 10).await.unwrap(), 2);
}

#[tokio::test]
async fn lanes_write_at_the_same_time_and_a_gid_has_one() {
    let Some(bed) = OnMySql::fresh().await else {
        return;
    };
    let four = MySqlStore::open(&options(&bed.0), 4, "http://four:7400", at(1))
        .await
        .unwrap();
    let log = Log::start(Arc::new(four), &LogOptions::default());
    let appends: Vec<_> = (0..200)
        .map(|number| {
            let entry = Entry::begin(&trying(&format!("t{number}"), 1, &[]));
            log.append(entry, Urgency::Forced)
        })
        .collect();
    for append in appends {
        assert_eq!(append.await, Verdict::Written);
    }
    let used = number(
        &mut behind(&bed.0).await,
        "SELECT COUNT(*) FROM session_lane WHERE appended > 0",
    )
    .await;
    assert_eq!(used, 4);
}
