//! The participants: a fence that asks the SDK's own verdict, and a ledger whose sums must come out right.

use std::collections::BTreeMap;

use bytes::Bytes;
use tercet_core::{BranchId, CallOutcome, Gid, Phase, Verbs};

use crate::bugs::Bug;
use crate::faults::Faults;
use crate::fence::{
    FencePhase, FenceRefusal, FenceState, FenceVerbs, FenceVerdict, Timeliness, verdict,
};
use crate::observation::{FenceActed, Said};
use crate::queue::{MS, Micros, SECOND};
use crate::rng::Rng;
use crate::workload::amount_of;

/// How long a row that isn't *tried* is kept at least.
pub(crate) const FENCE_RETENTION: Micros = 120 * SECOND;

/// A call as it arrives at a participant.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) gid: Gid,
    pub(crate) branch: BranchId,
    pub(crate) phase: Phase,
    pub(crate) verbs: Verbs,
    pub(crate) payload: Bytes,
    /// `tercet-try-deadline` on the participant's clock.
    pub(crate) try_deadline: i64,
    /// Nobody waits for the answer: the work goes on behind a "still working".
    pub(crate) in_background: bool,
}

/// What a participant answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) outcome: CallOutcome,
    pub(crate) code: i32,
    pub(crate) reason: &'static str,
    pub(crate) response: Bytes,
    pub(crate) retry_after: Option<Micros>,
}

impl Reply {
    fn ok(response: Bytes) -> Self {
        Self {
            outcome: CallOutcome::Done,
            code: 0,
            reason: "",
            response,
            retry_after: None,
        }
    }

    fn no(reason: &'static str) -> Self {
        Self {
            outcome: CallOutcome::Refused,
            code: 9,
            reason,
            response: Bytes::new(),
            retry_after: None,
        }
    }

    fn unsure(retry_after: Option<Micros>) -> Self {
        Self {
            outcome: CallOutcome::InDoubt,
            code: 14,
            reason: "",
            response: Bytes::new(),
            retry_after,
        }
    }

    pub(crate) fn said(&self) -> Said {
        match self.outcome {
            CallOutcome::Done => Said::Ok,
            CallOutcome::Refused => Said::No(self.reason),
            CallOutcome::InDoubt => Said::Unsure,
        }
    }
}

/// One row of a fence.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) state: FenceState,
    pub(crate) response: Bytes,
    pub(crate) verbs: Verbs,
    pub(crate) payload: Bytes,
    pub(crate) changed_at: Micros,
    /// For the planted bug of two calls at once: what a reader saw a moment ago.
    state_before: Option<FenceState>,
}

/// What a participant has. `available + reserved + used` changes only by what messages grant.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) initial: i64,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) used: i64,
    pub(crate) granted: i64,
}

/// One participant.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) up: bool,
    /// The coordinator's configuration has it.
    pub(crate) configured: bool,
    pub(crate) fence: BTreeMap<(Gid, BranchId), Row>,
    pub(crate) ledger: Ledger,
}

