//! People: operators who retry, park, resume, force and cancel, at random while there are faults, and who tidy up
//! once there are none.

use tercet_core::{Gid, Phase, Verbs};

use super::event::{Ask, Asker, Caller, Event, Request};
use super::{Visit, World};
use crate::fence::FenceState;
use crate::queue::{Micros, SECOND};
use crate::run::Shape;
use crate::workload::{WaitFor, participant_of};

impl World {
    /// Somebody does something to some transaction.
    pub(super) fn operator_acts(&mut self) {
        if self.faults.operator_every == 0 {
            return;
        }
        let mean = self.faults.operator_every * SECOND;
        let again = self.now + self.rng.between(mean / 4, mean * 2);
        self.queue.schedule(again, Event::OperatorActs);
        let index = self.rng.index(self.clients.len());
        let Some(client) = self.clients.get(index) else {
            return;
        };
        let plan = client.plan.plan.clone();
        let may_cancel = client.plan.may_cancel;
        let branch = self.rng.index(plan.branches.len());
        let ask = match self.rng.below(12) {
            3..=5 => Ask::Park,
            6..=8 => Ask::Resume,
            9 => Ask::Force(plan.branches[branch].id.clone()),
            10 if may_cancel => Ask::Cancel(WaitFor::Decision),
            _ => Ask::Retry,
        };
        self.operator_asks(&plan.gid, ask);
    }

    /// Somebody calls a participant directly, with what its fence has to refuse: a confirm of what was never tried or
    /// is cancelled, a cancel of what is confirmed, a try of what is cancelled.
    pub(super) fn stranger_calls(&mut self) {
        if self.faults.stray == 0 {
            return;
        }
        self.queue.schedule(self.now + SECOND, Event::StrangerCalls);
        if !self.rng.chance(self.faults.stray) {
            return;
        }
        let index = self.rng.index(self.clients.len());
        let Some(client) = self.clients.get(index) else {
            return;
        };
        let plan = client.plan.plan.clone();
        let branch = self.rng.index(plan.branches.len());
        let definition = plan.branches[branch].clone();
        let participant = participant_of(&definition);
        let key = (plan.gid.clone(), definition.id.clone());
        let row = self.participants[participant].fence.get(&key);
        let phase = match row.map(|row| row.state) {
            None if definition.verbs == Verbs::Message => return,
            None | Some(FenceState::Cancelled) => Phase::Confirm,
            Some(FenceState::Confirmed) if definition.verbs != Verbs::Message => Phase::Cancel,
            Some(_) => return,
        };
        let visit = Visit {
            in_background: true,
            ..self.visit_of(&plan.gid, &definition, phase)
        };
        self.call_arrives(participant, &visit, Caller::Nobody);
    }

    fn operator_asks(&mut self, gid: &Gid, ask: Ask) {
        if matches!(ask, Ask::Resume | Ask::Force(_) | Ask::Cancel(_)) {
            self.person_looks_at(gid);
        }
        let request = Request {
            from: Asker::Operator,
            gid: gid.clone(),
            ask,
            plan: None,
            known: false,
            hops: 0,
        };
        if self.shape == Shape::One {
            return self.request_arrives(request);
        }
        let to = self.any_coordinator();
        let request = Box::new(request);
        self.queue
            .schedule(self.now, Event::RequestArrives { to, request });
    }

    /// After the faults somebody looks after what waits for a person: resumes what is parked, and cancels what can
    /// neither be confirmed nor end by itself.
    pub(super) fn operator_helps(&mut self, round: u32) {
        let is_open = self
            .log
            .rows
            .values()
            .any(|row| !row.state.state.is_ended());
        if round < 8 || (is_open && round < 400) {
            let pause: Micros = 30 * SECOND;
            self.queue
                .schedule(self.now + pause, Event::OperatorHelps(round + 1));
        }
        let wall = self.wall();
        let open: Vec<(Gid, bool, bool)> = self
            .log
            .rows
            .iter()
            .filter(|(_, row)| !row.state.state.is_ended())
            .map(|(gid, row)| {
                let parked = row
                    .state
                    .branches
                    .iter()
                    .any(tercet_core::Branch::is_parked);
                let stuck = row.state.attention.is_some()
                    && row.state.state.decision().is_none()
                    && wall >= row.state.try_deadline;
                (gid.clone(), parked, stuck && round > 3)
            })
            .collect();
        if self.restored.happened && round > 3 {
            self.operator_sorts_out();
        }
        for (gid, parked, stuck) in open {
            if parked {
                self.operator_asks(&gid, Ask::Resume);
            }
            if stuck {
                self.operator_asks(&gid, Ask::Cancel(WaitFor::Decision));
            }
        }
    }

    /// After a restored log: lets go what is held, and records as done what a fence refuses.
    fn operator_sorts_out(&mut self) {
        let mut asks = Vec::new();
        for (gid, row) in &self.log.rows {
            if row.state.is_held() {
                asks.push((gid.clone(), Ask::Resume));
            }
            if row.state.state.is_ended() || row.state.state.decision().is_none() {
                continue;
            }
            for branch in &row.state.branches {
                if branch.attention.is_some() && !branch.state.is_ended() {
                    asks.push((gid.clone(), Ask::Force(branch.definition.id.clone())));
                }
            }
        }
        for (gid, ask) in asks {
            self.operator_asks(&gid, ask);
        }
    }
}
