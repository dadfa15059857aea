//! The task of a lane: drain what waits, write once, answer all.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use core::time::Duration;
use tercet_core::{Gid, Urgency};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::handle::{Failure, LogOptions};
use super::metrics::{BatchObserver, BatchReport, Counters};
use super::settle::settle;
use crate::{BATCH_ENTRIES_MAX, Entry, Lane, TransactionLog, Verdict};

/// An entry, and who waits for its verdict.
pub(super) struct Request {
    pub(super) entry: Entry,
    pub(super) urgency: Urgency,
    pub(super) answer: oneshot::Sender<Verdict>,
    pub(super) queued_at: Instant,
}

impl Request {
    pub(super) fn refuse(self, counters: &Counters, verdict: Verdict) {
        answer(self.answer, counters, verdict);
    }
}

/// Whoever waited may be gone; the verdict stands all the same.
fn answer(to: oneshot::Sender<Verdict>, counters: &Counters, verdict: Verdict) {
    counters.settled();
    let _gone = to.send(verdict);
}

/// The only writer of a lane.
pub(super) struct Writer {
    lane: Lane,
    store: Arc<dyn TransactionLog>,
    receiver: mpsc::Receiver<Request>,
    stop: watch::Receiver<bool>,
    failed: Arc<watch::Sender<Option<Failure>>>,
    counters: Arc<Counters>,
    entries_max: usize,
    bytes_max: usize,
    lazy_for: Duration,
    observer: Option<Arc<dyn BatchObserver>>,
    /// Taken out of the queue and not yet written; at most twice a batch.
    waiting: VecDeque<Request>,
    /// Whether more may come.
    open: bool,
}

impl Writer {
    pub(super) fn new(
        lane: Lane,
        store: Arc<dyn TransactionLog>,
        receiver: mpsc::Receiver<Request>,
        stop: watch::Receiver<bool>,
        failed: Arc<watch::Sender<Option<Failure>>>,
        counters: Arc<Counters>,
        options: &LogOptions,
    ) -> Self {
        Self {
            lane,
            store,
            receiver,
            stop,
            failed,
            counters,
            entries_max: options.batch_entries_max.clamp(1, BATCH_ENTRIES_MAX),
            bytes_max: options.batch_bytes_max,
            lazy_for: options.lazy_for,
            observer: options.observer.clone(),
            waiting: VecDeque::new(),
            open: true,
        }
    }

    pub(super) async fn run(mut self) {
        let alarm = Alarm(Arc::clone(&self.failed));
        while self.gather().await {
            let batch = self.next_batch();
            if let Some(failure) = self.write(batch).await {
                tracing::error!(%failure, lane = self.lane.0, "the log stops writing");
                self.failed.send_replace(Some(failure.clone()));
                self.refuse_all(&failure).await;
                break;
            }
        }
        drop(alarm);
    }

    /// Waits until there is a batch to write: something forced, a lazy entry that has waited long enough, a full
    /// batch, or the end. False when nothing will ever come again.
    async fn gather(&mut self) -> bool {
        loop {
            self.drain();
            let due = self
                .waiting
                .front()
                .map(|oldest| oldest.queued_at + self.lazy_for);
            let Some(due) = due else {
                if !self.open {
                    return false;
                }
                self.receive(None).await;
                continue;
            };
            let forced = self
                .waiting
                .iter()
                .any(|request| request.urgency == Urgency::Forced);
            if forced
                || !self.open
                || self.waiting.len() >= self.entries_max
                || due <= Instant::now()
            {
                return true;
            }
            self.receive(Some(due)).await;
        }
    }

    /// Takes what is in the queue already.
    fn drain(&mut self) {
        if *self.stop.borrow() {
            // What is in the queue still comes out; nothing goes in any more.
            self.receiver.close();
        }
        while self.open && self.waiting.len() < 2 * self.entries_max {
            match self.receiver.try_recv() {
                Ok(request) => self.waiting.push_back(request),
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => self.open = false,
            }
        }
    }

