//! What can happen in a small world, and what must hold in it.
//!
//! Everything that was once sent may arrive at any later time, and again; an answer may be lost; an append lands or
//! fails, also when its coordinator dies with it under way; the deadline passes at any time. Time itself is left out:
//! retries are due at once, and budgets keep the number of faults, and with it the world, finite.

use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use stateright::{Model, Property};
use tercet_core::{
    ActionName, AppendVerdict, Begun, BranchDefinition, BranchId, BranchIndex, CallOutcome,
    CallReport, Command, CommandId, ContentHash, Decision, Effect, Gid, GlobalTransaction, Input,
    Mode, Options, ParticipantName, Phase, RetryPolicy, Run, Timestamp, TriedBy, TryOrder, Verbs,
};
use tercet_simulator::fence::{
    FencePhase, FenceState, FenceVerbs, FenceVerdict, Timeliness, verdict,
};

/// How many faults of each kind there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    pub(crate) failed_appends: u8,
    pub(crate) time_outs: u8,
    pub(crate) cancels: u8,
    /// A take-over leaves the old coordinator alive: fenced, and not knowing it.
    pub(crate) live_old: bool,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.crashes, "crashes"),
            (self.failed_appends, "failed appends"),
            (self.time_outs, "time-outs"),
            (self.cancels, "cancels by somebody"),
        ];
        let some: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        let old = if self.live_old {
            " (or take-overs)"
        } else {
            ""
        };
        write!(f, "up to {}{old}", some.join(" and "))
    }
}

/// Who drives the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    OneCall,
    /// The first branch by `TryBranch`, the second by `RegisterBranch`, tried by its initiator.
    StepByStep,
}

/// A small world.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) scenario: Scenario,
    pub(crate) order: TryOrder,
    pub(crate) verbs: [Verbs; 2],
    pub(crate) budget: Budget,
    /// Planted: an empty cancel leaves no row.
    pub(crate) fence_forgets: bool,
}

/// A coordinator process.
#[derive(Clone, Debug)]
struct Process {
    run: Run,
    /// Calls that it waits for, with what their participant has answered so far.
    open: BTreeSet<(BranchIndex, Phase)>,
    answers: BTreeSet<(BranchIndex, Phase, bool)>,
    /// The state that its append under way would make durable, over that version.
    append: Option<(u64, Box<GlobalTransaction>)>,
}

/// What a participant holds of one branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Held {
    row: Option<FenceState>,
    /// How often try, confirm and cancel ran.
    ran: [u8; 3],
}

/// The state of a small world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    owner: Option<Process>,
    old: Option<Process>,
    row: Option<(u64, GlobalTransaction)>,
    /// Everything that was ever sent.
    wire: BTreeSet<(BranchIndex, Phase)>,
    held: [Held; 2],
    late: bool,
    /// What the client has done: begun, registered the first, the second, asked to confirm.
    client: u8,
    crashes: u8,
    failed_appends: u8,
    time_outs: u8,
    cancels: u8,
    /// What went wrong, found while stepping.
    wrong: Option<&'static str>,
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

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// The append under way of the owner becomes durable, or fails.
    Append {
        lands: bool,
    },
    /// The old coordinator's append under way finds that it is fenced.
    OldAppend,
    /// Something that was sent arrives; a try may be refused by the business.
    Arrive {
        branch: BranchIndex,
        phase: Phase,
        agree: bool,
    },
    /// An answer reaches the coordinator that waits for it.
    Answer {
        old: bool,
        branch: BranchIndex,
        phase: Phase,
        ok: bool,
    },
    TimeOut {
        old: bool,
        branch: BranchIndex,
        phase: Phase,
    },
    DeadlinePasses,
    /// The coordinator dies, and its append under way lands or doesn't.
    Crash {
        lands: bool,
    },
    /// A coordinator takes over; of an old one that is alive the append under way lands or doesn't.
    TakeOver {
        lands: bool,
    },
    /// The client's next step.
    Client,
    Cancel,
}

const BEGIN: Timestamp = Timestamp::from_micros(1_000_000);

impl Small {
    fn policy() -> Arc<RetryPolicy> {
        Arc::new(RetryPolicy {
            initial: Duration::ZERO,
            max: Duration::ZERO,
            try_attempts: 2,
            lazy_for: Duration::ZERO,
            attention_after: Duration::from_hours(24),
            ..RetryPolicy::default()
        })
    }

