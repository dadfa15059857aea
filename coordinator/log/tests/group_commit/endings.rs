//! Callers that leave, stores that fail, and the end of a log.

use super::*;

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_loses_the_verdict_and_not_the_entry() {
    // The queue holds one entry, so the others are still before it when they are given up.
    let bench = bench(
        &LogOptions {
            queue: 1,
            ..LogOptions::default()
        },
        |_, _| Fault::None,
    );
    for name in ["a", "b", "c"] {
        drop(bench.log.append(begin(name), Urgency::Forced));
    }
    let also_dropped = bench.log.append(begin("d"), Urgency::Lazy);
    assert!(
        tokio::time::timeout(Duration::ZERO, also_dropped)
            .await
            .is_err()
    );
    settle().await;
    for name in ["a", "b", "c", "d"] {
        assert!(bench.is_written(name).await, "{name}");
    }
    assert_eq!(bench.log.metrics().queue_depth, 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_writes_what_waits_and_takes_no_more() {
    let bench = bench(
        &LogOptions {
            queue: 4,
            ..LogOptions::default()
        },
        |_, _| Fault::None,
    );
    let lazy: Vec<_> = (0..20)
        .map(|number| bench.log.append(begin(&format!("{number}")), Urgency::Lazy))
        .collect();
    tokio::task::yield_now().await;
    let start = Instant::now();

    bench.log.shutdown().await;

    assert_eq!(start.elapsed(), Duration::ZERO);
    let mut written = 0;
    for (number, lazy) in lazy.into_iter().enumerate() {
        match lazy.await {
            Verdict::Written => {
                written += 1;
                assert!(bench.is_written(&number.to_string()).await);
            }
            // What hadn't got into the queue was refused, and isn't there.
            Verdict::Unavailable(_) => assert!(!bench.is_written(&number.to_string()).await),
            other => panic!("{other:?}"),
        }
    }
    assert!(written >= 4, "what was in the queue is written");
    assert!(matches!(
        bench.log.append(begin("late"), Urgency::Forced).await,
        Verdict::Unavailable(_)
    ));
    assert!(!bench.is_written("late").await);
    bench.log.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_writes_what_waits() {
    let Bench { log, store, .. } = plain();
    let start = Instant::now();
    let lazy = log.append(begin("a"), Urgency::Lazy);
    drop(log);
    assert_eq!(lazy.await, Verdict::Written);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(store.read(&gid("a")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_store_fails_the_batch_and_the_log_goes_on() {
    let bench = bench(&LogOptions::default(), |number, _| {
        if number == 0 {
            Fault::Unavailable
        } else {
            Fault::None
        }
    });
    let appends = [
        bench.log.append(begin("a"), Urgency::Forced),
        bench.log.append(begin("b"), Urgency::Forced),
    ];
    for append in appends {
        assert!(matches!(append.await, Verdict::Unavailable(_)));
    }
    assert!(!bench.is_written("a").await);
    assert_eq!(
        bench.log.append(begin("a"), Urgency::Forced).await,
        Verdict::Written
    );
}

/// The heart of it: what nobody knows is never answered, and the truth is what the next start reads.
async fn an_unknown_outcome(fault: Fault, is_there_at_once: bool) {
    let bench = bench(&LogOptions::default(), move |number, _| {
        if number == 1 { fault } else { Fault::None }
    });
    assert_eq!(
        bench.log.append(begin("before"), Urgency::Forced).await,
        Verdict::Written
    );

    let unknown = bench.log.append(begin("unknown"), Urgency::Forced);
    let failure = bench.log.failed().await;
    assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    assert!(matches!(
        bench.log.append(begin("behind"), Urgency::Forced).await,
        Verdict::Unavailable(_)
    ));
    assert!(
        tokio::time::timeout(Duration::from_hours(1), unknown)
            .await
            .is_err(),
        "never answered"
    );

    // The process ends here, and another one starts.
    let restarted = MemoryStore::open(&bench.disk, "http://two:7400");
    let there = restarted.read(&gid("unknown")).await.unwrap().is_some();
    assert_eq!(there, is_there_at_once);
    assert!(restarted.read(&gid("behind")).await.unwrap().is_none());
    if fault == Fault::LateUnknown {
        let late = bench.store.deliver_late().await.unwrap();
        assert_eq!(
            late,
            Err(BatchError::Fenced),
            "a commit that comes after the next start has read changes nothing"
        );
        assert!(restarted.read(&gid("unknown")).await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_that_was_written_is_never_answered() {
    an_unknown_outcome(Fault::WrittenUnknown, true).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_that_was_lost_is_never_answered() {
    an_unknown_outcome(Fault::LostUnknown, false).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_that_comes_late_is_never_answered() {
    an_unknown_outcome(Fault::LateUnknown, false).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_half_leaves_the_known_half_answered() {
    // Batch 0 is refused for its poison; 1 is its left half, 2 the left part of its right half.
    let bench = bench(&LogOptions::default(), |number, _| {
        if number == 2 {
            Fault::LostUnknown
        } else {
            Fault::None
        }
    });
    let mut appends: Vec<_> = ["a", "b", "c"]
        .map(|name| Box::pin(bench.log.append(begin(name), Urgency::Forced)))
        .into();
    let poison = Box::pin(
        bench
            .log
            .append(Entry::begin(&impossible("d")), Urgency::Forced),
    );

    let failure = bench.log.failed().await;

    assert!(matches!(failure, Failure::Unknown(_)));
    assert_eq!(
        bench.batches()[..3],
        [vec!["a", "b", "c", "d"], vec!["a", "b"], vec!["c", "d"]]
    );
    let unknown = appends.pop().unwrap();
    for known in appends {
        assert_eq!(known.await, Verdict::Written);
    }
    for unknown in [unknown, poison] {
        assert!(
            tokio::time::timeout(Duration::from_mins(1), unknown)
                .await
                .is_err()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fenced_log_says_so_to_everybody() {
    let bench = plain();
    assert_eq!(
        bench.log.append(begin("a"), Urgency::Forced).await,
        Verdict::Written
    );
    let new = MemoryStore::open(&bench.disk, "http://two:7400");

    let appends = [
        bench.log.append(begin("b"), Urgency::Forced),
        bench.log.append(begin("c"), Urgency::Lazy),
    ];
    for append in appends {
        assert_eq!(append.await, Verdict::Fenced);
    }
    assert_eq!(bench.log.failed().await, Failure::Fenced);
    assert_eq!(
        bench.log.append(begin("d"), Urgency::Forced).await,
        Verdict::Fenced
    );
    assert_eq!(
        new.write(Lane(0), &[begin("b")]).await.unwrap(),
        [Verdict::Written]
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_panics_is_a_failure() {
    let bench = bench(&LogOptions::default(), |_, _| panic!("told to"));
    let append = bench.log.append(begin("a"), Urgency::Forced);
    assert!(matches!(bench.log.failed().await, Failure::Unknown(_)));
    assert!(
        tokio::time::timeout(Duration::from_mins(1), append)
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn the_metrics_say_what_was_done() {
    let bench = plain();
    let lazy = bench.log.append(begin("a"), Urgency::Lazy);
    assert_eq!(bench.log.metrics().queue_depth, 1);
    tokio::time::sleep(Duration::from_millis(40)).await;
    let duplicate = [
        bench.log.append(begin("b"), Urgency::Forced),
        bench.log.append(begin("b"), Urgency::Forced),
    ];
    assert_eq!(lazy.await, Verdict::Written);
    for verdict in duplicate {
        verdict.await;
    }

    let metrics = bench.log.metrics();
    assert_eq!(
        (
            metrics.queue_depth,
            metrics.last_batch,
            metrics.batches,
            metrics.appended
        ),
        (0, 1, 2, 2)
    );
    assert_eq!(metrics.last_latency, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_is_answered_each_once_and_right() {
    let disk = MemoryDisk::default();
    let log = Log::start(
        Arc::new(MemoryStore::open(&disk, "")),
        &LogOptions {
            queue: 16,
            ..LogOptions::default()
        },
    );
    let crowd: Vec<_> = (0..64)
        .map(|client| {
            let log = log.clone();
            tokio::spawn(async move {
                for round in 0..20_i64 {
                    // Every gid is begun by two clients; exactly one of them wins.
                    let transaction = trying(&format!("{}-{round}", client / 2), 1, &["stock"]);
                    let won = match log
                        .append(Entry::begin(&transaction), Urgency::Forced)
                        .await
                    {
                        Verdict::Written => true,
                        Verdict::Duplicate(stored) => {
                            assert_eq!(stored.transaction.gid, transaction.gid);
                            false
                        }
                        other => panic!("{other:?}"),
                    };
                    if won {
                        let decided = Entry::progress(&confirming(transaction, 2), 1);
                        assert_eq!(log.append(decided, Urgency::Forced).await, Verdict::Written);
                    }
                }
            })
        })
        .collect();
    for client in crowd {
        client.await.unwrap();
    }
    assert_eq!(log.counts().await.unwrap().confirming, 32 * 20);
    // The last batch is counted after its answers are given.
    log.shutdown().await;
    assert_eq!(log.metrics().appended, 2 * 32 * 20);
}
