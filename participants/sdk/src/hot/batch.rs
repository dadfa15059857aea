//! Runs a batch in one SQL transaction, again where the database got in its own way, and in halves where one of the
//! calls is to blame.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use tercet_database::{ErrorClass, classify};
use tercet_failpoints::failpoint;
use tokio::time::Instant;

use super::action::HotTable;
use super::last_seen::LastSeen;
use super::plan::{Answer, Call, Plan};
use super::rows::Counters;
use crate::clock::{micros, now_micros};
use crate::context::BranchKey;
use crate::error::ActionError;
use crate::fence::rerun::{Reruns, Run, roll_back};
use crate::fence::{Fence, FenceDb, FenceRow, FenceVerdict, NewRow, Phase, verdict};
use crate::held::{Held, limited};

/// The connection of a batch's SQL transaction.
type Connection<T> = <<T as HotTable>::Db as sqlx::Database>::Connection;

/// What running a batch needs.
pub(super) struct Runner<'a, T: HotTable> {
    pub(super) fence: &'a Fence<T::Db>,
    pub(super) key: &'a str,
    pub(super) seen: &'a LastSeen<T::Row>,
    pub(super) counters: &'a Counters,
}

impl<T: HotTable> Runner<'_, T> {
    /// Runs `calls` and hands each its answer, in order of arrival, as soon as it stands.
    pub(super) async fn settle(
        &self,
        calls: &[Call<T>],
        answer: &mut (dyn FnMut(usize, Answer) + Send),
    ) {
        if self.refuse_hopeless(calls, answer).await {
            return;
        }
        let mut reruns = Reruns::new();
        // What is left, the first calls on top.
        let mut parts = vec![(0, calls.len())];
        while let Some((from, to)) = parts.pop() {
            let part = &calls[from..to];
            match self.attempt(part).await {
                Ok(answers) => {
                    self.counters.batch(part.len());
                    let meters = self.fence.meters();
                    meters.hot_batch(table_name::<T>(), part.len());
                    for (index, given) in answers.into_iter().enumerate() {
                        answer(from + index, given);
                    }
                }
                Err(error) if reruns.again(&error).await => parts.push((from, to)),
                Err(error) if part.len() > 1 && is_somebodys_fault(&error) => {
                    tracing::warn!(key = self.key, calls = part.len(), %error, "batch failed; running its halves");
                    self.counters.halved();
                    let middle = from + part.len() / 2;
                    parts.push((middle, to));
                    parts.push((from, middle));
                }
                Err(error) => {
                    let mut shared = Shared::new(error);
                    for index in from..to {
                        answer(index, Answer::Done(Err(shared.next())));
                    }
                }
            }
        }
    }

    /// One SQL transaction. A panic of the author's statements is an error like any other.
    async fn attempt(&self, calls: &[Call<T>]) -> Result<Vec<Answer>, ActionError> {
        AssertUnwindSafe(self.attempt_inner(calls))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Err(ActionError::Internal(
                    "a statement of the hot table has panicked".to_owned(),
                ))
            })
    }

    async fn attempt_inner(&self, calls: &[Call<T>]) -> Result<Vec<Answer>, ActionError> {
        let began = Instant::now();
        let run = Run::on(self.fence.database());
        let (plan, writes) = run
            .within(async |mut connection| self.in_transaction(&run, &mut connection, calls).await)
            .await?;
        match &plan.row {
            Some(row) if !writes => self.seen.note(self.key, row, T::version(row), began),
            // A written row has a version that only the next look will tell.
            _ => self.seen.forget(self.key),
        }
        for (call, verdict) in calls.iter().zip(&plan.verdicts) {
            if let Some(verdict) = *verdict {
                self.count(call, verdict);
            }
        }
        Ok(plan.answers)
    }

    fn count(&self, call: &Call<T>, verdict: FenceVerdict) {
        let service = call.planner.service();
        let meters = self.fence.meters();
        meters.verdict(service, call.context.phase, verdict);
    }

    async fn in_transaction(
        &self,
        run: &Run<'_, T::Db>,
        connection: &mut Connection<T>,
        calls: &[Call<T>],
    ) -> Result<(Plan<T>, bool), ActionError> {
        let mut transaction = self.fence.database().begin_on(connection).await?;
        match self.inside(&mut transaction, calls).await {
            Ok((plan, true)) => {
                run.commit(transaction).await?;
                Ok((plan, true))
            }
            // Where nothing is written, the row's lock was all there was to it.
            other => {
                roll_back(transaction).await;
                other
            }
        }
    }

    async fn inside(
        &self,
        connection: &mut Connection<T>,
        calls: &[Call<T>],
    ) -> Result<(Plan<T>, bool), ActionError> {
        failpoint!("hot::before-lock").map_err(sqlx::Error::from)?;
        let is_there = T::lock(connection, self.key).await?;
        failpoint!("hot::after-lock").map_err(sqlx::Error::from)?;
        let stored = T::Db::read_many(connection, &keys(calls)).await?;
        let row = if is_there {
            T::read_parts(connection, self.key, &parts(calls, &stored)).await?
        } else {
            None
        };
        let before = row.clone();
        let plan = Plan::of(self.key, calls, row, stored);
        let writes = plan.writes(before.as_ref());
        if !writes {
            return Ok((plan, false));
        }
        let now = now_micros();
        failpoint!("hot::before-insert").map_err(sqlx::Error::from)?;
        if !T::Db::insert_many(connection, &self.new_rows(&plan, now)).await? {
            return Err(ActionError::Contended);
        }
        failpoint!("hot::after-insert").map_err(sqlx::Error::from)?;
        for (state, keys) in &plan.ends {
            let keys: Vec<&BranchKey> = keys.iter().collect();
            failpoint!("hot::before-end").map_err(sqlx::Error::from)?;
            let ended = T::Db::end_many(connection, &keys, *state, now).await?;
            if ended != keys.len() as u64 {
                return Err(ActionError::Contended);
            }
            failpoint!("hot::after-end").map_err(sqlx::Error::from)?;
        }
        failpoint!("hot::before-business").map_err(sqlx::Error::from)?;
        if let (Some(before), Some(after)) = (&before, &plan.row)
            && before != after
            && !T::write(connection, self.key, before, after).await?
        {
            return Err(ActionError::Contended);
        }
        failpoint!("hot::after-business").map_err(sqlx::Error::from)?;
        Ok((plan, true))
    }

    fn new_rows<'p>(&self, plan: &'p Plan<T>, now: i64) -> Vec<(NewRow<'p>, &'p [u8])> {
        let ask_after = micros(self.fence.options().ask_after);
        plan.inserts
            .iter()
            .map(|(key, fenced)| {
                let row = NewRow {
                    key,
                    service: &fenced.service,
                    state: fenced.state,
                    request: &fenced.request,
                    try_deadline: fenced.try_deadline,
                    ask_at: fenced.try_deadline.max(now).saturating_add(ask_after),
                    now,
                };
                (row, fenced.reply.as_ref())
            })
            .collect()
    }

    /// What the fence knows of the calls now, without a lock.
    async fn look(&self, calls: &[Call<T>]) -> sqlx::Result<Vec<FenceRow>> {
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let stored = limited(T::Db::read_many(&mut reader, &keys(calls))).await;
        let stored = reader.settle(stored)?;
        Ok(stored)
    }

    /// Where nothing but hopeless tries has gathered, one look at the fence is all they cost: those that it knows get
    /// their first answer, the others are refused from memory. False when they have to go the whole way.
    async fn refuse_hopeless(
        &self,
        calls: &[Call<T>],
        answer: &mut (dyn FnMut(usize, Answer) + Send),
    ) -> bool {
        let Some(row) = self.seen.get(self.key, Instant::now()) else {
            return false;
        };
        let mut refusals = Vec::with_capacity(calls.len());
        for call in calls {
            let is_try = call.context.phase == Phase::Try;
            match call.planner.hopeless(&row, &call.request) {
                Some(refusal) if is_try => refusals.push(refusal),
                _ => return false,
            }
        }
        // Where it can't be read, the whole way says what is wrong.
        let Ok(stored) = self.look(calls).await else {
            return false;
        };
        self.counters.refused_from_memory(calls.len());
        self.fence.meters().refused_from_memory(calls.len());
        for (index, (call, refusal)) in calls.iter().zip(refusals).enumerate() {
            let known = stored.iter().find(|row| row.key == call.context.key);
            let given = match known {
                None => Err(refusal.into()),
                Some(known) if known.service != call.planner.service() => {
                    Err(ActionError::OtherAction {
                        service: known.service.clone(),
                    })
                }
                Some(known) => {
                    let given = repeated(call, known);
                    match &given {
                        Ok(_) => self.count(call, FenceVerdict::Repeat),
                        Err(ActionError::Fenced(refusal)) => {
                            self.count(call, FenceVerdict::Refuse(*refusal));
                        }
                        Err(_) => {}
                    }
                    given
                }
            };
            answer(index, Answer::Done(given));
        }
        true
    }
}