    fn definition(&self, index: BranchIndex) -> Arc<BranchDefinition> {
        let by_caller = self.scenario == Scenario::StepByStep && index == 1;
        Arc::new(BranchDefinition {
            id: BranchId::parse(&format!("b{index}")).expect("a name"),
            participant: ParticipantName::parse("p").expect("a name"),
            action: ActionName::parse("a").expect("a name"),
            service: Arc::from("s"),
            verbs: self.verbs[index],
            payload: Bytes::new(),
            content: ContentHash::default(),
            tried_by: if by_caller {
                TriedBy::Caller
            } else {
                TriedBy::Coordinator
            },
        })
    }

    fn begin(&self) -> Run {
        let one_call = self.scenario == Scenario::OneCall;
        let begun = Begun {
            gid: Gid::parse("g").expect("a name"),
            mode: if one_call {
                Mode::OneCall
            } else {
                Mode::StepByStep
            },
            content: ContentHash::default(),
            options: Arc::new(Options {
                try_order: self.order,
                ..Options::default()
            }),
            trace_parent: Arc::from(""),
            at: BEGIN,
            cause: None,
            branches: if one_call {
                vec![self.definition(0), self.definition(1)]
            } else {
                Vec::new()
            },
        };
        Run::begin(begun, Self::policy(), CommandId(0))
    }
}

impl World {
    fn now(&self) -> Timestamp {
        if self.late {
            BEGIN.saturating_add(Options::default().try_timeout)
        } else {
            BEGIN
        }
    }

    fn decision(&self) -> Option<Decision> {
        self.row.as_ref().and_then(|(_, row)| row.state.decision())
    }

    fn process(&mut self, old: bool) -> Option<&mut Process> {
        if old {
            self.old.as_mut()
        } else {
            self.owner.as_mut()
        }
    }

    fn feed(&mut self, old: bool, input: Input) {
        let now = self.now();
        if let Some(process) = self.process(old) {
            process.run.handle(input, now);
        }
        self.drain(old);
    }

