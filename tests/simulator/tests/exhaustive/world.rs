//! A small world: its state, and how each thing that happens changes it.

use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use tercet_core::{
    BranchIndex, CallOutcome, CallReport, Command, CommandId, Decision, Effect, GlobalTransaction,
    Input, Options, Phase, Run, Timestamp, Verbs,
};
use tercet_simulator::fence::{
    FencePhase, FenceState, FenceVerbs, FenceVerdict, Timeliness, verdict,
};

use super::model::{BEGIN, Small};

/// A coordinator process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) run: Run,
    /// Calls that it waits for, with what their participant has answered so far.
    pub(crate) open: BTreeSet<(BranchIndex, Phase)>,
    pub(crate) answers: BTreeSet<(BranchIndex, Phase, bool)>,
    /// The state that its append under way would make durable, over that version.
    pub(crate) append: Option<(u64, Box<GlobalTransaction>)>,
}

/// What a participant holds of one branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) row: Option<FenceState>,
    /// How often try, confirm and cancel ran.
    pub(crate) ran: [u8; 3],
}

/// The state of a small world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) owner: Option<Process>,
    pub(crate) old: Option<Process>,
    pub(crate) row: Option<(u64, GlobalTransaction)>,
    /// Everything that was ever sent.
    pub(crate) wire: BTreeSet<(BranchIndex, Phase)>,
    pub(crate) held: [Held; 2],
    pub(crate) late: bool,
    /// What the client has done: begun, registered the first, the second, asked to confirm.
    pub(crate) client: u8,
    pub(crate) crashes: u8,
    pub(crate) failed_appends: u8,
    pub(crate) time_outs: u8,
    pub(crate) cancels: u8,
    /// What went wrong, found while stepping.
    pub(crate) wrong: Option<&'static str>,
}

