//! What becomes of a batch, in memory: the calls in the order of arrival over the fence rows and the one business row
//! that were read under its lock.
//!
//! It is the same as running the calls one after the other, each in an SQL transaction of its own: the same
//! [`verdict`], the same answers, the same rows at the end. Only what is left to be written is gathered.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::action::{HotTable, Planner};
use crate::context::{BranchContext, BranchKey};
use crate::error::ActionError;
use crate::fence::{FenceRow, FenceState, FenceVerdict, Phase, Timeliness, verdict};

/// One call of a batch.
pub(super) struct Call<T: HotTable> {
    pub(super) planner: Arc<dyn Planner<T>>,
    pub(super) context: BranchContext,
    pub(super) request: Bytes,
    pub(super) timeliness: Timeliness,
}

/// What a call gets once the plan is committed.
#[derive(Debug)]
pub(super) enum Answer {
    /// This.
    Done(Result<Bytes, ActionError>),
    /// Its try was about another row than this call says: it belongs into that one's queue.
    Elsewhere(String),
}

/// A fence row to be inserted, or to be ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fenced {
    pub(super) service: String,
    pub(super) state: FenceState,
    pub(super) request: Bytes,
    pub(super) reply: Bytes,
    pub(super) try_deadline: i64,
    stored: Option<FenceState>,
}

/// What is to be written, and what is to be answered after that.
pub(super) struct Plan<T: HotTable> {
    /// One for each call, in its place.
    pub(super) answers: Vec<Answer>,
    /// What the fence makes of each, unless it fails or belongs elsewhere.
    pub(super) verdicts: Vec<Option<FenceVerdict>>,
    /// The business row as it shall be; none where there is none.
    pub(super) row: Option<T::Row>,
    /// Branches without a row so far.
    pub(super) inserts: BTreeMap<BranchKey, Fenced>,
    /// Branches that were *tried* and shall be in this state.
    pub(super) ends: BTreeMap<FenceState, Vec<BranchKey>>,
}

impl<T: HotTable> Plan<T> {
    /// Plans `calls`, all about the row `key`, which is `row` now, with these fence rows of theirs.
    pub(super) fn of(
        key: &str,
        calls: &[Call<T>],
        row: Option<T::Row>,
        stored: Vec<FenceRow>,
    ) -> Self {
        let mut planning = Planning {
            key,
            checkpoint: row.clone(),
            row,
            since: Vec::new(),
            fence: stored
                .into_iter()
                .map(|row| (row.key.clone(), Fenced::stored(row)))
                .collect(),
            verdicts: Vec::with_capacity(calls.len()),
        };
        let answers = calls.iter().map(|call| planning.answer(call)).collect();
        planning.finish(answers)
    }

    /// Whether anything is to be written.
    pub(super) fn writes(&self, before: Option<&T::Row>) -> bool {
        !self.inserts.is_empty() || !self.ends.is_empty() || self.row.as_ref() != before
    }
}

impl Fenced {
    fn stored(row: FenceRow) -> Self {
        Self {
            service: row.service,
            state: row.state,
            request: row.request.into(),
            reply: row.reply.into(),
            try_deadline: row.try_deadline,
            stored: Some(row.state),
        }
    }
}

/// Calls that go well between two copies of the row. A copy for each call would cost as much as the row has parts.
const STEPS_MAX: usize = 16;

/// A call that went well.
struct Step<T: HotTable> {
    planner: Arc<dyn Planner<T>>,
    context: BranchContext,
    request: Bytes,
}

struct Planning<'a, T: HotTable> {
    key: &'a str,
    row: Option<T::Row>,
    /// The row as it was some calls ago, and what went well since.
    checkpoint: Option<T::Row>,
    since: Vec<Step<T>>,
    fence: HashMap<BranchKey, Fenced>,
    verdicts: Vec<Option<FenceVerdict>>,
}