impl Participant {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let initial = i64::try_from(rng.between(10, 90)).unwrap_or(10);
        Self {
            up: true,
            configured: true,
            fence: BTreeMap::new(),
            ledger: Ledger {
                initial,
                available: initial,
                reserved: 0,
                used: 0,
                granted: 0,
            },
        }
    }

    /// Handles one arrival: verdict, business and fence row as one step, as in one SQL transaction.
    pub(crate) fn visit(
        &mut self,
        visit: &Visit,
        now: Micros,
        rng: &mut Rng,
        faults: &Faults,
        bug: Option<Bug>,
    ) -> (Reply, Option<FenceActed>) {
        if !visit.in_background {
            if rng.chance(faults.unsure) {
                return (Reply::unsure(None), None);
            }
            if rng.chance(faults.still_working) {
                return (Reply::unsure(Some(rng.skewed(MS, 5 * SECOND))), None);
            }
        }
        let stubborn = visit.phase != Phase::Try && rng.chance(faults.stubborn);
        if stubborn && rng.chance(5_000) {
            return (Reply::no("STUBBORN"), None);
        }
        let key = (visit.gid.clone(), visit.branch.clone());
        let before = self.fence.get(&key).map(|row| row.state);
        let too_late = visit.phase == Phase::Try && is_too_late(visit, now);
        let checked = if bug == Some(Bug::TooLateNotChecked) {
            false
        } else {
            too_late
        };
        let seen = self.seen(&key, now, bug);
        let verdict = planted(bug, visit, seen, fence_verdict(visit, seen, checked));
        let mut ran = false;
        let mut business_refused = false;
        let reply = match verdict {
            FenceVerdict::Run(next) => {
                business_refused = !self.business(visit, rng, faults);
                if business_refused {
                    Reply::no("BUSINESS")
                } else {
                    ran = true;
                    self.run(visit, &key, next, now, rng, bug)
                }
            }
            FenceVerdict::Record(next) => {
                if bug != Some(Bug::EmptyCancelWithoutRow) {
                    self.write(visit, &key, next, Bytes::new(), now);
                }
                Reply::ok(Bytes::new())
            }
            FenceVerdict::Repeat => Reply::ok(self.kept(&key)),
            FenceVerdict::Refuse(refusal) => Reply::no(refusal.reason()),
            FenceVerdict::NotOffered => Reply::no("UNIMPLEMENTED"),
        };
        let acted = FenceActed {
            participant: 0,
            visit: visit.clone(),
            before,
            after: self.fence.get(&key).map(|row| row.state),
            ran,
            answer: reply.said(),
            business_refused,
            too_late,
        };
        (
            if stubborn {
                Reply::no("STUBBORN")
            } else {
                reply
            },
            Some(acted),
        )
    }

    /// The row as a call sees it. With the planted bug a reader may see what stood there a moment ago.
    fn seen(&self, key: &(Gid, BranchId), now: Micros, bug: Option<Bug>) -> Option<FenceState> {
        let row = self.fence.get(key)?;
        if bug == Some(Bug::SelectThenInsert) && now < row.changed_at + 5 * MS {
            return row.state_before;
        }
        Some(row.state)
    }

    fn run(
        &mut self,
        visit: &Visit,
        key: &(Gid, BranchId),
        next: FenceState,
        now: Micros,
        rng: &mut Rng,
        bug: Option<Bug>,
    ) -> Reply {
        self.book(visit);
        if bug == Some(Bug::FenceApart) && rng.chance(300) {
            // The business change is committed; the process dies before the fence row is.
            return Reply::unsure(None);
        }
        let response = if visit.phase == Phase::Try {
            let length = usize::try_from(rng.skewed(1, 40)).unwrap_or(1);
            Bytes::from(vec![7; length])
        } else {
            Bytes::new()
        };
        self.write(visit, key, next, response.clone(), now);
        Reply::ok(response)
    }

    fn write(
        &mut self,
        visit: &Visit,
        key: &(Gid, BranchId),
        state: FenceState,
        response: Bytes,
        now: Micros,
    ) {
        let before = self.fence.get(key).map(|row| row.state);
        let response = match self.fence.get(key) {
            Some(row) if response.is_empty() => row.response.clone(),
            _ => response,
        };
        let row = Row {
            state,
            response,
            verbs: visit.verbs,
            payload: visit.payload.clone(),
            changed_at: now,
            state_before: before,
        };
        self.fence.insert(key.clone(), row);
    }

    fn kept(&self, key: &(Gid, BranchId)) -> Bytes {
        self.fence
            .get(key)
            .map(|row| row.response.clone())
            .unwrap_or_default()
    }

    /// Whether the business agrees. Confirm and cancel must always be possible after a try.
    fn business(&self, visit: &Visit, rng: &mut Rng, faults: &Faults) -> bool {
        visit.phase != Phase::Try
            || (self.ledger.available >= amount_of(&visit.payload) && !rng.chance(faults.refused))
    }

    fn book(&mut self, visit: &Visit) {
        let amount = amount_of(&visit.payload);
        let ledger = &mut self.ledger;
        match (visit.verbs, visit.phase) {
            (Verbs::Tcc, Phase::Try) => {
                ledger.available -= amount;
                ledger.reserved += amount;
            }
            (Verbs::Tcc, Phase::Confirm) => {
                ledger.reserved -= amount;
                ledger.used += amount;
            }
            (Verbs::Tcc, Phase::Cancel) => {
                ledger.reserved -= amount;
                ledger.available += amount;
            }
            (Verbs::Saga, Phase::Try) => {
                ledger.available -= amount;
                ledger.used += amount;
            }
            (Verbs::Saga, Phase::Cancel) => {
                ledger.used -= amount;
                ledger.available += amount;
            }
            (Verbs::Message, Phase::Confirm) => {
                ledger.granted += amount;
                ledger.available += amount;
            }
            (Verbs::Saga, Phase::Confirm) | (Verbs::Message, Phase::Try | Phase::Cancel) => {}
        }
    }

    /// A person has ended the branch: its row says so, and nothing runs for it any more.
    pub(crate) fn end_by_hand(&mut self, key: &(Gid, BranchId), now: Micros) {
        if let Some(row) = self.fence.get_mut(key)
            && row.state == FenceState::Tried
        {
            row.state = FenceState::EndedByHand;
            row.changed_at = now;
        }
    }

    /// Drops rows that are no longer needed.
    pub(crate) fn clean(&mut self, now: Micros) {
        self.fence.retain(|_, row| {
            row.state == FenceState::Tried || now < row.changed_at + FENCE_RETENTION
        });
    }
}

