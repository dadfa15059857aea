//! The clients: each goes through its steps, repeats what isn't answered, gives up, and perhaps comes back.

use tercet_core::{BranchState, Rejection, TriedBy};

use super::World;
use super::event::{Ask, Asker, Caller, Event, Heard, Request};
use super::initiator::LocalEnd;
use crate::observation::{Answer, Observed, Refusal, Said, Shown};
use crate::queue::{MS, Micros, SECOND};
use crate::workload::{ClientPlan, Step, WaitFor, participant_of};

/// A client and how far it has come.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) plan: ClientPlan,
    steps: Vec<Step>,
    at: usize,
    /// Numbers its requests; answers to older ones are ignored.
    request: u64,
    sent: u32,
    comes_back: bool,
    idle: bool,
}

impl Client {
    pub(crate) fn new(plan: ClientPlan) -> Self {
        Self {
            steps: plan.steps.clone(),
            comes_back: plan.comes_back_after.is_some(),
            plan,
            at: 0,
            request: 0,
            sent: 0,
            idle: false,
        }
    }
}

impl World {
    /// The client sends its present step, once more or for the first time.
    pub(super) fn client_acts(&mut self, id: usize) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(step) = client.steps.get(client.at).copied() else {
            client.idle = true;
            return;
        };
        if client.sent >= client.plan.patience {
            return self.client_gives_up(id);
        }
        client.sent += 1;
        client.request += 1;
        let (request, plan, wait) = (client.request, client.plan.plan.clone(), client.plan.wait);
        self.tell(|| format!("client  {id} ({}) {step:?}", plan.gid));
        let ask = match step {
            Step::Execute => Ask::Execute(wait),
            Step::Begin => Ask::Begin,
            Step::Try(index) | Step::Register(index) => {
                let mut definition = (*plan.branches[index]).clone();
                let by_caller = matches!(step, Step::Register(_));
                definition.tried_by = if by_caller {
                    TriedBy::Caller
                } else {
                    TriedBy::Coordinator
                };
                Ask::Add(definition.into())
            }
            Step::TryOther(index) => {
                let mut definition = (*plan.branches[index]).clone();
                definition.content.0[31] = 1;
                Ask::Add(definition.into())
            }
            Step::Renew(timeout) => Ask::Renew(timeout),
            Step::Confirm => {
                self.observe(Observed::Vouched(plan.gid.clone()));
                Ask::Confirm(wait)
            }
            Step::Cancel => Ask::Cancel(wait),
            Step::DirectTry(index) => {
                let definition = plan.branches[index].clone();
                let visit = self.visit_of(&plan.gid, &definition, tercet_core::Phase::Try);
                self.travel(
                    participant_of(&definition),
                    &visit,
                    Caller::Client {
                        client: id,
                        request,
                    },
                );
                return self.tires_later(id, request, 3 * SECOND);
            }
            Step::Pause(time) => return self.client_goes_on(id, time),
            Step::OpenLocal | Step::CommitLocal | Step::AbortLocal => {
                return self.local_step(id, step);
            }
        };
        let patience = if wait == WaitFor::Completion {
            20 * SECOND
        } else {
            6 * SECOND
        };
        let from = Asker::Client {
            client: id,
            request,
        };
        let request_made = Request {
            from,
            gid: plan.gid.clone(),
            ask,
            plan: Some(plan),
            known: false,
            hops: 0,
        };
        let to = self.any_coordinator();
        self.deliver(|| Event::RequestArrives {
            to,
            request: Box::new(request_made.clone()),
        });
        self.tires_later(id, request, patience);
    }

    fn tires_later(&mut self, client: usize, request: u64, after: Micros) {
        self.queue
            .schedule(self.now + after, Event::ClientTires { client, request });
    }

    pub(super) fn client_tires(&mut self, id: usize, request: u64) {
        if self
            .clients
            .get(id)
            .is_some_and(|client| client.request == request)
        {
            self.client_acts(id);
        }
    }

    fn client_gives_up(&mut self, id: usize) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.request += 1;
        let back_after = client.plan.comes_back_after.filter(|_| client.comes_back);
        client.comes_back = false;
        client.idle = true;
        self.tell(|| {
            format!(
                "client  {id} gives up{}",
                if back_after.is_some() { " for now" } else { "" }
            )
        });
        if let Some(after) = back_after {
            client_restart(&mut self.clients[id]);
            self.stats.comebacks += 1;
            self.queue.schedule(self.now + after, Event::ClientActs(id));
        }
    }

    fn client_goes_on(&mut self, id: usize, after: Micros) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.at += 1;
        client.sent = 0;
        client.request += 1;
        self.queue.schedule(self.now + after, Event::ClientActs(id));
    }

    /// What was planned can't be done: give back what there is.
    fn client_falls_back(&mut self, id: usize) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.steps = if client.plan.may_cancel {
            vec![Step::Cancel]
        } else {
            vec![Step::AbortLocal, Step::Cancel]
        };
        client.at = 0;
        client.sent = 0;
        client.request += 1;
        self.queue.schedule(self.now + MS, Event::ClientActs(id));
    }

    fn client_stops(&mut self, id: usize) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.request += 1;
        client.idle = true;
        client.at = client.steps.len();
    }

    pub(super) fn client_hears(&mut self, id: usize, request: u64, heard: Heard) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        if client.request != request {
            return;
        }
        let Some(step) = client.steps.get(client.at).copied() else {
            return;
        };
        match heard {
            Heard::Participant(Said::Ok) => self.client_goes_on(id, MS),
            Heard::Participant(Said::No(_)) => self.client_falls_back(id),
            Heard::Participant(Said::Unsure) => self.client_waits(id),
            Heard::Coordinator(Answer::Rejected { why, .. }) => {
                self.client_rejected(id, step, &why);
            }
            Heard::Coordinator(Answer::Shown(shown)) => self.client_shown(id, step, &shown),
        }
    }

    fn client_rejected(&mut self, id: usize, step: Step, why: &Refusal) {
        match why {
            Refusal::Overloaded
            | Refusal::Core(Rejection::LogUnavailable(_) | Rejection::NotOwner) => {
                self.client_waits(id);
            }
            // After a restart the try is repeated first.
            Refusal::Core(Rejection::BranchNotTried(_)) => {
                if self.clients[id].sent < self.clients[id].plan.patience {
                    self.client_waits(id);
                } else {
                    self.client_falls_back(id);
                }
            }
            Refusal::Core(Rejection::LogInvalid(_))
                if matches!(step, Step::Try(_) | Step::Register(_)) =>
            {
                self.client_falls_back(id);
            }
            // It was a trick question.
            Refusal::Core(Rejection::BranchConflict(_)) => self.client_goes_on(id, MS),
            _ => self.client_stops(id),
        }
    }

    fn client_waits(&mut self, id: usize) {
        let after = self.rng.skewed(20 * MS, 2 * SECOND);
        self.clients[id].request += 1;
        self.queue.schedule(self.now + after, Event::ClientActs(id));
    }

    fn client_shown(&mut self, id: usize, step: Step, shown: &Shown) {
        if shown.decision().is_some() {
            return self.client_stops(id);
        }
        match step {
            Step::Try(index) => {
                let plan = self.clients[id].plan.plan.clone();
                let name = &plan.branches[index].id;
                let known = shown.branches.iter().find(|(id, ..)| id == name);
                match known.map(|(_, state, _)| *state) {
                    Some(BranchState::Refused | BranchState::InDoubt) => self.client_falls_back(id),
                    _ => self.client_goes_on(id, MS),
                }
            }
            Step::Execute => self.client_waits(id),
            _ => self.client_goes_on(id, MS),
        }
    }

    fn local_step(&mut self, id: usize, step: Step) {
        let gid = self.clients[id].plan.plan.gid.clone();
        let (goes_on, ended) = match step {
            Step::OpenLocal => (self.initiator.open(&gid), None),
            Step::CommitLocal => {
                let committed = self.initiator.end(&gid, LocalEnd::Committed);
                (committed, committed.then_some(true))
            }
            _ => {
                let aborted = self.initiator.end(&gid, LocalEnd::Aborted);
                (aborted, aborted.then_some(false))
            }
        };
        if let Some(committed) = ended {
            self.tell(|| {
                format!(
                    "init    {gid}: local transaction {}",
                    if committed { "committed" } else { "undone" }
                )
            });
            if committed {
                self.observe(Observed::Vouched(gid.clone()));
            }
        }
        if goes_on {
            self.client_goes_on(id, MS);
        } else {
            self.client_stops(id);
        }
    }
}

fn client_restart(client: &mut Client) {
    client.steps = client.plan.steps.clone();
    client.at = 0;
    client.sent = 0;
    client.idle = false;
}
