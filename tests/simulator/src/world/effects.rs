//! Feeding the core and carrying out its effects, one by one; the coordinator may die before any of them.

use core::time::Duration;
use std::sync::Arc;

use tercet_core::{
    Append, AppendVerdict, Call, Decision, Effect, Gid, InitiatorAnswer, InitiatorReport, Input,
    Timestamp, TransactionState,
};

use super::event::Event;
use super::{BASE, World};
use crate::bugs::Bug;
use crate::observation::{Answer, Observed, Shown, Waited};
use crate::queue::{MS, Micros, SECOND};

impl World {
    /// Hands an input to the run of `gid`, and carries out what follows.
    pub(super) fn feed(&mut self, gid: &Gid, input: Input) {
        let now = self.wall();
        let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) else {
            return;
        };
        owned.run.handle(input, now);
        self.carry_out(gid);
    }

    pub(super) fn append_told(&mut self, gid: &Gid, verdict: AppendVerdict) {
        self.feed(gid, Input::AppendFinished(verdict));
    }

    pub(super) fn carry_out(&mut self, gid: &Gid) {
        while let Some(effect) = self.next_effect(gid) {
            if self.rng.chance(self.faults.crash) {
                self.tell(|| format!("shell   dies before {effect:?}"));
                return self.crash();
            }
            match effect {
                Effect::Append(append) => self.effect_append(gid, &append),
                Effect::Call(call) => self.effect_call(gid, call),
                Effect::AskInitiator => self.ask_initiator(gid),
                Effect::ReadFences => self.read_fences(gid),
                Effect::Answer { command, result } => self.command_answered(gid, command, result),
            }
        }
        self.plant_deadline_after_decision(gid);
        self.observe(Observed::Stepped(gid.clone()));
        self.settle(gid);
        self.set_alarm(gid);
    }

    fn next_effect(&mut self, gid: &Gid) -> Option<Effect> {
        self.coordinators[self.me]
            .runs
            .get_mut(gid)?
            .run
            .next_effect()
    }

    fn effect_append(&mut self, gid: &Gid, append: &Append) {
        let Some(owned) = self.coordinators[self.me].runs.get(gid) else {
            return;
        };
        let Some(next) = owned.run.appending() else {
            return;
        };
        let mut state = next.clone();
        let decides = owned.run.transaction().state == TransactionState::Trying
            && state.state != TransactionState::Trying;
        // The end of a branch is never stored as anything but its end.
        for branch in &mut state.branches {
            branch.state_before_end = None;
        }
        if decides
            && self.bug == Some(Bug::CallsBeforeDecision)
            && state.state.decision() == Some(Decision::Confirm)
        {
            self.plant_early_calls(gid, &state);
        }
        if decides && self.bug == Some(Bug::AnswersBeforeDecision) {
            self.plant_early_answers(gid, &state);
        }
        self.append(gid, append.expected, append.urgency, state);
    }

    fn effect_call(&mut self, gid: &Gid, call: Call) {
        if self.plant_swallowed_cancel(gid, call) {
            return;
        }
        self.send_call(gid, call, true);
    }

    /// The wake-up that the run wants, translated from its wall clock to the world's time.
    fn set_alarm(&mut self, gid: &Gid) {
        let (wall, incarnation) = (self.wall(), self.coordinators[self.me].incarnation);
        let loses = self.bug == Some(Bug::WakeupLost) && self.rng.chance(500);
        let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) else {
            return;
        };
        let Some(at) = owned.run.wake_at(wall) else {
            owned.wake = None;
            return;
        };
        let wait = u64::try_from(at.saturating_since(wall).as_micros()).unwrap_or(u64::MAX);
        let at = self.now.saturating_add(wait.max(1));
        if owned.wake.is_some_and(|(known, _)| known == at) {
            return;
        }
        self.tokens += 1;
        owned.wake = Some((at, self.tokens));
        if !loses {
            let event = Event::RunWakes {
                incarnation,
                gid: gid.clone(),
                token: self.tokens,
            };
            self.queue.schedule(at, event);
        }
    }

    pub(super) fn run_wakes(&mut self, incarnation: u32, gid: &Gid, token: u64) {
        if incarnation != self.coordinators[self.me].incarnation || !self.coordinators[self.me].up {
            return;
        }
        let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) else {
            return;
        };
        if owned.wake.is_none_or(|(_, known)| known != token) {
            return;
        }
        owned.wake = None;
        self.feed(gid, Input::Woken);
    }

    /// The process dies: everything volatile is gone. Calls and appends that are on their way stay on it.
    pub(super) fn crash(&mut self) {
        self.stats.crashes += 1;
        self.coordinators[self.me].up = false;
        self.coordinators[self.me].runs.clear();
        self.coordinators[self.me].commands.clear();
        let (me, by) = (self.me, self.session());
        self.calls.retain(|_, open| open.by != by);
        self.lose_unsynced();
        self.observe(Observed::Crashed(by));
        let back_at = self.now + self.rng.skewed(10 * MS, 20 * SECOND);
        self.queue.schedule(back_at, Event::CoordinatorStarts(me));
    }

    fn ask_initiator(&mut self, gid: &Gid) {
        let incarnation = self.coordinators[self.me].incarnation;
        self.observe(Observed::InitiatorAsked(gid.clone()));
        self.tell(|| format!("call    initiator of {gid} is asked"));
        let ask = Event::InitiatorAsked {
            incarnation,
            gid: gid.clone(),
        };
        let answer = Event::InitiatorAnswers {
            incarnation,
            gid: gid.clone(),
            answer: InitiatorAnswer::Unknown,
        };
        // The time-out is an answer too. Whichever comes first counts; the run ignores the other by itself being
        // asked anew, so the world must hand in only one.
        self.asked.insert((gid.clone(), incarnation));
        self.queue.schedule(self.now + 3 * SECOND, answer);
        let arrives = self.now + self.rng.skewed(MS / 5, 20 * MS);
        if !self.rng.chance(self.faults.lost) {
            self.queue.schedule(arrives, ask);
        }
    }

    pub(super) fn initiator_asked(&mut self, incarnation: u32, gid: &Gid) {
        let answer = self.initiator.check(gid, self.bug);
        self.tell(|| format!("init    {gid}: {answer:?}"));
        let answer =
            if self.bug == Some(Bug::UnknownIsAborted) && answer == InitiatorAnswer::Unknown {
                InitiatorAnswer::Aborted
            } else {
                answer
            };
        if !self.rng.chance(self.faults.lost) {
            let back = self.now + self.rng.skewed(MS / 5, 20 * MS);
            self.queue.schedule(
                back,
                Event::InitiatorAnswers {
                    incarnation,
                    gid: gid.clone(),
                    answer,
                },
            );
        }
    }

    pub(super) fn initiator_answers(
        &mut self,
        incarnation: u32,
        gid: &Gid,
        answer: InitiatorAnswer,
    ) {
        let asked = (gid.clone(), incarnation);
        let is_awaited = self.asked.contains(&asked);
        if !self.coordinators[self.me].up
            || incarnation != self.coordinators[self.me].incarnation
            || !is_awaited
        {
            return;
        }
        self.asked.remove(&asked);
        self.feed(
            gid,
            Input::InitiatorAnswered(InitiatorReport {
                answer,
                error: None,
            }),
        );
    }

    /// The wall clock of the coordinator.
    pub(crate) fn wall(&self) -> Timestamp {
        let now = i64::try_from(self.now).unwrap_or(i64::MAX);
        Timestamp::from_micros(BASE + now + self.coordinators[self.me].skew)
    }

    /// A wall-clock time of the coordinator on the even clock of everybody else.
    pub(super) fn even(time: Timestamp) -> i64 {
        time.as_micros() - BASE
    }

    /// How long a call may last: the participant's time-out, and not longer than `not_after`.
    pub(super) fn call_limit(&self, call: Call) -> Micros {
        let bound = call
            .not_after
            .map_or(Duration::MAX, |at| at.saturating_since(self.wall()));
        u64::try_from(bound.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, 3 * SECOND)
    }

    fn plant_early_calls(&mut self, gid: &Gid, state: &tercet_core::GlobalTransaction) {
        for (index, branch) in state.branches.iter().enumerate() {
            if branch.definition.verbs.has(tercet_core::Phase::Confirm) {
                let call = Call {
                    branch: index,
                    phase: tercet_core::Phase::Confirm,
                    number: 1,
                    not_after: None,
                };
                self.send_call(gid, call, false);
            }
        }
    }

    fn plant_early_answers(&mut self, gid: &Gid, state: &tercet_core::GlobalTransaction) {
        let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) else {
            return;
        };
        for waiting in core::mem::take(&mut owned.waiters) {
            self.reply(
                &waiting.request,
                &Answer::Shown(Shown::of(state, None)),
                Waited::Decision,
            );
        }
    }

    /// The planted bug: a watchdog of the shell that cancels at the deadline without asking the core.
    fn plant_deadline_after_decision(&mut self, gid: &Gid) {
        if self.bug != Some(Bug::DeadlineAfterDecision) {
            return;
        }
        let wall = self.wall();
        let Some(owned) = self.coordinators[self.me].runs.get(gid) else {
            return;
        };
        let transaction = owned.run.transaction();
        let is_due =
            transaction.state == TransactionState::Confirming && wall >= transaction.try_deadline;
        if is_due && owned.run.appending().is_none() && !self.watchdog.contains(gid) {
            self.watchdog.insert(gid.clone());
            let mut state = transaction.clone();
            state.state = TransactionState::Cancelling;
            let version = owned.run.version();
            self.append(gid, version, tercet_core::Urgency::Forced, state);
            self.land_last();
        }
    }

    /// The planted bugs: a branch that was refused, or is in doubt, is taken as one that needs no cancel.
    fn plant_swallowed_cancel(&mut self, gid: &Gid, call: Call) -> bool {
        let state = match self.bug {
            Some(Bug::RefusedNotCancelled) => tercet_core::BranchState::Refused,
            Some(Bug::InDoubtNotCancelled) => tercet_core::BranchState::InDoubt,
            _ => return false,
        };
        let branch = self.coordinators[self.me]
            .runs
            .get(gid)
            .and_then(|owned| owned.run.transaction().branches.get(call.branch));
        let swallowed = call.phase == tercet_core::Phase::Cancel
            && branch.is_some_and(|branch| branch.state == state);
        if swallowed {
            self.answer_without_calling(gid, call);
        }
        swallowed
    }

    /// Shares a definition with a call.
    pub(super) fn definition(
        &self,
        gid: &Gid,
        branch: usize,
    ) -> Option<Arc<tercet_core::BranchDefinition>> {
        let owned = self.coordinators[self.me].runs.get(gid)?;
        let branch = owned.run.transaction().branches.get(branch)?;
        Some(Arc::clone(&branch.definition))
    }
}