impl<T: HotTable> Planning<'_, T> {
    fn answer(&mut self, call: &Call<T>) -> Answer {
        let (answer, decided) = self.decide(call);
        let stands = match &answer {
            Answer::Done(Ok(_)) => true,
            Answer::Done(Err(error)) => {
                matches!(error, ActionError::Fenced(_) | ActionError::NotOffered)
            }
            Answer::Elsewhere(_) => false,
        };
        self.verdicts.push(decided.filter(|_| stands));
        answer
    }

    fn decide(&mut self, call: &Call<T>) -> (Answer, Option<FenceVerdict>) {
        let fenced = self.fence.get(&call.context.key);
        if let Some(fenced) = fenced
            && fenced.service != call.planner.service()
        {
            let other = ActionError::OtherAction {
                service: fenced.service.clone(),
            };
            return (Answer::Done(Err(other)), None);
        }
        let phase = call.context.phase;
        let state = fenced.map(|fenced| fenced.state);
        let decided = verdict(phase, state, call.planner.verbs(), call.timeliness);
        let answer = match decided {
            FenceVerdict::Run(to) if state.is_none() => Answer::Done(self.run_new(call, to)),
            FenceVerdict::Run(to) => self.run_tried(call, to),
            FenceVerdict::Record(to) => {
                self.insert(call, to, Bytes::new());
                Answer::Done(Ok(Bytes::new()))
            }
            FenceVerdict::Repeat if phase == Phase::Try => Answer::Done(Ok(fenced
                .map(|fenced| fenced.reply.clone())
                .unwrap_or_default())),
            FenceVerdict::Repeat => Answer::Done(Ok(Bytes::new())),
            FenceVerdict::Refuse(refusal) => Answer::Done(Err(ActionError::Fenced(refusal))),
            FenceVerdict::NotOffered => Answer::Done(Err(ActionError::NotOffered)),
        };
        (answer, Some(decided))
    }

    /// Runs the verb of a branch that has no row yet. A refusal leaves none.
    fn run_new(&mut self, call: &Call<T>, to: FenceState) -> Result<Bytes, ActionError> {
        let reply = self.run(call, &call.request)?;
        self.insert(call, to, reply.clone());
        Ok(reply)
    }

    fn insert(&mut self, call: &Call<T>, state: FenceState, reply: Bytes) {
        let request = if state == FenceState::Tried {
            call.request.clone()
        } else {
            Bytes::new()
        };
        let fenced = Fenced {
            service: call.planner.service().to_owned(),
            state,
            request,
            reply,
            try_deadline: call.context.try_deadline_micros,
            stored: None,
        };
        self.fence.insert(call.context.key.clone(), fenced);
    }

    /// Runs phase two with the request that was tried, whatever the caller sends now.
    fn run_tried(&mut self, call: &Call<T>, to: FenceState) -> Answer {
        let Some(fenced) = self.fence.get(&call.context.key) else {
            return Answer::Done(Err(ActionError::Contended));
        };
        let request = fenced.request.clone();
        match call.planner.key(&request) {
            Ok(key) if key == self.key => {}
            Ok(key) => return Answer::Elsewhere(key),
            Err(error) => return Answer::Done(Err(error)),
        }
        if call.planner.verbs().offers(call.context.phase)
            && let Err(error) = self.run(call, &request)
        {
            return Answer::Done(Err(error));
        }
        if let Some(fenced) = self.fence.get_mut(&call.context.key) {
            fenced.state = to;
            fenced.request = Bytes::new();
        }
        Answer::Done(Ok(Bytes::new()))
    }

    /// Runs a verb on the row in memory; after an error, or a panic, the row is as it was.
    fn run(&mut self, call: &Call<T>, request: &Bytes) -> Result<Bytes, ActionError> {
        if call.context.phase == Phase::Try {
            call.planner.check(request)?;
            // Mostly it is these that are refused in a rush, and they leave nothing to be undone.
            let row = self.row.as_ref();
            if let Some(refusal) = row.and_then(|row| call.planner.hopeless(row, request)) {
                return Err(refusal.into());
            }
        }
        let planned = catch_unwind(AssertUnwindSafe(|| {
            call.planner.plan(self.row.as_mut(), &call.context, request)
        }));
        let answer = planned.unwrap_or_else(|_| {
            Err(ActionError::Internal(format!(
                "{} has panicked",
                call.planner.service()
            )))
        });
        if answer.is_ok() {
            self.note(call, request);
        } else {
            self.undo();
        }
        answer
    }

    fn note(&mut self, call: &Call<T>, request: &Bytes) {
        self.since.push(Step {
            planner: Arc::clone(&call.planner),
            context: call.context.clone(),
            request: request.clone(),
        });
        if self.since.len() >= STEPS_MAX {
            self.checkpoint.clone_from(&self.row);
            self.since.clear();
        }
    }

    /// Takes the row back to what it was after the last call that went well.
    fn undo(&mut self) {
        self.row.clone_from(&self.checkpoint);
        for step in &self.since {
            let (planner, context) = (&step.planner, &step.context);
            // It went well on the same row before.
            let _ = planner.plan(self.row.as_mut(), context, &step.request);
        }
    }

    fn finish(self, answers: Vec<Answer>) -> Plan<T> {
        let mut inserts = BTreeMap::new();
        let mut ends: BTreeMap<FenceState, Vec<BranchKey>> = BTreeMap::new();
        for (key, fenced) in self.fence {
            match fenced.stored {
                None => drop(inserts.insert(key, fenced)),
                Some(stored) if stored == fenced.state => {}
                Some(_) => ends.entry(fenced.state).or_default().push(key),
            }
        }
        // Rows are locked in the order of their keys, so that two batches can't wait for one another.
        for keys in ends.values_mut() {
            keys.sort_unstable();
        }
        Plan {
            answers,
            verdicts: self.verdicts,
            row: self.row,
            inserts,
            ends,
        }
    }
}