fn is_too_late(visit: &Visit, now: Micros) -> bool {
    let half = i64::try_from(FENCE_RETENTION / 2).unwrap_or(i64::MAX);
    i64::try_from(now).unwrap_or(i64::MAX) > visit.try_deadline.saturating_add(half)
}

fn fence_verdict(visit: &Visit, row: Option<FenceState>, too_late: bool) -> FenceVerdict {
    let phase = match visit.phase {
        Phase::Try => FencePhase::Try,
        Phase::Confirm => FencePhase::Confirm,
        Phase::Cancel => FencePhase::Cancel,
    };
    let verbs = match visit.verbs {
        Verbs::Tcc => FenceVerbs::TryConfirmCancel,
        Verbs::Saga => FenceVerbs::TryCancel,
        Verbs::Message => FenceVerbs::Confirm,
    };
    let timeliness = if too_late {
        Timeliness::TooLate
    } else {
        Timeliness::InTime
    };
    verdict(phase, row, verbs, timeliness)
}

/// The verdict as a faulty fence gives it.
fn planted(
    bug: Option<Bug>,
    visit: &Visit,
    row: Option<FenceState>,
    verdict: FenceVerdict,
) -> FenceVerdict {
    match (bug, visit.phase, row) {
        (Some(Bug::LateTryAccepted), Phase::Try, Some(FenceState::Cancelled))
            if verdict == FenceVerdict::Refuse(FenceRefusal::CancelledBeforeTry) =>
        {
            FenceVerdict::Run(FenceState::Tried)
        }
        (Some(Bug::ConfirmRunsTwice), Phase::Confirm, Some(FenceState::Confirmed))
        | (Some(Bug::ConfirmWithoutTry), Phase::Confirm, None) => {
            FenceVerdict::Run(FenceState::Confirmed)
        }
        (Some(Bug::CancelAfterConfirm), Phase::Cancel, Some(FenceState::Confirmed)) => {
            FenceVerdict::Run(FenceState::Cancelled)
        }
        (Some(Bug::RepeatedTryRefused), Phase::Try, Some(FenceState::Tried)) => {
            FenceVerdict::Refuse(FenceRefusal::CancelledBeforeTry)
        }
        _ => verdict,
    }
}