    /// Carries out what the run wants.
    fn drain(&mut self, old: bool) {
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
                Effect::AskInitiator | Effect::Answer { .. } => {}
            }
        }
        self.wire.extend(sent);
        self.wrong = self.wrong.or(wrong);
    }

    /// The append under way becomes durable.
    fn land(&mut self, append: Option<(u64, Box<GlobalTransaction>)>) {
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

    fn arrive(&mut self, small: &Small, branch: BranchIndex, phase: Phase, agree: bool) {
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
    fn report(&mut self, old: bool, branch: BranchIndex, phase: Phase, outcome: CallOutcome) {
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
            started_at: BEGIN,
            took: Duration::ZERO,
        };
        self.feed(old, Input::CallFinished(report));
    }

    fn take_over(&mut self) {
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
    fn nothing_left_over(&self, small: &Small) -> bool {
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
    fn never_stuck(&self) -> bool {
        self.owner.as_ref().is_none_or(|process| {
            let waits = process.append.is_some() || !process.open.is_empty();
            let run = &process.run;
            let undecided = run.transaction().state.decision().is_none();
            waits || run.is_finished() || run.is_lost() || undecided && !self.late
        })
    }

    fn client_step(&mut self, small: &Small) {
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
    fn client_may(&self) -> bool {
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

impl Model for Small {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World {
            owner: Some(Process {
                run: self.begin(),
                open: BTreeSet::new(),
                answers: BTreeSet::new(),
                append: None,
            }),
            old: None,
            row: None,
            wire: BTreeSet::new(),
            held: [Held::default(); 2],
            late: false,
            client: 0,
            crashes: 0,
            failed_appends: 0,
            time_outs: 0,
            cancels: 0,
            wrong: None,
        };
        world.drain(false);
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let budget = self.budget;
        if let Some(owner) = &world.owner {
            if owner.append.is_some() {
                actions.push(Action::Append { lands: true });
                if world.failed_appends < budget.failed_appends && world.row.is_some() {
                    actions.push(Action::Append { lands: false });
                }
            }
            if world.crashes < budget.crashes {
                actions.push(Action::Crash { lands: false });
                if owner.append.is_some() {
                    actions.push(Action::Crash { lands: true });
                }
                if budget.live_old && world.row.is_some() {
                    actions.push(Action::TakeOver { lands: false });
                    if owner.append.is_some() {
                        actions.push(Action::TakeOver { lands: true });
                    }
                }
            }
            if self.scenario == Scenario::StepByStep && world.client_may() {
                actions.push(Action::Client);
            }
            if world.cancels < budget.cancels && world.row.is_some() {
                actions.push(Action::Cancel);
            }
        } else if world.row.is_some() {
            actions.push(Action::TakeOver { lands: false });
        }
        if world.old.as_ref().is_some_and(|old| old.append.is_some()) {
            actions.push(Action::OldAppend);
        }
        for (branch, phase) in world.wire.iter().copied() {
            actions.push(Action::Arrive {
                branch,
                phase,
                agree: true,
            });
            if phase == Phase::Try && world.held[branch].row.is_none() {
                actions.push(Action::Arrive {
                    branch,
                    phase,
                    agree: false,
                });
            }
        }
        for (old, process) in [(false, &world.owner), (true, &world.old)] {
            let Some(process) = process else { continue };
            for (branch, phase, ok) in process.answers.iter().copied() {
                actions.push(Action::Answer {
                    old,
                    branch,
                    phase,
                    ok,
                });
            }
            if world.time_outs < budget.time_outs {
                for (branch, phase) in process.open.iter().copied() {
                    actions.push(Action::TimeOut { old, branch, phase });
                }
            }
        }
        if !world.late && world.row.is_some() {
            actions.push(Action::DeadlinePasses);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Append { lands } => {
                let append = world.owner.as_mut()?.append.take();
                let verdict = if lands {
                    world.land(append);
                    AppendVerdict::Written
                } else {
                    world.failed_appends += 1;
                    AppendVerdict::Unavailable(String::new())
                };
                world.feed(false, Input::AppendFinished(verdict));
            }
            Action::OldAppend => {
                world.old.as_mut()?.append = None;
                world.feed(true, Input::AppendFinished(AppendVerdict::Lost));
            }
            Action::Arrive {
                branch,
                phase,
                agree,
            } => world.arrive(self, branch, phase, agree),
            Action::Answer {
                old,
                branch,
                phase,
                ok,
            } => {
                let outcome = if ok {
                    CallOutcome::Done
                } else {
                    CallOutcome::Refused
                };
                // A refusal in phase two is repeated at once here: only what is new may come of it.
                world.report(old, branch, phase, outcome);
            }
            Action::TimeOut { old, branch, phase } => {
                world.time_outs += 1;
                world.report(old, branch, phase, CallOutcome::InDoubt);
            }
            Action::DeadlinePasses => {
                world.late = true;
                world.feed(false, Input::Woken);
                world.feed(true, Input::Woken);
            }
            Action::Crash { lands } => {
                world.crashes += 1;
                let owner = world.owner.take()?;
                if lands {
                    world.land(owner.append);
                }
            }
            Action::TakeOver { lands } => {
                if let Some(mut owner) = world.owner.take() {
                    world.crashes += 1;
                    let append = owner.append.clone();
                    if lands {
                        world.land(append);
                    }
                    if owner.append.is_none() {
                        // Whatever it appends from now on is refused.
                        owner.answers.clear();
                    }
                    world.old = Some(owner);
                }
                world.take_over();
            }
            Action::Client => world.client_step(self),
            Action::Cancel => {
                world.cancels += 1;
                let reason = String::new();
                world.feed(
                    false,
                    Input::Command(CommandId(9), Command::Cancel { reason }),
                );
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing goes wrong on the way", |_, world: &World| {
                world.wrong.is_none()
            }),
            Property::always("each verb runs once", |_, world: &World| {
                world
                    .held
                    .iter()
                    .all(|held| held.ran.iter().all(|ran| *ran <= 1))
            }),
            Property::always("confirm and cancel never meet", |_, world: &World| {
                let ran = |verb: usize| world.held.iter().any(|held| held.ran[verb] > 0);
                !(ran(1) && ran(2))
            }),
            Property::always(World::NOTHING_LEFT_OVER, |small: &Self, world: &World| {
                world.nothing_left_over(small)
            }),
            Property::always("nobody is stuck", |_, world: &World| world.never_stuck()),
            Property::sometimes("confirmed", |_, world: &World| {
                let ended = world
                    .row
                    .as_ref()
                    .is_some_and(|(_, row)| row.state.is_ended());
                ended && world.decision() == Some(Decision::Confirm)
            }),
            Property::sometimes("cancelled", |_, world: &World| {
                let ended = world
                    .row
                    .as_ref()
                    .is_some_and(|(_, row)| row.state.is_ended());
                ended && world.decision() == Some(Decision::Cancel)
            }),
        ]
    }
}
