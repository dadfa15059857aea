//! The task of one open transaction.
//!
//! It owns every `await` of its transaction, and nothing else: the [`Run`] says what is to be done, the task does
//! it and says what became of it. Its turn is always the same: carry out the effects, answer who can be answered,
//! wait for the next thing that happens. Calls are futures of the task, not tasks of their own.
//!
//! Must never: decide anything; change the state but through the run; go on once the stage says that it is over.

mod alarm;
mod effects;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Fuse, FusedFuture as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tercet_core::{
    AppendVerdict, BranchId, CallReport, Command, CommandId, Effect, FenceReading, InitiatorReport,
    Input, Rejection, Run, Timestamp, TransactionState,
};
use tercet_log::{AuditRecord, Verdict};
use tokio::sync::{mpsc, watch};

use super::gauges::Gauge;
use super::message::{Message, Order};
use super::registration::Registration;
use super::waiters::{Question, Waiters};
use super::{Stage, UndecidedSlot, Watched};
use crate::alerts::Flags;
use crate::clock;
use crate::errors::ApiError;
use crate::metrics::Observed;
use crate::participants::{CallsOut, TryDeadline, Waiting};
use crate::view::{Detail, Shown, UnderWay};
use alarm::Alarm;
use trace::Trace;

/// The command that the begin itself is.
pub(super) const BEGIN: CommandId = CommandId(0);

/// Commands that one transaction has under way; further ones wait in the inbox.
const COMMANDS_MAX: usize = 256;

/// How long a task may take to write what it has learnt when its coordinator leaves; less than `LEAVE_LIMIT` of the drain.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(700);

/// Where a task's transaction comes from.
pub(super) enum Origin {
    /// It is being begun, by that question.
    Begun {
        slot: UndecidedSlot,
        question: Question,
        audit: Option<Box<AuditRecord>>,
    },
    /// The log held it.
    Recovered,
}

/// A command that waits for its answer.
struct Pending {
    audit: Option<AuditRecord>,
    question: Question,
}

/// What happened, as the task sees it.
enum Happened {
    Appended(Verdict),
    Called(CallReport),
    Asked(InitiatorReport),
    FencesRead(Vec<FenceReading>),
    Message(Option<Message>),
    Time,
}

/// The task of one open transaction.
pub(super) struct Task {
    registration: Registration,
    inbox: mpsc::Receiver<Message>,
    run: Run,
    append: Fuse<BoxFuture<'static, Verdict>>,
    calls: FuturesUnordered<BoxFuture<'static, CallReport>>,
    check: Fuse<BoxFuture<'static, InitiatorReport>>,
    /// Only for a transaction of a log that was restored.
    reading: Fuse<BoxFuture<'static, Vec<FenceReading>>>,
    alarm: Alarm,
    commands: BTreeMap<CommandId, Pending>,
    next_command: u64,
    waiters: Waiters,
    /// Which of its calls are out.
    out: CallsOut,
    /// What calls that wait for their turn look at.
    try_deadline: TryDeadline,
    /// Why its begin, or itself, came to nothing here.
    failure: Option<ApiError>,
    slot: Option<UndecidedSlot>,
    gauge: Gauge,
    observed: Observed,
    flags: Flags,
    trace: Trace,
    /// One for each branch of a decided transaction that hasn't ended.
    waiting: Vec<Option<Waiting>>,
    watched: Option<watch::Sender<Watched>>,
}

impl Task {
    pub(super) fn new(
        registration: Registration,
        inbox: mpsc::Receiver<Message>,
        run: Run,
        origin: Origin,
    ) -> Self {
        let gauge = Gauge::new(Arc::clone(&registration.shared.gauges));
        let observed = Observed::new(Arc::clone(&registration.shared.telemetry.meters));
        let try_deadline = TryDeadline::new(run.transaction().try_deadline);
        let trace = Trace::new(registration.shared.telemetry.tracing.clone());
        let mut task = Self {
            registration,
            inbox,
            run,
            append: Fuse::terminated(),
            calls: FuturesUnordered::new(),
            check: Fuse::terminated(),
            reading: Fuse::terminated(),
            alarm: Alarm::default(),
            commands: BTreeMap::new(),
            next_command: BEGIN.0 + 1,
            waiters: Waiters::default(),
            out: CallsOut::default(),
            try_deadline,
            failure: None,
            slot: None,
            gauge,
            observed,
            flags: Flags::default(),
            trace,
            waiting: Vec::new(),
            watched: None,
        };
        match origin {
            Origin::Begun {
                slot,
                question,
                audit,
            } => {
                task.slot = Some(slot);
                let audit = audit.map(|record| *record);
                task.commands.insert(BEGIN, Pending { audit, question });
            }
            Origin::Recovered => task.recovered(),
        }
        task
    }