/// A hot table's name in the figures: that of its type.
fn table_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

/// The answer to a try whose branch has a row: it never runs.
fn repeated<T: HotTable>(call: &Call<T>, known: &FenceRow) -> Result<Bytes, ActionError> {
    let verbs = call.planner.verbs();
    match verdict(Phase::Try, Some(known.state), verbs, call.timeliness) {
        FenceVerdict::Repeat => Ok(known.reply.clone().into()),
        FenceVerdict::Refuse(refusal) => Err(ActionError::Fenced(refusal)),
        FenceVerdict::NotOffered => Err(ActionError::NotOffered),
        FenceVerdict::Run(_) | FenceVerdict::Record(_) => Err(ActionError::Contended),
    }
}

fn keys<T: HotTable>(calls: &[Call<T>]) -> Vec<&BranchKey> {
    let mut keys: Vec<&BranchKey> = calls.iter().map(|call| &call.context.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The parts of the row that the calls need, each once: those of what was tried, and those of what is sent now, by whichever
/// call for the same branch.
fn parts<T: HotTable>(calls: &[Call<T>], stored: &[FenceRow]) -> Vec<String> {
    let stored: HashMap<&BranchKey, &FenceRow> = stored.iter().map(|row| (&row.key, row)).collect();
    let mut sent: HashMap<&BranchKey, Vec<&[u8]>> = HashMap::with_capacity(calls.len());
    for call in calls {
        let requests = sent.entry(&call.context.key).or_default();
        if !requests.contains(&call.request.as_ref()) {
            requests.push(&call.request);
        }
    }
    let mut parts = BTreeSet::new();
    for call in calls {
        let key = &call.context.key;
        let phase = call.context.phase;
        for request in sent.get(key).into_iter().flatten() {
            parts.extend(call.planner.part(phase, request));
        }
        if let Some(tried) = stored.get(key)
            && tried.service == call.planner.service()
        {
            parts.extend(call.planner.part(phase, &tried.request));
        }
    }
    parts.into_iter().collect()
}

/// Whether one of the calls, and not the database's state, may be what makes a batch fail.
fn is_somebodys_fault(error: &ActionError) -> bool {
    match error {
        ActionError::Contended | ActionError::Internal(_) => true,
        ActionError::Database(error) => match classify(error) {
            ErrorClass::UniqueViolation
            | ErrorClass::Constraint
            | ErrorClass::TooLarge
            | ErrorClass::Other => true,
            ErrorClass::Busy
            | ErrorClass::ConnectionLost
            | ErrorClass::PoolTimedOut
            | ErrorClass::Closed
            | ErrorClass::DiskFull
            | ErrorClass::ReadOnly
            | ErrorClass::Unavailable
            | ErrorClass::Io => false,
        },
        _ => false,
    }
}

/// One error for all calls of a batch.
enum Shared {
    Commit(Arc<sqlx::Error>),
    Database(Arc<sqlx::Error>),
    Contended,
    Other(String),
}

impl Shared {
    fn new(error: ActionError) -> Self {
        match error {
            ActionError::CommitUnknown(error) => Self::Commit(error),
            ActionError::Database(error) => Self::Database(Arc::new(error)),
            ActionError::Contended => Self::Contended,
            other => Self::Other(other.to_string()),
        }
    }

    fn next(&mut self) -> ActionError {
        match self {
            Self::Commit(error) => ActionError::CommitUnknown(Arc::clone(error)),
            Self::Database(error) => ActionError::Gathered(Arc::clone(error)),
            Self::Contended => ActionError::Contended,
            Self::Other(text) => ActionError::Internal(text.clone()),
        }
    }
}
