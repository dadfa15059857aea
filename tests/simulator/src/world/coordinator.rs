//! The simulated shell around the production core: requests in, commands handed to [`Run`]s, answers out, recovery.
//!
//! As small as it can be: everything that decides is `tercet_core::Run`. What stands here is what the real shell
//! does too: look-up by gid, waiting callers, bounds, dropping what has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use tercet_core::{
    Begun, BranchState, CancelCause, CancelReason, Command, CommandId, ContentHash, Gid,
    GlobalTransaction, Input, Mode, Options, Rejection, RetryPolicy, Run, TransactionState,
    TriedBy,
};

use super::World;
use super::cluster::Member;
use super::event::{Ask, Asker, Event, Heard, Request};
use crate::bugs::Bug;
use crate::observation::{Answer, Done, Observed, Refusal, Shown, Waited};
use crate::queue::MS;
use crate::run::Shape;
use crate::workload::WaitFor;

/// Commands of one transaction that may wait; more are refused as overload.
pub(crate) const COMMANDS_MAX: usize = 8;

/// One coordinator process.
#[derive(Debug)]
pub(crate) struct Coordinator {
    /// Counts the lives of the process, from 1; also names its session in the log.
    pub(crate) incarnation: u32,
    /// The session of its process before.
    pub(crate) former: u32,
    pub(crate) up: bool,
    pub(crate) runs: BTreeMap<Gid, Owned>,
    pub(crate) commands: BTreeMap<CommandId, Waiting>,
    commands_made: u64,
    /// How far its wall clock is off, in microseconds.
    pub(crate) skew: i64,
    pub(crate) policy: Arc<RetryPolicy>,
    /// What it is as one of several.
    pub(crate) member: Member,
}

/// A transaction in memory.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) run: Run,
    pub(crate) waiters: Vec<Waiting>,
    pub(crate) wake: Option<(u64, u64)>,
}

/// Somebody who waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) request: Request,
    until: Waited,
    asked: Option<ContentHash>,
}

impl Coordinator {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self {
            incarnation: 1,
            former: 0,
            up: true,
            runs: BTreeMap::new(),
            commands: BTreeMap::new(),
            commands_made: 0,
            skew: 0,
            policy: Arc::new(policy),
            member: Member::default(),
        }
    }

    pub(crate) fn commands_of(&self, gid: &Gid) -> usize {
        self.commands
            .values()
            .filter(|waiting| waiting.request.gid == *gid)
            .count()
    }
}

impl World {
    pub(super) fn request_arrives(&mut self, mut request: Request) {
        if !self.coordinators[self.me].up {
            return;
        }
        if self.bug == Some(Bug::GidIgnoresCase)
            && let Ok(gid) = Gid::parse(&request.gid.as_str().to_lowercase())
        {
            request.gid = gid;
        }
        self.tell(|| {
            format!(
                "shell   {} {:?} from {:?}",
                request.gid,
                brief(&request.ask),
                request.from
            )
        });
        let is_live = self.coordinators[self.me].runs.contains_key(&request.gid);
        let may_begin = matches!(request.ask, Ask::Execute(_) | Ask::Begin | Ask::Cancel(_));
        // The insert is the look-up: a row is read first only where nothing would be inserted.
        let has_row = self.log.row(&request.gid).is_some();
        if !is_live && has_row && (request.known || !may_begin || self.rng.chance(5_000)) {
            if self.is_elsewhere(&request) {
                return;
            }
            if self.coordinators[self.me].up
                && !self.coordinators[self.me].runs.contains_key(&request.gid)
            {
                self.adopt(&request.gid);
                // One that has ended is only shown; it would leave the memory at once.
                let is_open = self.log.is_open(&request.gid);
                if self.shape != Shape::One && is_open {
                    self.go_on(&request.gid, Input::Woken);
                }
            }
            if !self.coordinators[self.me].up {
                return;
            }
        }
        if self.coordinators[self.me].runs.contains_key(&request.gid) {
            self.serve(request);
        } else if may_begin {
            self.begin(request);
        } else {
            self.refuse(&request, Refusal::UnknownTransaction);
        }
    }

    fn begin(&mut self, request: Request) {
        let Some(begun) = self.begun(&request) else {
            return self.refuse(&request, Refusal::UnknownTransaction);
        };
        let (asked, until) = (asked(&request), until(&request.ask));
        let command = self.remember(Waiting {
            request,
            until,
            asked,
        });
        let gid = begun.gid.clone();
        let run = Run::begin(
            begun,
            Arc::clone(&self.coordinators[self.me].policy),
            command,
        );
        self.coordinators[self.me].runs.insert(
            gid.clone(),
            Owned {
                run,
                waiters: Vec::new(),
                wake: None,
            },
        );
        self.carry_out(&gid);
    }

