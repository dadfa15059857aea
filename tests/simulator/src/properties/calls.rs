//! Calls: none before its record, confirm only for what was tried, in order, and not too often.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tercet_core::{
    BranchId, BranchIndex, BranchState, Decision, Gid, Mode, Phase, TriedBy, TryOrder,
};

use super::{Holds, Property, ensure};
use crate::observation::{CallSent, Observed};
use crate::queue::{MS, Micros};
use crate::run::Shape;
use crate::world::World;

/// A call leaves only when the branch, and for phase two the decision, are durable.
#[derive(Debug)]
pub(crate) struct RecordBeforeCall;

impl Property for RecordBeforeCall {
    fn name(&self) -> &'static str {
        "no call before its record is durable"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::CallSent(call) = observed else {
            return Ok(());
        };
        let gid = &call.gid;
        let row = world
            .log
            .row(gid)
            .ok_or_else(|| format!("{gid} is called for and isn't durable"))?;
        ensure(call.branch < row.state.branches.len(), || {
            format!(
                "branch {} of {gid} is called for and isn't durable",
                call.branch
            )
        })?;
        let wanted = match call.phase {
            Phase::Try => None,
            Phase::Confirm => Some(Decision::Confirm),
            Phase::Cancel => Some(Decision::Cancel),
        };
        // A fenced coordinator that doesn't know it yet may still try, and so may one that was told late what it has taken
        // over: both are behind the row, and the fence refuses what comes too late.
        let run = world.coordinators[world.me].runs.get(gid);
        let is_behind =
            row.owner != call.by || run.is_none_or(|owned| owned.run.version() != row.version);
        if call.phase == Phase::Try && world.shape != Shape::One && is_behind {
            return Ok(());
        }
        ensure(row.state.state.decision() == wanted, || {
            format!(
                "{} of {gid} while it is durably {:?}",
                call.phase.as_str(),
                row.state.state
            )
        })
    }
}

/// Whoever decides to confirm knows that every branch is tried: the participants say so themselves.
#[derive(Debug, Default)]
pub(crate) struct ConfirmOnlyTried {
    tried: BTreeSet<(Gid, BranchId)>,
    vouched: BTreeSet<Gid>,
}

impl Property for ConfirmOnlyTried {
    fn name(&self) -> &'static str {
        "confirm only for branches that were tried or vouched for"
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        match observed {
            Observed::FenceActed(acted) if acted.ran => {
                let key = (acted.visit.gid.clone(), acted.visit.branch.clone());
                match acted.visit.phase {
                    Phase::Try => drop(self.tried.insert(key)),
                    Phase::Cancel => drop(self.tried.remove(&key)),
                    Phase::Confirm => {}
                }
                Ok(())
            }
            Observed::Vouched(gid) => {
                self.vouched.insert(gid.clone());
                Ok(())
            }
            Observed::RowWritten(row) => {
                let was = row
                    .before
                    .as_ref()
                    .and_then(|(_, before)| before.state.decision());
                if was.is_some() || row.after.state.decision() != Some(Decision::Confirm) {
                    return Ok(());
                }
                for branch in &row.after.branches {
                    let definition = &branch.definition;
                    let key = (row.gid.clone(), definition.id.clone());
                    let tried = !definition.verbs.has(Phase::Try) || self.tried.contains(&key);
                    ensure(tried, || {
                        format!(
                            "{} is confirmed, but {} never ran its try",
                            row.gid, definition.id
                        )
                    })?;
                    let vouched = definition.tried_by == TriedBy::Coordinator
                        || self.vouched.contains(&row.gid);
                    ensure(vouched, || {
                        format!(
                            "{} is confirmed, but nobody vouched for {}",
                            row.gid, definition.id
                        )
                    })?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// One after the other, where that was asked for: tries in order, cancels in reverse.
#[derive(Debug)]
pub(crate) struct Order;

impl Property for Order {
    fn name(&self) -> &'static str {
        "sequential tries in order, cancels in reverse"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::CallSent(CallSent {
            gid, branch, phase, ..
        }) = observed
        else {
            return Ok(());
        };
        let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
            return Ok(());
        };
        let transaction = owned.run.transaction();
        if transaction.options.try_order != TryOrder::Sequential {
            return Ok(());
        }
        let branches = &transaction.branches;
        let in_order = match phase {
            Phase::Try if transaction.mode == Mode::OneCall => branches
                .iter()
                .take(*branch)
                .all(|earlier| earlier.state == BranchState::Tried),
            Phase::Cancel => branches
                .iter()
                .skip(branch + 1)
                .all(|later| later.state.is_ended()),
            Phase::Try | Phase::Confirm => true,
        };
        ensure(in_order, || {
            format!(
                "{} of branch {branch} of {gid} is out of order",
                phase.as_str()
            )
        })
    }
}

/// A branch, or an initiator, is not called again and again without a pause.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    sent: BTreeMap<Called, VecDeque<Micros>>,
}

/// Who is called: a branch in a phase, or without these the initiator.
type Called = (Gid, Option<(BranchIndex, Phase)>);

/// More calls than this of one branch and phase within [`WINDOW`] is no back-off any more. People's retries, restarts
/// and some answers with `RetryInfo` stay below.
const CALLS_MAX: usize = 8;
const WINDOW: Micros = 100 * MS;

impl Property for Paced {
    fn name(&self) -> &'static str {
        "retries are paced"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let key = match observed {
            Observed::CallSent(call) => (call.gid.clone(), Some((call.branch, call.phase))),
            Observed::InitiatorAsked(gid) => (gid.clone(), None),
            _ => return Ok(()),
        };
        let sent = self.sent.entry(key.clone()).or_default();
        sent.push_back(world.now);
        while sent.front().is_some_and(|at| at + WINDOW < world.now) {
            sent.pop_front();
        }
        ensure(sent.len() <= CALLS_MAX, || {
            format!("{key:?} was called {} times within 100 ms", sent.len())
        })
    }
}

/// A branch is recorded as done by a person only while no call of it is under way.
#[derive(Debug)]
pub(crate) struct ForceWaits;

impl Property for ForceWaits {
    fn name(&self) -> &'static str {
        "force waits for the call under way"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::RowWritten(row) = observed else {
            return Ok(());
        };
        let was_forced = |index: usize| {
            row.before
                .as_ref()
                .and_then(|(_, before)| before.branches.get(index))
                .is_some_and(|branch| branch.forced)
        };
        for (index, branch) in row.after.branches.iter().enumerate() {
            if branch.forced && !was_forced(index) {
                let open = world.calls.values().find(|open| {
                    open.gid == row.gid && open.by == row.writer && open.call.branch == index
                });
                if let Some(open) = open {
                    return Err(format!(
                        "{}/{} was forced during its {}",
                        row.gid,
                        branch.definition.id,
                        open.call.phase.as_str()
                    ));
                }
            }
        }
        Ok(())
    }
}