impl World {
    pub(crate) const NOTHING_LEFT_OVER: &'static str = "what ended left nothing over";
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// A world is what its `Debug` text says: the production types have no `Hash`, and their text has no order that
/// changes. It goes into the hasher as it is written, without a copy.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        struct Into<'a, H>(&'a mut H);
        impl<H: Hasher> Write for Into<'_, H> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        write!(Into(state), "{self:?}").expect("a hasher takes everything");
    }
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        if self.late {
            BEGIN.saturating_add(Options::default().try_timeout)
        } else {
            BEGIN
        }
    }

    pub(crate) fn decision(&self) -> Option<Decision> {
        self.row.as_ref().and_then(|(_, row)| row.state.decision())
    }

    pub(crate) fn process(&mut self, old: bool) -> Option<&mut Process> {
        if old {
            self.old.as_mut()
        } else {
            self.owner.as_mut()
        }
    }

    pub(crate) fn feed(&mut self, old: bool, input: Input) {
        let now = self.now();
        if let Some(process) = self.process(old) {
            process.run.handle(input, now);
        }
        self.drain(old);
    }

    /// Carries out what the run wants.
    pub(crate) fn drain(&mut self, old: bool) {
        let decision = self.decision();
        let Some(process) = self.process(old) else {
            return;
        };
        let (mut sent, mut wrong) = (Vec::new(), None);
        while let Some(effect) = process.run.next_effect() {
            match effect {
                Effect::Append(append) => {
                    let mut next = process.run.appending().cloned();
                    for branch in next.iter_mut().flat_map(|next| &mut next.branches) {
                        branch.state_before_end = None;
                    }
                    process.append = next.map(|next| (append.expected, Box::new(next)));
                }
                Effect::Call(call) => {
                    process.open.insert((call.branch, call.phase));
                    sent.push((call.branch, call.phase));
                    let wanted = decision.map_or(Phase::Try, Phase::from);
                    // A fenced coordinator that doesn't know it may still try; never more than that.
                    if call.phase != wanted && !(old && call.phase == Phase::Try) {
                        wrong = Some("a call without its durable decision");
                    }
                }
                Effect::AskInitiator | Effect::ReadFences | Effect::Answer { .. } => {}
            }
        }
        self.wire.extend(sent);
        self.wrong = self.wrong.or(wrong);
    }

    /// The append under way becomes durable.
    pub(crate) fn land(&mut self, append: Option<(u64, Box<GlobalTransaction>)>) {
        let Some((expected, next)) = append else {
            return;
        };
        let found = self.row.as_ref().map_or(0, |(version, _)| *version);
        if found != expected {
            self.wrong = Some("a write over another version");
            return;
        }
        if self.decision().is_some() && self.decision() != next.state.decision() {
            self.wrong = Some("a decision was changed");
        }
        self.row = Some((expected + 1, *next));
    }

    pub(crate) fn arrive(&mut self, small: &Small, branch: BranchIndex, phase: Phase, agree: bool) {
        let verbs = match small.verbs[branch] {
            Verbs::Tcc => FenceVerbs::TryConfirmCancel,
            Verbs::Saga => FenceVerbs::TryCancel,
            Verbs::Message => FenceVerbs::Confirm,
        };
        let (index, fence_phase) = match phase {
            Phase::Try => (0, FencePhase::Try),
            Phase::Confirm => (1, FencePhase::Confirm),
            Phase::Cancel => (2, FencePhase::Cancel),
        };
        let held = &mut self.held[branch];
        let ok = match verdict(fence_phase, held.row, verbs, Timeliness::InTime) {
            FenceVerdict::Run(_) if !agree => false,
            FenceVerdict::Run(next) => {
                held.ran[index] = held.ran[index].saturating_add(1);
                held.row = Some(next);
                true
            }
            FenceVerdict::Record(next) => {
                held.row = (!small.fence_forgets).then_some(next);
                true
            }
            FenceVerdict::Repeat => true,
            FenceVerdict::Refuse(_) | FenceVerdict::NotOffered => false,
        };
        for process in [self.owner.as_mut(), self.old.as_mut()]
            .into_iter()
            .flatten()
        {
            if process.open.contains(&(branch, phase)) {
                process.answers.insert((branch, phase, ok));
            }
        }
    }

    /// Closes a call with its outcome.
    pub(crate) fn report(
        &mut self,
        old: bool,
        branch: BranchIndex,
        phase: Phase,
        outcome: CallOutcome,
    ) {
        let Some(process) = self.process(old) else {
            return;
        };
        process.open.remove(&(branch, phase));
        process
            .answers
            .retain(|(known, of, _)| (*known, *of) != (branch, phase));
        let calls = process.run.transaction().branches[branch]
            .progress(phase)
            .calls;
        let report = CallReport {
            branch,
            phase,
            number: calls + 1,
            outcome,
            error: None,
            response: Bytes::new(),
            retry_after: None,
            never_sent: false,
            free: false,
            alarm: None,
            endpoint: "".into(),
            started_at: BEGIN,
            took: Duration::ZERO,
        };
        self.feed(old, Input::CallFinished(report));
    }

    pub(crate) fn take_over(&mut self) {
        let Some((version, row)) = self.row.clone() else {
            return;
        };
        let run = Run::recovered(row, version, Small::policy());
        self.owner = Some(Process {
            run,
            open: BTreeSet::new(),
            answers: BTreeSet::new(),
            append: None,
        });
        self.feed(false, Input::Woken);
    }

    /// Whether everything that ended is consistent: branches as decided, nothing reserved, nothing twice.
    pub(crate) fn nothing_left_over(&self, small: &Small) -> bool {
        let Some((_, row)) = self.row.as_ref().filter(|(_, row)| row.state.is_ended()) else {
            return true;
        };
        let confirmed = row.state.decision() == Some(Decision::Confirm);
        self.held
            .iter()
            .zip(&small.verbs)
            .take(row.branches.len())
            .all(|(held, verbs)| match (confirmed, verbs) {
                (true, Verbs::Tcc) => held.ran == [1, 1, 0],
                (true, Verbs::Saga) => held.ran == [1, 0, 0],
                (true, Verbs::Message) => held.ran == [0, 1, 0],
                (false, _) => held.ran == [0, 0, 0] || held.ran == [1, 0, 1],
            })
    }

    /// Whether the owner either still waits for something, or is through.
    pub(crate) fn never_stuck(&self) -> bool {
        self.owner.as_ref().is_none_or(|process| {
            let waits = process.append.is_some() || !process.open.is_empty();
            let run = &process.run;
            let undecided = run.transaction().state.decision().is_none();
            waits || run.is_finished() || run.is_lost() || undecided && !self.late
        })
    }

    pub(crate) fn client_step(&mut self, small: &Small) {
        let step = self.client;
        self.client += 1;
        let command = match step {
            0 => Command::Register(small.definition(0)),
            1 => Command::Register(small.definition(1)),
            2 => {
                self.wire.insert((1, Phase::Try));
                return;
            }
            _ => Command::Confirm,
        };
        self.feed(false, Input::Command(CommandId(u64::from(step)), command));
    }

    /// The client goes on when what it did before is durable, and confirms only what it knows to be tried.
    pub(crate) fn client_may(&self) -> bool {
        let Some((_, row)) = &self.row else {
            return false;
        };
        match self.client {
            0 => true,
            1 => row.branches.len() == 1,
            2 => row.branches.len() == 2,
            3 => self.held[1].row == Some(FenceState::Tried),
            _ => false,
        }
    }
}