    /// Goes on with what the log holds: the same questions are asked as of a live transaction.
    fn recovered(&mut self) {
        self.observed.known(self.run.transaction().state);
        self.trace.recovered();
        let is_undecided = self.run.transaction().state == TransactionState::Trying;
        if is_undecided && self.slot.is_none() {
            self.slot = Some(self.registration.shared.admission.recovered());
        }
        let now = self.now();
        self.run.handle(Input::Woken, now);
    }

    fn now(&self) -> Timestamp {
        self.registration.shared.clock.now()
    }

    /// Drives the transaction to its end, or as far as this coordinator goes.
    pub(super) async fn run(mut self) {
        loop {
            self.turn();
            match self.registration.shared.stage.get() {
                Stage::Killed => return,
                Stage::Leaving => {
                    // A log that doesn't answer holds up nobody's leaving: what is lost then costs a repeated call.
                    let _ = tokio::time::timeout(LAST_WORDS_LIMIT, self.last_words()).await;
                    return self.leave(&ApiError::draining());
                }
                Stage::Serving | Stage::Draining => {}
            }
            if let Some(failure) = self.failure.take() {
                return self.leave(&failure);
            }
            if self.run.is_finished() {
                return self.finish();
            }
            let happened = self.next().await;
            self.take_in(happened);
        }
    }

    /// What was learnt and isn't durable yet is written for the next owner. Nothing new begins.
    async fn last_words(&mut self) {
        // First what is under way; then, once, the rest.
        for is_last in [false, true] {
            if !self.append.is_terminated() {
                let verdict = (&mut self.append).await;
                self.appended(verdict);
            }
            if !is_last {
                self.run.flush();
            }
            while let Some(effect) = self.run.next_effect() {
                if matches!(effect, Effect::Append(_) if !is_last)
                    || matches!(effect, Effect::Answer { .. })
                {
                    self.carry_out(effect);
                }
            }
            let shared = &self.registration.shared;
            let stage = shared.stage.get();
            let calls = UnderWay {
                run: &self.run,
                out: &self.out,
            };
            self.waiters.settle(calls, stage, &shared.advertised);
        }
    }

    /// Everything that can be done without waiting.
    fn turn(&mut self) {
        self.try_deadline.set(self.run.transaction().try_deadline);
        while let Some(effect) = self.run.next_effect() {
            self.carry_out(effect);
        }
        self.account();
        let shared = &self.registration.shared;
        let stage = shared.stage.get();
        let calls = UnderWay {
            run: &self.run,
            out: &self.out,
        };
        self.waiters.settle(calls, stage, &shared.advertised);
        self.publish();
    }

    async fn next(&mut self) -> Happened {
        let now = self.now();
        if let Some(at) = self.run.wake_at(now) {
            self.alarm.set(clock::instant_of(at, now));
        }
        let takes_messages = self.commands.len() < COMMANDS_MAX;
        tokio::select! {
            biased;
            verdict = &mut self.append => Happened::Appended(verdict),
            Some(report) = self.calls.next() => Happened::Called(report),
            report = &mut self.check => Happened::Asked(report),
            readings = &mut self.reading => Happened::FencesRead(readings),
            message = self.inbox.recv(), if takes_messages => Happened::Message(message),
            () = self.alarm.rings() => Happened::Time,
        }
    }

    fn take_in(&mut self, happened: Happened) {
        let input = match happened {
            Happened::Appended(verdict) => return self.appended(verdict),
            Happened::Called(report) => Input::CallFinished(report),
            Happened::Asked(report) => Input::InitiatorAnswered(report),
            Happened::FencesRead(readings) => Input::FencesRead(readings),
            Happened::Time => Input::Woken,
            // The handle in the registry keeps the inbox open.
            Happened::Message(message) => {
                return message.map_or((), |message| self.message(message));
            }
        };
        let now = self.now();
        self.run.handle(input, now);
    }

    fn appended(&mut self, verdict: Verdict) {
        let health = &self.registration.shared.health;
        let verdict = match verdict {
            Verdict::Written => {
                health.succeeded();
                AppendVerdict::Written
            }
            Verdict::Unavailable(why) => {
                health.failed(self.now());
                AppendVerdict::Unavailable(why)
            }
            Verdict::Invalid(why) => AppendVerdict::Invalid(why),
            Verdict::Stale | Verdict::Fenced => AppendVerdict::Lost,
            Verdict::Duplicate(stored) => return self.duplicate(*stored),
        };
        let now = self.now();
        self.run.handle(Input::AppendFinished(verdict), now);
    }

