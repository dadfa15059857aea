//! The driver of one transaction: what is volatile beside the durable state, and the order of things.
//!
//! A [`Run`] is fed [`Input`]s and the time, and hands out [`Effect`]s. Its owner (the coordinator's shell, or a
//! simulator) carries them out and feeds back what became of them. It never waits, and holds these rules:
//!
//! - At most one append is under way; everything else that happens meanwhile waits in the inbox, whose length its
//!   owner bounds.
//! - Facts that must be durable first (the begin, a branch, a decision) take effect only once they are. Lazy ones
//!   (attempts, ends of branches) take effect at once and are appended with the next forced one, or after
//!   [`RetryPolicy::lazy_for`], or with the end.
//! - No call leaves while an append is under way: none before its branch is durable, no try behind a cancel that
//!   counts it as never sent, no confirm before its decision.
//! - Whoever lost the ownership of a transaction ([`AppendVerdict::Lost`]) does nothing with it any more.
//!
//! Recovery is [`Run::recovered`] and nothing else: the durable state in, the same questions asked.

mod appends;
mod deferred;
mod effects;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use deferred::Deferred;
pub use effects::{Append, AppendVerdict, Command, CommandId, Effect, Input, Urgency};

use crate::{
    Attention, Begun, BranchId, BranchIndex, Call, Event, GlobalTransaction, Phase, Record,
    Rejection, RetryPolicy, Surroundings, Timestamp, TriedBy,
};

/// An append that is under way.
#[derive(Clone, Debug)]
struct Appending {
    next: Box<GlobalTransaction>,
    commands: Vec<CommandId>,
}

/// The driver of one transaction.
#[derive(Clone, Debug)]
pub struct Run {
    policy: Arc<RetryPolicy>,
    transaction: GlobalTransaction,
    /// The version of the row in the log; 0 as long as there is none.
    version: u64,
    appending: Option<Appending>,
    inbox: VecDeque<Input>,
    effects: VecDeque<Effect>,
    under_way: BTreeSet<(BranchIndex, Phase)>,
    /// Branches whose try may have been sent. Those that are neither here nor under way certainly weren't.
    sent: BTreeSet<BranchIndex>,
    /// Commands that wait for a call.
    deferred: Deferred,
    asking: bool,
    reading: bool,
    /// The log is a restored copy, and the hold isn't durable yet.
    to_hold: bool,
    dirty_since: Option<Timestamp>,
    append_failures: u32,
    append_not_before: Option<Timestamp>,
    /// When what is due was last made ready as effects.
    looked_at: Timestamp,
    /// That the log refuses it as it stands. Never stored: that would take the log.
    refused: Option<Attention>,
    /// Why nothing may happen to the transaction here any more.
    lost: Option<Rejection>,
}

impl Run {
    /// Begins a transaction. The first effect is the append of its row; `command` is answered once that is durable.
    pub fn begin(begun: Begun, policy: Arc<RetryPolicy>, command: CommandId) -> Self {
        let transaction = GlobalTransaction::begun(begun);
        let mut run = Self::new(transaction.clone(), 0, policy);
        run.start_append(transaction, vec![command], Urgency::Forced, true);
        run
    }

    /// Goes on with a transaction that the log holds. Every try may have been sent before.
    pub fn recovered(
        transaction: GlobalTransaction,
        version: u64,
        policy: Arc<RetryPolicy>,
    ) -> Self {
        let sent = (0..transaction.branches.len()).collect();
        Self {
            sent,
            deferred: Deferred::recovered(&transaction),
            ..Self::new(transaction, version, policy)
        }
    }

    fn new(transaction: GlobalTransaction, version: u64, policy: Arc<RetryPolicy>) -> Self {
        Self {
            policy,
            transaction,
            version,
            appending: None,
            inbox: VecDeque::new(),
            effects: VecDeque::new(),
            under_way: BTreeSet::new(),
            sent: BTreeSet::new(),
            deferred: Deferred::default(),
            asking: false,
            reading: false,
            to_hold: false,
            dirty_since: None,
            append_failures: 0,
            append_not_before: None,
            looked_at: Timestamp::NEVER,
            refused: None,
            lost: None,
        }
    }

