//! The handle of a log.

use core::future::{Future, pending};
use core::time::Duration;
use std::sync::Arc;

use tercet_core::{Gid, Timestamp, Urgency};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::metrics::{BatchObserver, Counters, LogMetrics};
use super::writer::{Request, Writer};
use crate::{
    AuditFilter, AuditRecord, BATCH_ENTRIES_MAX, Counts, Entry, Filter, Lane, LogError, OpenPage,
    Page, PageToken, Pause, Session, SharedLog, Stored, TransactionLog, Verdict,
};

/// How a log groups its appends.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Entries that wait in a lane before appends themselves wait.
    pub queue: usize,
    /// The most entries of a batch; held between 1 and [`BATCH_ENTRIES_MAX`].
    pub batch_entries_max: usize,
    /// The most bytes of a batch that has more than one entry.
    pub batch_bytes_max: usize,
    /// How long a lazy entry waits for company.
    pub lazy_for: Duration,
    /// Who is told of each batch.
    pub observer: Option<Arc<dyn BatchObserver>>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            queue: 1_024,
            batch_entries_max: BATCH_ENTRIES_MAX,
            batch_bytes_max: 1024 * 1024,
            lazy_for: Duration::from_millis(100),
            observer: None,
        }
    }
}

/// Why a log writes no more. The process has to end: a new start reads the truth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody can say whether the last batch was written.
    #[error("the outcome of a commit is unknown, only a new start can read it: {0}")]
    Unknown(String),
    /// Another process has taken over.
    #[error("this coordinator was fenced: another one has taken over its log")]
    Fenced,
}