    /// The log held the gid already: its transaction takes the place of the one that was to begin.
    fn duplicate(&mut self, stored: tercet_log::Stored) {
        let shared = &self.registration.shared;
        let is_ours = stored.owner == shared.log.session().id;
        if !stored.transaction.state.is_ended() && !is_ours {
            self.failure = Some(Rejection::NotOwner.into());
            return;
        }
        let policy = Arc::clone(&shared.policy);
        self.run = Run::recovered(stored.transaction, stored.version, policy);
        if let Some(begin) = self.commands.remove(&BEGIN) {
            self.waiters.push(begin.question, true);
        }
        self.recovered();
        // Commands that came meanwhile are sent again by their senders, who hear that nobody took them.
        self.commands.clear();
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Ask(question) => self.waiters.push(*question, self.run.version() > 0),
            Message::Command(order) => self.command(*order),
            Message::Watch(to) => {
                let watched = self.watched.get_or_insert_with(|| watch::Sender::new(None));
                let mut changes = watched.subscribe();
                // Who comes later begins with the transaction as it is, too.
                changes.mark_changed();
                // A watcher that has gone already needs none.
                let _ = to.send(changes);
            }
            Message::Stage => {}
        }
    }

    fn command(&mut self, order: Order) {
        let Order {
            command,
            audit,
            question,
        } = order;
        if let Command::Force(branch) = &command {
            self.let_go(branch);
        }
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.commands.insert(id, Pending { audit, question });
        let now = self.now();
        self.run.handle(Input::Command(id, command), now);
    }

    /// A force waits for the call under way. One that waits for its participant to be resumed isn't: it is let go.
    fn let_go(&self, id: &BranchId) {
        let transaction = self.run.transaction();
        let branches = transaction.branches.iter().enumerate();
        let mut named = branches.filter(|(_, branch)| branch.definition.id == *id);
        if let Some((index, branch)) = named.next() {
            let participants = &self.registration.shared.participants;
            participants.let_go(&branch.definition.participant, &transaction.gid, index);
        }
    }

    /// What the transaction counts as, for limits and gauges.
    fn account(&mut self) {
        if self.run.is_lost() && self.failure.is_none() {
            let rejection = match self.run.version() {
                0 => Rejection::LogUnavailable("the begin was not taken".to_owned()),
                _ => Rejection::NotOwner,
            };
            self.failure = Some(rejection.into());
        }
        if self.run.version() == 0 {
            return;
        }
        let transaction = self.run.transaction();
        if let Some(decision) = self.observed.look(transaction) {
            self.trace.decided(transaction, decision);
        }
        let shared = &self.registration.shared;
        self.flags
            .look(transaction, &shared.participants, &shared.telemetry.alerts);
        let is_undecided = transaction.state == TransactionState::Trying;
        self.gauge
            .update(transaction, is_undecided || !self.run.is_quiet());
        if is_undecided {
            return;
        }
        self.slot = None;
        if self.waiting.is_empty() {
            let participants = &self.registration.shared.participants;
            let waiting = transaction.branches.iter().map(|branch| {
                let participant = participants.get(&branch.definition.participant)?;
                Some(Waiting::new(Arc::clone(participant)))
            });
            self.waiting = waiting.collect();
        }
        for (waiting, branch) in self.waiting.iter_mut().zip(&transaction.branches) {
            if branch.state.is_ended() {
                *waiting = None;
            }
        }
    }

    /// Shows watchers what has changed, if anything has.
    fn publish(&mut self) {
        let Some(watched) = &self.watched else {
            return;
        };
        if self.run.version() == 0 || watched.receiver_count() == 0 {
            return;
        }
        let shown = Shown {
            transaction: self.run.transaction(),
            calls: Some(UnderWay {
                run: &self.run,
                out: &self.out,
            }),
            owner: &self.registration.shared.advertised,
        };
        let message = shown.message(Detail::Whole);
        watched.send_if_modified(|former| {
            let is_new = former.as_deref() != Some(&message);
            if is_new {
                *former = Some(Arc::new(message));
            }
            is_new
        });
    }

    /// Ended and durable: from now on the log answers. Who has asked meanwhile is answered here.
    fn finish(mut self) {
        self.observed.ended(self.run.transaction());
        self.registration.remove();
        self.inbox.close();
        while let Ok(message) = self.inbox.try_recv() {
            self.message(message);
        }
        self.turn();
        self.leave(&ApiError::draining());
    }

    /// Answers whoever is left; then the task is over.
    fn leave(mut self, why: &ApiError) {
        self.registration.remove();
        self.inbox.close();
        for pending in std::mem::take(&mut self.commands).into_values() {
            pending.question.refuse(why.clone());
        }
        self.waiters.refuse_all(why);
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Ask(question) => question.refuse(why.clone()),
                Message::Command(order) => order.question.refuse(why.clone()),
                Message::Watch(_) | Message::Stage => {}
            }
        }
    }
}