    /// Takes in what happened, and makes whatever follows ready as effects.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::AppendFinished(verdict) => self.append_finished(verdict, now),
            Input::Woken => {}
            other => self.inbox.push_back(other),
        }
        self.advance(now);
    }

    /// The next effect, in the order in which they are to be carried out.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to hand in [`Input::Woken`] at the latest, unless something else comes before. That may have passed already:
    /// what has become due since the last input isn't lost on an owner that was slow to ask.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.lost.is_some() || self.appending.is_some() {
            return None;
        }
        let now = now.min(self.looked_at);
        let outstanding = self.transaction.outstanding(now, &self.policy).wake_at;
        let flush = self
            .dirty_since
            .map(|since| since.saturating_add(self.policy.lazy_for));
        // After a failed append nothing is appended before its time, so waking earlier would be for nothing.
        let flush = flush.map(|at| {
            self.append_not_before
                .map_or(at, |not_before| at.max(not_before))
        });
        [outstanding, flush, self.append_not_before]
            .into_iter()
            .flatten()
            .min()
    }

    /// The transaction as it may be shown; an ended branch shows its end only through
    /// [`shown_state`](crate::Branch::shown_state).
    pub fn transaction(&self) -> &GlobalTransaction {
        &self.transaction
    }

    /// The state that the append under way makes durable, for encoding it.
    pub fn appending(&self) -> Option<&GlobalTransaction> {
        self.appending.as_ref().map(|appending| &*appending.next)
    }

    /// The version of the row in the log; 0 before the begin is durable.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether another coordinator owns the transaction now.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Whether a call of that phase is under way for the branch.
    pub fn is_under_way(&self, branch: BranchIndex, phase: Phase) -> bool {
        self.under_way.contains(&(branch, phase))
    }

    /// Whether nothing is left to do: ended, durable, and no call, command or append under way.
    pub fn is_finished(&self) -> bool {
        self.transaction.state.is_ended() && self.is_quiet() && self.dirty_since.is_none()
    }

    /// Whether nothing is under way: whatever comes next comes from time or from outside.
    pub fn is_quiet(&self) -> bool {
        self.version > 0
            && self.appending.is_none()
            && self.under_way.is_empty()
            && self.inbox.is_empty()
            && self.effects.is_empty()
            && self.deferred.is_empty()
            && !self.asking
            && !self.reading
    }

    fn advance(&mut self, now: Timestamp) {
        while self.appending.is_none() {
            self.release_confirms();
            let Some(input) = self.inbox.pop_front() else {
                break;
            };
            self.process(input, now);
        }
        if self.lost.is_some() || self.appending.is_some() {
            return;
        }
        self.looked_at = now;
        // A pause that is longer than any was set before the clock went back.
        let longest = now.saturating_add(self.policy.max);
        self.append_not_before = self
            .append_not_before
            .filter(|at| now < *at && *at <= longest);
        self.dirty_since = self.dirty_since.map(|since| since.min(now));
        if self.append_not_before.is_none() {
            let due = if self.is_unheld() {
                Event::Restored
            } else {
                Event::Woken
            };
            if let Ok(records) = self.decide(&due, now) {
                self.commit(&records, None, now);
            }
            self.flush_when_due(now);
        }
        if self.appending.is_none() && !self.is_unheld() {
            self.emit_calls(now);
        }
    }

    /// Whether it is still to be held because the log was restored.
    fn is_unheld(&self) -> bool {
        self.to_hold && self.transaction.state.decision().is_none()
    }

    fn process(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Woken | Input::AppendFinished(_) => {}
            Input::CallFinished(report) => {
                self.under_way.remove(&(report.branch, report.phase));
                if report.phase == Phase::Try && !report.never_sent {
                    self.sent.insert(report.branch);
                }
                if self.lost.is_some() {
                    return;
                }
                let branch = report.branch;
                if let Ok(records) = self.decide(&Event::CallFinished(report), now) {
                    self.commit(&records, None, now);
                }
                self.release_forces(branch);
            }
            Input::InitiatorAnswered(report) => {
                self.asking = false;
                if self.lost.is_some() {
                    return;
                }
                if let Ok(records) = self.decide(&Event::InitiatorAnswered(report), now) {
                    self.commit(&records, None, now);
                }
            }
            Input::Restored => self.to_hold = true,
            Input::FencesRead(readings) => {
                self.reading = false;
                if self.lost.is_some() {
                    return;
                }
                if let Ok(records) = self.decide(&Event::FencesRead(readings), now) {
                    self.commit(&records, None, now);
                }
            }
            Input::Command(id, command) => self.command(id, command, now),
        }
    }

    fn command(&mut self, id: CommandId, command: Command, now: Timestamp) {
        if let Some(rejection) = self.lost.clone() {
            return self.answer(id, Err(rejection));
        }
        if let Command::Force(branch) = &command
            && let Some(index) = self.branch_under_way(branch)
        {
            self.deferred.force(index, id);
            return;
        }
        if self.is_unheld() {
            let why = "it was restored from a backup".to_owned();
            return self.answer(id, Err(Rejection::LogUnavailable(why)));
        }
        if command == Command::Confirm
            && !self.transaction.is_held()
            && self.deferred.holds_confirms(&self.transaction)
        {
            return self.deferred.confirm(id);
        }
        match self.decide(&command.into_event(), now) {
            Ok(records) if records.is_empty() => self.answer(id, Ok(())),
            Ok(records) => self.commit(&records, Some(id), now),
            Err(rejection) => self.answer(id, Err(rejection)),
        }
    }

    /// The branch of that id, if it could be forced by now but for a call that is under way: a try that was still
    /// out when cancel was decided counts as well.
    fn branch_under_way(&self, id: &BranchId) -> Option<BranchIndex> {
        self.transaction.state.decision()?;
        let (index, _) = self.transaction.branch(id)?;
        let phases = [Phase::Try, Phase::Confirm, Phase::Cancel];
        let is_under_way = |phase| self.under_way.contains(&(index, phase));
        phases.into_iter().any(is_under_way).then_some(index)
    }

    fn release_forces(&mut self, index: BranchIndex) {
        let id = self
            .transaction
            .branches
            .get(index)
            .map(|branch| branch.definition.id.clone());
        let Some(id) = id else { return };
        for command in self.deferred.forces_of(index) {
            self.inbox
                .push_front(Input::Command(command, Command::Force(id.clone())));
        }
    }

    fn release_confirms(&mut self) {
        for command in self.deferred.confirms_due(&self.transaction) {
            self.inbox
                .push_back(Input::Command(command, Command::Confirm));
        }
    }

    fn decide(&self, event: &Event, now: Timestamp) -> Result<Vec<Record>, Rejection> {
        let never_sent = |branch: BranchIndex| {
            let definition = self
                .transaction
                .branches
                .get(branch)
                .map(|branch| &branch.definition);
            definition.is_some_and(|definition| definition.tried_by == TriedBy::Coordinator)
                && !self.sent.contains(&branch)
                && !self.under_way.contains(&(branch, Phase::Try))
        };
        let around = Surroundings {
            now,
            policy: &self.policy,
            never_sent: &never_sent,
        };
        self.transaction.decide(event, &around)
    }

    /// Takes records in: lazy ones at once, forced ones (and all that come with them) through the log.
    fn commit(&mut self, records: &[Record], command: Option<CommandId>, now: Timestamp) {
        if records.is_empty() {
            return;
        }
        if !records.iter().any(Record::is_forced) {
            for record in records {
                self.transaction.apply(record);
            }
            self.dirty_since.get_or_insert(now);
            if let Some(id) = command {
                self.answer(id, Ok(()));
            }
            return;
        }
        let mut next = self.transaction.clone();
        for record in records {
            next.apply(record);
        }
        // An end alone can wait for company: every call is done, and a crash only repeats some.
        let only_ended =
            |record: &Record| !record.is_forced() || matches!(record, Record::Ended(_));
        let urgency = if records.iter().all(only_ended) {
            Urgency::Lazy
        } else {
            Urgency::Forced
        };
        let definition_changed = records
            .iter()
            .any(|record| matches!(record, Record::BranchRegistered(_)));
        self.start_append(
            next,
            command.into_iter().collect(),
            urgency,
            definition_changed,
        );
    }

    fn emit_calls(&mut self, now: Timestamp) {
        let outstanding = self.transaction.outstanding(now, &self.policy);
        for call in outstanding.calls {
            self.emit_call(call);
        }
        // Its answer is a decision: there is no use in asking while the log doesn't take one.
        let can_decide = self.append_not_before.is_none();
        if outstanding.read_fences && !self.reading && can_decide {
            self.reading = true;
            self.effects.push_back(Effect::ReadFences);
        }
        if outstanding.ask_initiator && !self.asking && can_decide {
            self.asking = true;
            self.effects.push_back(Effect::AskInitiator);
        }
    }

    fn emit_call(&mut self, call: Call) {
        if self.under_way.insert((call.branch, call.phase)) {
            self.effects.push_back(Effect::Call(call));
        }
    }

    fn answer(&mut self, command: CommandId, result: Result<(), Rejection>) {
        self.effects.push_back(Effect::Answer { command, result });
    }
}
