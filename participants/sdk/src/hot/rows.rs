//! The queues: one for each row that calls wait for, driven by one task as long as anything is in it.
//!
//! The first call of an idle row starts the task, which runs it at once; what comes meanwhile waits and is taken
//! together. When nothing waits any more the task ends and the queue is gone, so rows that nobody wants cost nothing.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sqlx::Database as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::action::{HotTable, Planner};
use super::batch::Runner;
use super::last_seen::LastSeen;
use super::plan::{Answer, Call};
use crate::clock::now_micros;
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{Fence, FenceVerdict, Phase, verdict};

/// How often a call may be sent on to the queue of another row.
const HOPS_MAX: u32 = 3;

/// The bounds of hot rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotOptions {
    /// Calls in one SQL transaction, at least 1. 256.
    pub batch_calls_max: usize,
    /// Bytes of requests in one SQL transaction; a single call may have more. 1 MiB.
    pub batch_bytes_max: usize,
    /// Calls that may wait for one row; more are UNAVAILABLE, and told when to come back. 4096.
    pub queue_max: usize,
}

impl Default for HotOptions {
    fn default() -> Self {
        Self {
            batch_calls_max: 256,
            batch_bytes_max: 1024 * 1024,
            queue_max: 4096,
        }
    }
}

/// What has been counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HotCounts {
    /// SQL transactions that were answered from.
    pub batches: u64,
    /// Calls answered from them.
    pub calls: u64,
    /// Batches that failed and were run again in halves.
    pub halved: u64,
    /// Tries refused from memory.
    pub from_memory: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    calls: AtomicU64,
    halved: AtomicU64,
    from_memory: AtomicU64,
}

impl Counters {
    pub(super) fn batch(&self, calls: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(calls as u64, Ordering::Relaxed);
    }

    pub(super) fn halved(&self) {
        self.halved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused_from_memory(&self, calls: usize) {
        self.from_memory.fetch_add(calls as u64, Ordering::Relaxed);
    }
}

/// A call in a queue, and who waits for its answer.
struct Pending<T: HotTable> {
    call: Call<T>,
    answer: oneshot::Sender<Answer>,
    /// Given back when it is answered.
    permit: OwnedSemaphorePermit,
}

/// The rows of one hot table: make one, and hand it to [`crate::Participant::hot_action`] with each of its actions.
/// Cheap to clone; clones share queues.
pub struct HotRows<T: HotTable> {
    shared: Arc<Shared<T>>,
}

struct Shared<T: HotTable> {
    options: HotOptions,
    /// A key is here exactly as long as a task drives its queue.
    queues: Mutex<HashMap<String, VecDeque<Pending<T>>>>,
    seen: LastSeen<T::Row>,
    counters: Counters,
}

impl<T: HotTable> Clone for HotRows<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: HotTable> std::fmt::Debug for HotRows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotRows")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl<T: HotTable> Default for HotRows<T> {
    fn default() -> Self {
        Self::new(HotOptions::default())
    }
}

