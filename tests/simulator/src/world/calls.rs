//! Calls on the wire: lost, repeated, slow, very late, broken; and what the coordinator learns of them.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use tercet_core::{
    BranchDefinition, Call, CallError, CallOutcome, CallReport, Gid, Input, Phase, Timestamp,
};

use super::World;
use super::event::{Caller, Event, Heard};
use super::participants::{Reply, Visit};
use crate::bugs::Bug;
use crate::observation::{CallSent, Observed};
use crate::queue::{MS, Micros, SECOND};
use crate::workload::participant_of;

/// The longest try response that the shell takes, in bytes; a longer one counts as a refusal.
const RESPONSE_BYTES_MAX: usize = 36;

/// A call that the coordinator waits for.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) gid: Gid,
    pub(crate) call: Call,
    /// Whose call it is.
    pub(crate) by: u32,
    started_at: Timestamp,
    /// What is reported without anything having been sent, where that is so.
    settled: Option<Unsent>,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsent {
    NoConnection,
    NotConfigured,
    /// Planted: taken as done without a call.
    Swallowed,
}

impl World {
    /// Sends a call. A call that nobody awaits is made by a planted bug, behind the core's back.
    pub(super) fn send_call(&mut self, gid: &Gid, call: Call, awaited: bool) {
        let Some(definition) = self.definition(gid, call.branch) else {
            return;
        };
        let participant = participant_of(&definition);
        let settled = if !self.participants[participant].configured {
            Some(Unsent::NotConfigured)
        } else if self.rng.chance(self.faults.unconnected)
            || (!self.participants[participant].up && self.rng.chance(7_000))
        {
            Some(Unsent::NoConnection)
        } else {
            None
        };
        self.stats.calls += 1;
        self.tell(|| {
            format!(
                "call    {gid}/{} {} number {}{}",
                definition.id,
                call.phase.as_str(),
                call.number,
                settled.map_or_else(String::new, |why| format!(" not sent: {why:?}"))
            )
        });
        self.observe(Observed::CallSent(CallSent {
            gid: gid.clone(),
            branch: call.branch,
            phase: call.phase,
            by: self.session(),
            never_sent: settled.is_some(),
        }));
        let id = self.open_call(gid, call, settled, awaited);
        if settled.is_some() {
            self.queue.schedule(
                self.now + self.rng.skewed(MS / 10, 5 * MS),
                Event::CallBreaks(id),
            );
            return;
        }
        let limit = self.call_limit(call);
        self.queue
            .schedule(self.now + limit, Event::CallTimesOut(id));
        if self.rng.chance(self.faults.broken) {
            self.queue
                .schedule(self.now + self.rng.below(limit), Event::CallBreaks(id));
        }
        let visit = self.visit_of(gid, &definition, call.phase);
        self.travel(participant, &visit, Caller::Coordinator(id));
    }

    fn open_call(&mut self, gid: &Gid, call: Call, settled: Option<Unsent>, awaited: bool) -> u64 {
        self.tokens += 1;
        if awaited {
            let open = OpenCall {
                gid: gid.clone(),
                call,
                by: self.session(),
                started_at: self.wall(),
                settled,
            };
            self.calls.insert(self.tokens, open);
        }
        self.tokens
    }

    pub(super) fn answer_without_calling(&mut self, gid: &Gid, call: Call) {
        let id = self.open_call(gid, call, Some(Unsent::Swallowed), true);
        self.queue.schedule(self.now + MS, Event::CallBreaks(id));
    }

    pub(super) fn visit_of(
        &self,
        gid: &Gid,
        definition: &Arc<BranchDefinition>,
        phase: Phase,
    ) -> Visit {
        let deadline = self.coordinators[self.me]
            .runs
            .get(gid)
            .map(|owned| owned.run.transaction().try_deadline)
            .or_else(|| self.log.row(gid).map(|row| row.state.try_deadline))
            .unwrap_or_else(|| self.wall());
        Visit {
            gid: gid.clone(),
            branch: definition.id.clone(),
            phase,
            verbs: definition.verbs,
            payload: definition.payload.clone(),
            try_deadline: Self::even(deadline),
            in_background: false,
        }
    }

    /// Puts a call on the wire: it arrives never, once, or more than once.
    pub(super) fn travel(&mut self, participant: usize, visit: &Visit, from: Caller) {
        let arrive = |world: &mut Self, after: Micros, from: Caller| {
            let event = Event::CallArrives {
                participant,
                visit: visit.clone(),
                from,
            };
            world.queue.schedule(world.now + after, event);
        };
        if self.rng.chance(self.faults.very_late) {
            // A message's confirm has no rule against coming later than its fence row is kept: see docs/verification.md.
            let longest = if visit.phase == Phase::Try {
                300 * SECOND
            } else {
                100 * SECOND
            };
            let after = self.rng.between(30 * SECOND, longest);
            arrive(self, after, Caller::Nobody);
        }
        if self.rng.chance(self.faults.lost) {
            return;
        }
        let after = self.delay();
        arrive(self, after, from);
        if self.rng.chance(self.faults.repeated) {
            let again = if self.rng.chance(5_000) {
                after + self.rng.below(3 * MS)
            } else {
                self.delay()
            };
            arrive(self, again, Caller::Nobody);
        }
    }

    pub(super) fn delay(&mut self) -> Micros {
        if self.rng.chance(self.faults.slow) {
            self.rng.skewed(50 * MS, 10 * SECOND)
        } else {
            self.rng.skewed(MS / 5, 20 * MS)
        }
    }

