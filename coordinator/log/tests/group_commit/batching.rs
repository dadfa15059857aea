//! What is written together, and when.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_forced_entry_is_written_at_once() {
    let bench = plain();
    let start = Instant::now();
    assert_eq!(
        bench.log.append(begin("a"), Urgency::Forced).await,
        Verdict::Written
    );
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "no timer runs at zero load"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lazy_entry_alone_waits_its_time() {
    let bench = plain();
    let start = Instant::now();
    assert_eq!(
        bench.log.append(begin("a"), Urgency::Lazy).await,
        Verdict::Written
    );
    assert_eq!(start.elapsed(), LogOptions::default().lazy_for);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_lazy_entry_sets_the_time_for_all() {
    let bench = plain();
    let start = Instant::now();
    let first = bench.log.append(begin("a"), Urgency::Lazy);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let second = bench.log.append(begin("b"), Urgency::Lazy);
    assert_eq!(
        (first.await, second.await),
        (Verdict::Written, Verdict::Written)
    );
    assert_eq!(start.elapsed(), LogOptions::default().lazy_for);
    assert_eq!(bench.sizes(), [2]);
}

#[tokio::test(start_paused = true)]
async fn lazy_entries_join_the_next_forced_one() {
    let bench = plain();
    let start = Instant::now();
    let lazy = [
        bench.log.append(begin("b"), Urgency::Lazy),
        bench.log.append(begin("a"), Urgency::Lazy),
    ];
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(
        bench.sizes(),
        [0_usize; 0],
        "nothing is written for them alone"
    );
    assert_eq!(
        bench.log.append(begin("c"), Urgency::Forced).await,
        Verdict::Written
    );
    for lazy in lazy {
        assert_eq!(lazy.await, Verdict::Written);
    }
    assert_eq!(start.elapsed(), Duration::from_millis(10));
    assert_eq!(bench.batches(), [["a", "b", "c"]], "sorted by gid");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_of_lazy_entries_does_not_wait() {
    let bench = plain();
    let start = Instant::now();
    let appends: Vec<_> = (0..256)
        .map(|number| {
            bench
                .log
                .append(begin(&format!("{number:03}")), Urgency::Lazy)
        })
        .collect();
    for append in appends {
        assert_eq!(append.await, Verdict::Written);
    }
    assert_eq!(
        (start.elapsed(), bench.sizes()),
        (Duration::ZERO, vec![256])
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_gathers_while_one_is_on_its_way() {
    let log: Arc<OnceLock<Log>> = Arc::default();
    let verdicts = Arc::new(Mutex::new(Vec::new()));
    let (handle, waiting) = (Arc::clone(&log), Arc::clone(&verdicts));
    let bench = bench(&LogOptions::default(), move |number, _| {
        if number == 0 {
            // Ten others come while the first one is being written.
            for other in 0..10 {
                let append = handle
                    .get()
                    .unwrap()
                    .append(begin(&format!("other-{other}")), Urgency::Forced);
                waiting.lock().unwrap().push(append);
            }
        }
        Fault::None
    });
    log.set(bench.log.clone()).unwrap();

    assert_eq!(
        bench.log.append(begin("first"), Urgency::Forced).await,
        Verdict::Written
    );
    let others = std::mem::take(&mut *verdicts.lock().unwrap());
    assert_eq!(others.len(), 10);
    for other in others {
        assert_eq!(other.await, Verdict::Written);
    }
    assert_eq!(bench.sizes(), [1, 10]);
}

#[tokio::test(start_paused = true)]
async fn entries_of_one_transaction_keep_their_order_in_batches_of_their_own() {
    let bench = plain();
    let transaction = trying("a", 1, &["stock"]);
    let first = bench
        .log
        .append(Entry::begin(&transaction), Urgency::Forced);
    let second = bench.log.append(
        Entry::progress(&confirming(transaction.clone(), 2), 1),
        Urgency::Forced,
    );
    let third = bench.log.append(
        Entry::progress(&confirming(transaction, 3), 2),
        Urgency::Lazy,
    );
    let other = bench.log.append(begin("b"), Urgency::Lazy);

    assert_eq!(
        (first.await, second.await),
        (Verdict::Written, Verdict::Written)
    );
    assert_eq!(
        (third.await, other.await),
        (Verdict::Written, Verdict::Written)
    );
    assert_eq!(bench.batches(), [vec!["a", "b"], vec!["a"], vec!["a"]]);
    assert_eq!(
        bench.store.read(&gid("a")).await.unwrap().unwrap().version,
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_its_bounds() {
    let bench = plain();
    let with_bytes = |name: &str, bytes| {
        let mut transaction = trying(name, 1, &["stock"]);
        transaction.branches[0].try_response = Bytes::from(vec![0; bytes]);
        bench
            .log
            .append(Entry::begin(&transaction), Urgency::Forced)
    };
    let small: Vec<_> = (0..600)
        .map(|number| {
            bench
                .log
                .append(begin(&format!("{number:03}")), Urgency::Forced)
        })
        .collect();
    for append in small {
        assert_eq!(append.await, Verdict::Written);
    }
    assert_eq!(bench.sizes(), [256, 256, 88]);

    let large = [
        with_bytes("a", 400_000),
        with_bytes("b", 400_000),
        with_bytes("c", 400_000),
    ];
    let huge = [with_bytes("d", 3_000_000), with_bytes("e", 10)];
    for append in large.into_iter().chain(huge) {
        assert_eq!(append.await, Verdict::Written);
    }
    assert_eq!(
        bench.batches()[3..],
        [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]
    );
}