    fn begun(&mut self, request: &Request) -> Option<Begun> {
        let at = self.wall();
        let plan = request.plan.clone();
        let (mode, branches) = match request.ask {
            Ask::Execute(_) => (Mode::OneCall, plan.as_ref()?.branches.clone()),
            Ask::Begin => (Mode::StepByStep, Vec::new()),
            _ => (Mode::CancelledUnknown, Vec::new()),
        };
        let branches = branches
            .into_iter()
            .map(|branch| {
                let mut definition = (*branch).clone();
                definition.tried_by = if self.bug == Some(Bug::UntriedConfirmed) {
                    TriedBy::Caller
                } else {
                    TriedBy::Coordinator
                };
                Arc::new(definition)
            })
            .collect();
        let is_unknown = mode == Mode::CancelledUnknown;
        let options = match plan {
            Some(plan) if !is_unknown => {
                let initiator = plan
                    .options
                    .initiator
                    .clone()
                    .filter(|_| mode == Mode::StepByStep);
                Arc::new(Options {
                    initiator,
                    ..(*plan.options).clone()
                })
            }
            _ => Arc::new(Options::default()),
        };
        Some(Begun {
            gid: request.gid.clone(),
            mode,
            content: asked(request).unwrap_or_default(),
            options,
            trace_parent: Arc::from(""),
            at,
            cause: is_unknown.then(|| CancelCause {
                reason: CancelReason::Requested,
                branch: None,
                error: None,
                note: String::new(),
            }),
            branches,
        })
    }

    /// Serves a request on a transaction that is in memory.
    fn serve(&mut self, request: Request) {
        let gid = request.gid.clone();
        let waiting = Waiting {
            until: until(&request.ask),
            asked: asked(&request),
            request,
        };
        if self.coordinators[self.me].commands_of(&gid) >= COMMANDS_MAX
            && self.bug != Some(Bug::InboxUnbounded)
        {
            return self.refuse(&waiting.request, Refusal::Overloaded);
        }
        if self.plant_confirm_refused(&waiting.request) {
            return;
        }
        let command = match &waiting.request.ask {
            Ask::Execute(_) | Ask::Begin => return self.join(waiting),
            Ask::Add(definition) => Command::Register(Arc::clone(definition)),
            Ask::Confirm(_) => Command::Confirm,
            Ask::Cancel(_) => Command::Cancel {
                reason: "asked to".to_owned(),
            },
            Ask::Renew(timeout) => Command::Renew(*timeout),
            Ask::Retry => Command::Retry,
            Ask::Park => Command::Park {
                reason: "simulated".to_owned(),
            },
            Ask::Resume => Command::Resume,
            Ask::Force(branch) => Command::Force(branch.clone()),
        };
        let id = self.remember(waiting);
        self.feed(&gid, Input::Command(id, command));
    }

    /// The planted bug: a confirm is refused for a try that is only repeated.
    fn plant_confirm_refused(&mut self, request: &Request) -> bool {
        if self.bug != Some(Bug::ConfirmDoesNotWait) || !matches!(request.ask, Ask::Confirm(_)) {
            return false;
        }
        let Some(owned) = self.coordinators[self.me].runs.get(&request.gid) else {
            return false;
        };
        let transaction = owned.run.transaction();
        let waits = transaction.branches.iter().find(|branch| {
            branch.state == BranchState::Registered
                && branch.definition.tried_by == TriedBy::Coordinator
        });
        let id = waits.map(|branch| branch.definition.id.clone());
        let refused = id.filter(|_| transaction.state == TransactionState::Trying);
        if let Some(id) = refused.clone() {
            self.refuse(request, Refusal::Core(Rejection::BranchNotTried(id)));
        }
        refused.is_some()
    }

    /// The same begin again: one transaction, one answer. Other content is a conflict.
    fn join(&mut self, waiting: Waiting) {
        let gid = waiting.request.gid.clone();
        let Some(owned) = self.coordinators[self.me].runs.get_mut(&gid) else {
            return;
        };
        let transaction = owned.run.transaction();
        let same = waiting.asked == Some(transaction.content);
        if !same && transaction.mode != Mode::CancelledUnknown {
            return self.refuse(&waiting.request, Refusal::GidConflict);
        }
        owned.waiters.push(waiting);
        self.settle(&gid);
    }

    fn remember(&mut self, waiting: Waiting) -> CommandId {
        self.coordinators[self.me].commands_made += 1;
        let id = CommandId(self.coordinators[self.me].commands_made);
        self.coordinators[self.me].commands.insert(id, waiting);
        id
    }