/// The log of a process: appends are grouped, reads go to the store. Cheap to clone.
///
/// When the last clone is dropped, what still waits is written and the tasks end.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn TransactionLog>,
    lanes: Vec<mpsc::Sender<Request>>,
    counters: Arc<Counters>,
    stopping: watch::Sender<bool>,
    failure: watch::Receiver<Option<Failure>>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Log")
            .field("session", self.shared.store.session())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Starts writing to `store`, a task for each of its lanes. Needs a tokio runtime.
    pub fn start(store: Arc<dyn TransactionLog>, options: &LogOptions) -> Self {
        let counters = Arc::new(Counters::default());
        let (stopping, stop) = watch::channel(false);
        let (failed, failure) = watch::channel(None);
        let failed = Arc::new(failed);
        let mut lanes = Vec::new();
        let mut writers = Vec::new();
        for lane in 0..store.lanes().max(1) {
            let (sender, receiver) = mpsc::channel(options.queue.max(1));
            let writer = Writer::new(
                Lane(lane),
                Arc::clone(&store),
                receiver,
                stop.clone(),
                Arc::clone(&failed),
                Arc::clone(&counters),
                options,
            );
            lanes.push(sender);
            writers.push(tokio::spawn(writer.run()));
        }
        let writers = Mutex::new(writers);
        Self {
            shared: Arc::new(Shared {
                store,
                lanes,
                counters,
                stopping,
                failure,
                writers,
            }),
        }
    }

    /// Appends `entry` and waits for its verdict.
    ///
    /// The entry is on its way when this returns; dropping the future loses the verdict, not the entry. Entries of one
    /// transaction are written in the order of these calls as long as the queue isn't full; whoever needs an order
    /// waits for one verdict before the next append.
    ///
    /// The future never ends if nobody can say whether the entry was written. [`Log::failed`] then says that the process
    /// must end.
    pub fn append(
        &self,
        entry: Entry,
        urgency: Urgency,
    ) -> impl Future<Output = Verdict> + Send + use<> {
        let (answer, verdict) = oneshot::channel();
        let lane = &self.shared.lanes[self.lane_of(&entry.gid)];
        let counters = Arc::clone(&self.shared.counters);
        counters.queued();
        match lane.try_send(Request {
            entry,
            urgency,
            answer,
            queued_at: Instant::now(),
        }) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => {
                // Bounded by the callers: each transaction has one append under way, and admission bounds those.
                let lane = lane.clone();
                tokio::spawn(async move {
                    if let Err(mpsc::error::SendError(request)) = lane.send(request).await {
                        request.refuse(&counters, stopped());
                    }
                });
            }
            Err(TrySendError::Closed(request)) => request.refuse(&counters, stopped()),
        }
        async move {
            match verdict.await {
                Ok(verdict) => verdict,
                Err(_) => pending().await,
            }
        }
    }

    /// The lane of a gid, always the same: FNV-1a, whose spread over a few lanes is good enough.
    fn lane_of(&self, gid: &Gid) -> usize {
        let hash = gid
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let lanes = self.shared.lanes.len();
        usize::try_from(hash % (lanes as u64)).unwrap_or(0)
    }

    /// Waits until the log can't write any more, and says why. Never ends while it can, or after a shutdown.
    pub async fn failed(&self) -> Failure {
        let mut failure = self.shared.failure.clone();
        let found = match failure.wait_for(Option::is_some).await {
            Ok(found) => found.clone(),
            Err(_) => None,
        };
        match found {
            Some(failure) => failure,
            None => pending().await,
        }
    }

    /// What the log has done.
    pub fn metrics(&self) -> LogMetrics {
        self.shared.counters.snapshot()
    }

    /// The session of this process.
    pub fn session(&self) -> &Session {
        self.shared.store.session()
    }

    /// See [`TransactionLog::shared`].
    pub fn shared(&self) -> Option<&dyn SharedLog> {
        self.shared.store.shared()
    }

    /// Writes everything that waits, lazy entries too, and closes the store. Later appends are
    /// [`Verdict::Unavailable`].
    pub async fn shutdown(&self) {
        self.shared.stopping.send_replace(true);
        let mut writers = self.shared.writers.lock().await;
        for writer in writers.drain(..) {
            if let Err(error) = writer.await {
                tracing::error!(%error, "a writer of the log has panicked");
            }
        }
        self.shared.store.close().await;
    }

    /// See [`TransactionLog::read`].
    pub async fn read(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        self.shared.store.read(gid).await
    }

    /// See [`TransactionLog::open_transactions`].
    pub async fn open_transactions(
        &self,
        after: Option<&Gid>,
        limit: usize,
    ) -> Result<OpenPage, LogError> {
        self.shared.store.open_transactions(after, limit).await
    }

    /// See [`TransactionLog::list`].
    pub async fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<Stored>, LogError> {
        self.shared.store.list(filter, after, limit).await
    }

    /// See [`TransactionLog::list_audit`].
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Result<Page<AuditRecord>, LogError> {
        self.shared.store.list_audit(filter, after, limit).await
    }

    /// See [`TransactionLog::purge`].
    pub async fn purge(&self, ended_before: Timestamp, limit: usize) -> Result<usize, LogError> {
        self.shared.store.purge(ended_before, limit).await
    }

    /// See [`TransactionLog::counts`].
    pub async fn counts(&self) -> Result<Counts, LogError> {
        self.shared.store.counts().await
    }

    /// See [`TransactionLog::append_audit`].
    pub async fn append_audit(&self, record: &AuditRecord) -> Result<(), LogError> {
        self.shared.store.append_audit(record).await
    }

    /// See [`TransactionLog::set_paused`].
    pub async fn set_paused(&self, record: &AuditRecord, is_paused: bool) -> Result<(), LogError> {
        self.shared.store.set_paused(record, is_paused).await
    }

    /// See [`TransactionLog::pauses`].
    pub async fn pauses(&self) -> Result<Vec<Pause>, LogError> {
        self.shared.store.pauses().await
    }
}

fn stopped() -> Verdict {
    Verdict::Unavailable("the log has been shut down".to_owned())
}