    pub(super) fn call_arrives(&mut self, participant: usize, visit: &Visit, from: Caller) {
        let now = self.now;
        let Some(target) = self.participants.get_mut(participant) else {
            return;
        };
        if !target.up {
            return;
        }
        let (reply, acted) = target.visit(visit, now, &mut self.rng, &self.faults, self.bug);
        if let Some(mut acted) = acted {
            acted.participant = participant;
            self.tell(|| {
                format!(
                    "fence   {}/{} {}: {:?} -> {:?}, {}{:?}",
                    visit.gid,
                    visit.branch,
                    visit.phase.as_str(),
                    acted.before,
                    acted.after,
                    if acted.ran { "ran, " } else { "" },
                    acted.answer
                )
            });
            self.observe(Observed::FenceActed(acted));
        } else if reply.retry_after.is_some() && self.rng.chance(7_000) {
            // It asked for time, and uses it.
            let background = Visit {
                in_background: true,
                ..visit.clone()
            };
            let at = now + self.rng.skewed(MS, 6 * SECOND);
            self.queue.schedule(
                at,
                Event::CallArrives {
                    participant,
                    visit: background,
                    from: Caller::Nobody,
                },
            );
        }
        match from {
            Caller::Coordinator(call) => self.deliver(|| Event::CallAnswered {
                call,
                reply: reply.clone(),
            }),
            Caller::Client { client, request } => {
                let heard = Heard::Participant(reply.said());
                self.deliver(|| Event::ClientHears {
                    client,
                    request,
                    heard: heard.clone(),
                });
            }
            Caller::Nobody => {}
        }
    }

    /// Puts an answer on the wire.
    pub(super) fn deliver(&mut self, event: impl Fn() -> Event) {
        if self.rng.chance(self.faults.lost) {
            return;
        }
        let after = self.delay();
        self.queue.schedule(self.now + after, event());
        if self.rng.chance(self.faults.repeated) {
            let again = self.delay();
            self.queue.schedule(self.now + again, event());
        }
    }

    pub(super) fn call_answered(&mut self, id: u64, reply: &Reply) {
        let Some(open) = self.calls.remove(&id) else {
            return;
        };
        let mut report = self.report(&open);
        report.outcome = reply.outcome;
        report.retry_after = reply.retry_after.map(Duration::from_micros);
        report.error =
            (reply.outcome != CallOutcome::Done).then(|| error(reply.code, reply.reason));
        if open.call.phase == Phase::Try {
            report.response = reply.response.clone();
        }
        let too_large = report.response.len() > RESPONSE_BYTES_MAX;
        if too_large {
            report.outcome = CallOutcome::Refused;
            report.response = Bytes::new();
            report.error = Some(error(9, "RESPONSE_TOO_LARGE"));
        }
        self.hand_in(&open.gid, report);
    }

    pub(super) fn call_times_out(&mut self, id: u64) {
        if self.bug == Some(Bug::TimeoutNotReported) {
            return;
        }
        let Some(open) = self.calls.remove(&id) else {
            return;
        };
        let mut report = self.report(&open);
        report.error = Some(error(4, ""));
        self.hand_in(&open.gid, report);
    }

    pub(super) fn call_breaks(&mut self, id: u64) {
        let Some(open) = self.calls.remove(&id) else {
            return;
        };
        let mut report = self.report(&open);
        report.error = Some(error(14, ""));
        match open.settled {
            Some(Unsent::NoConnection) => report.never_sent = true,
            Some(Unsent::NotConfigured) => {
                report.never_sent = true;
                report.free = true;
                report.alarm = Some("the participant is not configured".to_owned());
            }
            Some(Unsent::Swallowed) => {
                report.outcome = CallOutcome::Done;
                report.error = None;
            }
            None => report.free = self.rng.chance(self.faults.free),
        }
        self.hand_in(&open.gid, report);
    }

    fn report(&self, open: &OpenCall) -> CallReport {
        CallReport {
            branch: open.call.branch,
            phase: open.call.phase,
            number: open.call.number,
            outcome: CallOutcome::InDoubt,
            error: None,
            response: Bytes::new(),
            retry_after: None,
            never_sent: false,
            free: false,
            alarm: None,
            endpoint: "".into(),
            started_at: open.started_at,
            took: self.wall().saturating_since(open.started_at),
        }
    }

    fn hand_in(&mut self, gid: &Gid, mut report: CallReport) {
        if report.outcome == CallOutcome::InDoubt {
            match self.bug {
                Some(Bug::InDoubtIsDone) => report.outcome = CallOutcome::Done,
                Some(Bug::InDoubtIsNeverSent) => report.never_sent = true,
                _ => {}
            }
        }
        if self.bug == Some(Bug::RefusalIsRetriedAsDone)
            && report.outcome == CallOutcome::Refused
            && report.phase != Phase::Try
        {
            report.outcome = CallOutcome::Done;
        }
        self.tell(|| {
            format!(
                "call    {gid}/#{} {} number {} was {:?}{}",
                report.branch,
                report.phase.as_str(),
                report.number,
                report.outcome,
                report
                    .error
                    .as_ref()
                    .map_or_else(String::new, |error| format!(
                        " ({} {})",
                        error.code, error.reason
                    ))
            )
        });
        self.observe(Observed::CallReported {
            gid: gid.clone(),
            branch: report.branch,
            phase: report.phase,
            alarm: report.alarm.is_some(),
        });
        self.feed(gid, Input::CallFinished(report));
    }
}

fn error(code: i32, reason: &str) -> CallError {
    CallError {
        code,
        reason: reason.to_owned(),
        message: String::new(),
    }
}
