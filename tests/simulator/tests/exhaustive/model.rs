//! What can happen in a small world, and what must hold in it; how it happens is in `world`.
//!
//! Everything that was once sent may arrive at any later time, and again; an answer may be lost; an append lands or
//! fails, also when its coordinator dies with it under way; the deadline passes at any time. Time itself is left out:
//! retries are due at once, and budgets keep the number of faults, and with it the world, finite.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use stateright::{Model, Property};
use tercet_core::{
    ActionName, AppendVerdict, Begun, BranchDefinition, BranchId, BranchIndex, CallOutcome,
    Command, CommandId, ContentHash, Decision, Gid, Input, Mode, Options, ParticipantName, Phase,
    RetryPolicy, Run, Timestamp, TriedBy, TryOrder, Verbs,
};

use super::world::{Held, Process, World};

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
    /// A coordinator that is alive is fenced, its append under way having landed or not; where there is none any more, the
    /// other one takes over: it reads the row then, and the old one has gone on in between.
    TakeOver {
        lands: bool,
    },
    /// The client's next step.
    Client,
    Cancel,
}

pub(crate) const BEGIN: Timestamp = Timestamp::from_micros(1_000_000);

impl Small {
    pub(crate) fn policy() -> Arc<RetryPolicy> {
        Arc::new(RetryPolicy {
            initial: Duration::ZERO,
            max: Duration::ZERO,
            try_attempts: 2,
            lazy_for: Duration::ZERO,
            attention_after: Duration::from_hours(24),
            ..RetryPolicy::default()
        })
    }

    pub(crate) fn definition(&self, index: BranchIndex) -> Arc<BranchDefinition> {
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

    pub(crate) fn begin(&self) -> Run {
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
                } else {
                    world.take_over();
                }
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
