//! How fast the log is on this machine: `cargo run --release -p tercet-log --example log_speed [url]`, with the url of an
//! empty database, or a file in a temporary folder.
//!
//! Prints rows a second for batches of 64, straight into the store (begins, then their decisions), and appends a second
//! and latency through group commit with many callers at once. Measures only; nothing is asserted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use tercet_core::{
    ActionName, Branch, BranchDefinition, BranchId, BranchState, ContentHash, Gid,
    GlobalTransaction, Mode, Options, ParticipantName, Timestamp, TransactionState, TriedBy, Verbs,
};
use tercet_log::{
    DatabaseUrl, Entry, Lane, Log, LogOptions, StoreOptions, TransactionLog, Urgency, Verdict, open,
};
use tokio::time::Instant;

const BATCH: usize = 64;
const BATCHES: usize = 300;
const CALLERS: [usize; 4] = [1, 16, 64, 256];
const APPENDS: usize = 12_800;

#[tokio::main]
async fn main() -> Result<()> {
    let own = tempfile::tempdir()?;
    let url = match std::env::args().nth(1) {
        Some(url) => DatabaseUrl::parse(&url)?,
        None => DatabaseUrl::Sqlite(own.path().join("log-speed.db")),
    };
    let store = open(&url, "", Timestamp::EPOCH, &StoreOptions::default()).await?;
    batches(&*store).await?;
    let log = Log::start(Arc::clone(&store), &LogOptions::default());
    for callers in CALLERS {
        group_commit(&log, callers).await?;
    }
    log.shutdown().await;
    println!("{url}");
    Ok(())
}

/// A transaction of three branches with payloads of 100 bytes.
fn transaction(name: &str) -> Result<GlobalTransaction> {
    let branch = |number: usize| -> Result<Branch> {
        Ok(Branch::new(Arc::new(BranchDefinition {
            id: BranchId::parse(&format!("b{number}"))?,
            participant: ParticipantName::parse(["order", "points", "stock"][number % 3])?,
            action: ActionName::parse("reserve")?,
            service: "shop.stock.v1.ReserveStockService".into(),
            verbs: Verbs::Tcc,
            payload: Bytes::from_static(&[7; 100]),
            content: ContentHash([9; 32]),
            tried_by: TriedBy::Coordinator,
        })))
    };
    Ok(GlobalTransaction {
        gid: Gid::parse(name)?,
        mode: Mode::OneCall,
        content: ContentHash([7; 32]),
        options: Arc::new(Options::default()),
        trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        state: TransactionState::Trying,
        begun_at: Timestamp::EPOCH,
        try_deadline: Timestamp::EPOCH,
        decided_at: None,
        ended_at: None,
        cancel_cause: None,
        attention: None,
        initiator_checks: 0,
        next_check_at: None,
        branches: (0..3).map(branch).collect::<Result<_>>()?,
    })
}

fn decided(mut transaction: GlobalTransaction) -> GlobalTransaction {
    transaction.state = TransactionState::Confirming;
    transaction.decided_at = Some(Timestamp::EPOCH);
    for branch in &mut transaction.branches {
        branch.state = BranchState::Tried;
    }
    transaction
}

/// Straight into the store, one batch after the other.
async fn batches(store: &dyn TransactionLog) -> Result<()> {
    let mut begins = Vec::new();
    let mut decisions = Vec::new();
    for batch in 0..BATCHES {
        let transactions = (0..BATCH)
            .map(|row| transaction(&format!("{batch:05}-{row:02}")))
            .collect::<Result<Vec<_>>>()?;
        begins.push(transactions.iter().map(Entry::begin).collect::<Vec<_>>());
        decisions.push(
            transactions
                .into_iter()
                .map(|transaction| Entry::progress(&decided(transaction), 1))
                .collect::<Vec<_>>(),
        );
    }
    for (what, batches) in [("begins", begins), ("decisions", decisions)] {
        let start = Instant::now();
        for batch in &batches {
            let verdicts = store.write(Lane(0), batch).await?;
            ensure!(
                verdicts.iter().all(|verdict| *verdict == Verdict::Written),
                "not written"
            );
        }
        report(
            &format!("{what}, batches of {BATCH}"),
            BATCH * BATCHES,
            start.elapsed(),
            BATCHES,
        );
    }
    Ok(())
}

/// A begin and a decision for each transaction, as many at once as there are callers.
async fn group_commit(log: &Log, callers: usize) -> Result<()> {
    let before = log.metrics().batches;
    let start = Instant::now();
    let each = APPENDS / callers / 2;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..each {
                    let begun = transaction(&format!("g{callers}-{caller}-{number}"))?;
                    let verdict = log.append(Entry::begin(&begun), Urgency::Forced).await;
                    ensure!(verdict == Verdict::Written, "not written");
                    let verdict = log
                        .append(Entry::progress(&decided(begun), 1), Urgency::Forced)
                        .await;
                    ensure!(verdict == Verdict::Written, "not written");
                }
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await.context("a caller")??;
    }
    let elapsed = start.elapsed();
    let batches = usize::try_from(log.metrics().batches - before)?;
    report(
        &format!("group commit, {callers} callers"),
        each * callers * 2,
        elapsed,
        batches,
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn report(what: &str, rows: usize, elapsed: Duration, batches: usize) {
    let rate = rows as f64 / elapsed.as_secs_f64();
    let each = elapsed.as_secs_f64() * 1e3 / batches as f64;
    println!(
        "{what:<28} {rate:>9.0} rows/s {each:>8.3} ms/commit {:>7.1} rows/commit",
        rows as f64 / batches as f64
    );
}