impl<T: HotTable> HotRows<T> {
    /// No row has a queue yet.
    pub fn new(options: HotOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                queues: Mutex::default(),
                seen: LastSeen::default(),
                counters: Counters::default(),
            }),
        }
    }

    /// Takes note of a row that was read or changed outside of the actions, e.g. by a restock: it takes the place of an
    /// older copy that tries are refused by.
    pub fn note(&self, key: &str, row: &T::Row) {
        let version = T::version(row);
        self.shared.seen.note(key, row, version, Instant::now());
    }

    /// Forgets the copy of a row that tries are refused by.
    pub fn forget(&self, key: &str) {
        self.shared.seen.forget(key);
    }

    /// What has been counted so far.
    pub fn counts(&self) -> HotCounts {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HotCounts {
            batches: read(&counters.batches),
            calls: read(&counters.calls),
            halved: read(&counters.halved),
            from_memory: read(&counters.from_memory),
        }
    }

    #[cfg(test)]
    pub(crate) fn queues_now(&self) -> usize {
        self.queues().len()
    }

    /// Serves one call in the queue of its row. A caller that goes away changes nothing.
    pub(super) async fn call(
        &self,
        fence: &Fence<T::Db>,
        planner: &Arc<dyn Planner<T>>,
        context: BranchContext,
        request: Bytes,
    ) -> Result<Bytes, ActionError> {
        let mut key = planner.key(&request)?;
        let timeliness = fence.timeliness(&context, now_micros());
        let decided = verdict(context.phase, None, planner.verbs(), timeliness);
        let count = || {
            let service = planner.service();
            fence.meters().verdict(service, context.phase, decided);
        };
        match decided {
            FenceVerdict::NotOffered => {
                count();
                return Err(ActionError::NotOffered);
            }
            FenceVerdict::Refuse(refusal) if context.phase == Phase::Try => {
                count();
                return Err(ActionError::Fenced(refusal));
            }
            _ => {}
        }
        // Its time in the queue included: that is what a call on a hot row waits for.
        let _span = fence.meters().sql_span(&context, T::Db::NAME);
        for _ in 0..HOPS_MAX {
            let permit = fence.admit()?;
            let (answer, answered) = oneshot::channel();
            let call = Call {
                planner: Arc::clone(planner),
                context: context.clone(),
                request: request.clone(),
                timeliness,
            };
            self.enqueue(
                fence,
                &key,
                Pending {
                    call,
                    answer,
                    permit,
                },
            )?;
            // Nobody answers any more when calls are being broken off.
            match answered.await.map_err(|_| ActionError::Stopping)? {
                Answer::Done(answer) => return answer,
                Answer::Elsewhere(other) => key = other,
            }
        }
        Err(ActionError::Contended)
    }

    fn enqueue(
        &self,
        fence: &Fence<T::Db>,
        key: &str,
        pending: Pending<T>,
    ) -> Result<(), ActionError> {
        let mut queues = self.queues();
        match queues.entry(key.to_owned()) {
            Entry::Occupied(mut queue) => {
                if queue.get().len() >= self.shared.options.queue_max {
                    return Err(ActionError::RowBusy);
                }
                queue.get_mut().push_back(pending);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(VecDeque::from([pending]));
                let driver = Driver {
                    rows: self.clone(),
                    fence: fence.clone(),
                    key: key.to_owned(),
                };
                fence.stop().spawn(driver.run());
            }
        }
        Ok(())
    }

    /// The next batch of a queue, oldest first; none when nothing waits, and then the queue is gone.
    fn next_batch(&self, key: &str) -> Option<Vec<Pending<T>>> {
        let options = &self.shared.options;
        let mut queues = self.queues();
        let queue = queues.get_mut(key)?;
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        while let Some(next) = queue.front() {
            bytes = bytes.saturating_add(next.call.request.len());
            let is_full = batch.len() >= options.batch_calls_max || bytes > options.batch_bytes_max;
            if is_full && !batch.is_empty() {
                break;
            }
            batch.extend(queue.pop_front());
        }
        if batch.is_empty() {
            queues.remove(key);
            return None;
        }
        Some(batch)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Pending<T>>>> {
        self.shared
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of one queue.
struct Driver<T: HotTable> {
    rows: HotRows<T>,
    fence: Fence<T::Db>,
    key: String,
}

impl<T: HotTable> Driver<T> {
    async fn run(self) {
        let aborted = self.fence.stop().aborted();
        let drained = aborted
            .run_until_cancelled(async {
                while let Some(batch) = self.rows.next_batch(&self.key) {
                    self.settle(batch).await;
                }
            })
            .await;
        if drained.is_none() {
            // Whoever waits here is told by its answer's absence.
            self.rows.queues().remove(&self.key);
        }
    }

    async fn settle(&self, batch: Vec<Pending<T>>) {
        let mut waiting = Vec::with_capacity(batch.len());
        let mut calls = Vec::with_capacity(batch.len());
        for Pending {
            call,
            answer,
            permit,
        } in batch
        {
            calls.push(call);
            waiting.push(Some((answer, permit)));
        }
        let runner = Runner {
            fence: &self.fence,
            key: &self.key,
            seen: &self.rows.shared.seen,
            counters: &self.rows.shared.counters,
        };
        let mut answer = |index: usize, given| {
            if let Some((answer, _permit)) = waiting.get_mut(index).and_then(Option::take) {
                // Whoever waited may be gone; what was done stands all the same.
                let _gone = answer.send(given);
            }
        };
        runner.settle(&calls, &mut answer).await;
    }
}