    /// The core has answered a command.
    pub(super) fn command_answered(
        &mut self,
        gid: &Gid,
        id: CommandId,
        result: Result<(), Rejection>,
    ) {
        let Some(mut waiting) = self.coordinators[self.me].commands.remove(&id) else {
            return;
        };
        match result {
            Ok(()) => {
                let what = match &waiting.request.ask {
                    Ask::Add(definition) => Done::Added(Arc::clone(definition)),
                    Ask::Force(branch) => Done::Forced(branch.clone()),
                    _ => Done::Other,
                };
                self.observe(Observed::CommandDone {
                    gid: gid.clone(),
                    what,
                });
                if let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) {
                    owned.waiters.push(waiting);
                }
            }
            Err(Rejection::NotOwner) if !waiting.request.known => {
                // There is a row of that gid already: look at it, and answer from it.
                waiting.request.known = true;
                let to = self.me;
                let request = Box::new(waiting.request);
                let event = Event::RequestArrives { to, request };
                self.queue.schedule(self.now + MS, event);
            }
            Err(rejection) => self.refuse(&waiting.request, Refusal::Core(rejection)),
        }
    }

    /// Answers whoever waited for what is so now, and drops what needs no memory any more.
    pub(super) fn settle(&mut self, gid: &Gid) {
        let Some(owned) = self.coordinators[self.me].runs.get_mut(gid) else {
            return;
        };
        let mut answers = Vec::new();
        let run = &owned.run;
        if run.is_lost() {
            let Some(owned) = self.coordinators[self.me].runs.remove(gid) else {
                return;
            };
            let by = self.session();
            self.calls
                .retain(|_, open| open.gid != *gid || open.by != by);
            for mut waiting in owned.waiters {
                if waiting.request.known {
                    self.refuse(&waiting.request, Refusal::Core(Rejection::NotOwner));
                } else {
                    waiting.request.known = true;
                    let to = self.me;
                    let request = Box::new(waiting.request);
                    let event = Event::RequestArrives { to, request };
                    self.queue.schedule(self.now + MS, event);
                }
            }
            self.readopt(gid);
            return;
        }
        owned.waiters.retain(|waiting| {
            let ready = is_ready(run, waiting);
            if ready {
                answers.push((Shown::of(run.transaction(), waiting.asked), waiting.clone()));
            }
            !ready
        });
        let is_idle = run.is_finished() && owned.waiters.is_empty();
        for (shown, waiting) in answers {
            self.reply(&waiting.request, &Answer::Shown(shown), waiting.until);
        }
        if is_idle && self.coordinators[self.me].commands_of(gid) == 0 {
            self.coordinators[self.me].runs.remove(gid);
        }
    }

    pub(super) fn refuse(&mut self, request: &Request, why: Refusal) {
        let answer = Answer::Rejected {
            gid: request.gid.clone(),
            why,
        };
        self.reply(request, &answer, Waited::Durable);
    }

    pub(super) fn reply(&mut self, request: &Request, answer: &Answer, wait: Waited) {
        self.tell(|| format!("shell   answers {:?}: {}", request.from, describe(answer)));
        let about = request.plan.as_ref().map(|plan| plan.gid.clone());
        self.observe(Observed::Answered {
            answer: answer.clone(),
            wait,
            about,
        });
        if let Asker::Client { client, request } = request.from {
            self.deliver(|| Event::ClientHears {
                client,
                request,
                heard: Heard::Coordinator(answer.clone()),
            });
        }
    }
}

fn is_ready(run: &Run, waiting: &Waiting) -> bool {
    let transaction: &GlobalTransaction = run.transaction();
    let is_decided = transaction.state.decision().is_some();
    run.version() > 0
        && match waiting.until {
            Waited::Durable => true,
            Waited::Decision => is_decided,
            Waited::Completion => transaction.state.is_ended() || transaction.is_parked(),
            Waited::Branch => match &waiting.request.ask {
                Ask::Add(definition) => {
                    let branch = transaction.branch(&definition.id);
                    is_decided
                        || branch.is_some_and(|(_, branch)| branch.state != BranchState::Registered)
                }
                _ => true,
            },
        }
}

fn until(ask: &Ask) -> Waited {
    match ask {
        Ask::Execute(wait) | Ask::Confirm(wait) | Ask::Cancel(wait) => match wait {
            WaitFor::Decision => Waited::Decision,
            WaitFor::Completion => Waited::Completion,
        },
        Ask::Add(definition) if definition.tried_by == TriedBy::Coordinator => Waited::Branch,
        _ => Waited::Durable,
    }
}

/// The digest of what the request carries: the rpc is part of it.
fn asked(request: &Request) -> Option<ContentHash> {
    let rpc = match request.ask {
        Ask::Execute(_) => 1,
        Ask::Begin => 2,
        _ => return None,
    };
    let mut content = request.plan.as_ref()?.content;
    content.0[31] = rpc;
    Some(content)
}

fn brief(ask: &Ask) -> String {
    match ask {
        Ask::Add(definition) => format!("add {} tried by {:?}", definition.id, definition.tried_by),
        other => format!("{other:?}"),
    }
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Shown(shown) => format!("{} is {:?}", shown.gid, shown.state),
        Answer::Rejected { gid, why } => format!("{gid} rejected: {why:?}"),
    }
}