    /// Waits for one more entry, for the end, or until `due`.
    async fn receive(&mut self, due: Option<Instant>) {
        let stopping = *self.stop.borrow_and_update();
        if stopping {
            self.receiver.close();
        }
        tokio::select! {
            // In a fixed order, so that a simulation goes the same way twice; what is due isn't kept waiting by what comes.
            biased;
            () = at(due), if due.is_some() => {}
            // An error means that the handle is gone, which the queue says as well.
            Ok(()) = self.stop.changed(), if !stopping => {}
            request = self.receiver.recv() => match request {
                Some(request) => self.waiting.push_back(request),
                None => self.open = false,
            },
        }
    }

    /// The entries of the next batch, oldest first: at most one of a gid, so that each gets its own verdict, and not
    /// more bytes than a database server takes at once. An entry that is too large for any company goes alone.
    fn next_batch(&mut self) -> Vec<Request> {
        let mut batch = Vec::with_capacity(self.waiting.len().min(self.entries_max));
        let mut gids: HashSet<Gid> = HashSet::with_capacity(batch.capacity());
        let mut later = VecDeque::new();
        let mut bytes = 0_usize;
        while let Some(request) = self.waiting.pop_front() {
            let size = request.entry.size();
            let is_full =
                batch.len() == self.entries_max || bytes.saturating_add(size) > self.bytes_max;
            if is_full && !batch.is_empty() {
                later.push_back(request);
                break;
            }
            if gids.insert(request.entry.gid.clone()) {
                bytes = bytes.saturating_add(size);
                batch.push(request);
            } else {
                later.push_back(request);
            }
        }
        later.append(&mut self.waiting);
        self.waiting = later;
        // Two processes that lock rows in the same order can't deadlock.
        batch.sort_by(|one, other| one.entry.gid.cmp(&other.entry.gid));
        batch
    }

    async fn write(&self, batch: Vec<Request>) -> Option<Failure> {
        let oldest = batch.iter().map(|request| request.queued_at).min()?;
        let forced = batch
            .iter()
            .filter(|request| request.urgency == Urgency::Forced);
        let oldest_forced = forced.map(|request| request.queued_at).min();
        let began = Instant::now();
        let (entries, mut waiters): (Vec<Entry>, Vec<_>) = batch
            .into_iter()
            .map(|request| (request.entry, Some(request.answer)))
            .unzip();
        let mut written = 0_usize;
        let failure = settle(&*self.store, self.lane, &entries, &mut |index, verdict| {
            written += usize::from(verdict == Verdict::Written);
            if let Some(waiter) = waiters.get_mut(index).and_then(Option::take) {
                answer(waiter, &self.counters, verdict);
            }
        })
        .await;
        self.counters
            .batch(entries.len(), written, oldest.elapsed());
        if let Some(observer) = &self.observer {
            observer.batch(&BatchReport {
                entries: entries.len(),
                written,
                took: began.elapsed(),
                forced_took: oldest_forced.map(|queued_at| queued_at.elapsed()),
            });
        }
        failure
    }

    /// Nothing is written any more: says so to everybody who asks, until nobody is left.
    async fn refuse_all(&mut self, failure: &Failure) {
        let verdict = match failure {
            Failure::Fenced => Verdict::Fenced,
            Failure::Unknown(_) => Verdict::Unavailable(failure.to_string()),
        };
        loop {
            for request in self.waiting.drain(..) {
                request.refuse(&self.counters, verdict.clone());
            }
            if !self.open {
                return;
            }
            self.receive(None).await;
        }
    }
}

async fn at(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}

/// Says so when the task ends in a panic: entries were left without a verdict.
struct Alarm(Arc<watch::Sender<Option<Failure>>>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_replace(Some(Failure::Unknown(
                "the writer of the log has panicked".to_owned(),
            )));
        }
    }
}
