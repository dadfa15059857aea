//! Decisions: taken once, durable before anybody hears of them, one transaction for a gid.

use std::collections::BTreeSet;

use tercet_core::{BranchId, BranchState, CancelReason, Gid, Mode, Rejection};

use super::{Holds, Property, ensure};
use crate::observation::{Answer, Done, Observed, Refusal, Shown, Waited};
use crate::world::World;

/// A decision never changes, an end stays an end, and what is fixed stays fixed.
#[derive(Debug)]
pub(crate) struct DecisionStands;

impl Property for DecisionStands {
    fn name(&self) -> &'static str {
        "a decision never changes"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::RowWritten(row) = observed else {
            return Ok(());
        };
        let Some((_, before)) = &row.before else {
            return Ok(());
        };
        let after = &row.after;
        let gid = &row.gid;
        if let Some(decision) = before.state.decision() {
            ensure(after.state.decision() == Some(decision), || {
                format!("{gid} was {:?} and is {:?}", before.state, after.state)
            })?;
            ensure(
                before.cancel_cause == after.cancel_cause && before.decided_at == after.decided_at,
                || format!("{gid} has another cause or time of its decision"),
            )?;
        }
        ensure(!before.state.is_ended() || after.state.is_ended(), || {
            format!("{gid} had ended and is {:?}", after.state)
        })?;
        ensure(before.branches.len() <= after.branches.len(), || {
            format!("{gid} has lost a branch")
        })?;
        for (old, new) in before.branches.iter().zip(&after.branches) {
            let id = &old.definition.id;
            ensure(old.definition == new.definition, || {
                format!("{gid}/{id} is defined differently")
            })?;
            ensure(!old.state.is_ended() || old.state == new.state, || {
                format!("{gid}/{id} was {:?} and is {:?}", old.state, new.state)
            })?;
        }
        Ok(())
    }
}

/// The same gid is one transaction: its content never changes, and everybody hears of that one.
#[derive(Debug)]
pub(crate) struct OneTransactionPerGid;

impl Property for OneTransactionPerGid {
    fn name(&self) -> &'static str {
        "one gid is one transaction"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        match observed {
            Observed::RowWritten(row) => {
                let Some((_, before)) = &row.before else {
                    return Ok(());
                };
                let same = before.content == row.after.content
                    && before.begun_at == row.after.begun_at
                    && before.mode == row.after.mode;
                ensure(same, || format!("{} was begun twice", row.gid))
            }
            Observed::Answered {
                answer: Answer::Shown(shown),
                about,
                ..
            } => {
                let right = about.as_ref().is_none_or(|about| *about == shown.gid);
                ensure(right, || {
                    format!("a request about {about:?} was answered with {}", shown.gid)
                })?;
                let same = shown.mode == Mode::CancelledUnknown
                    || shown.asked.is_none_or(|asked| asked == shown.content);
                ensure(same, || {
                    format!(
                        "{} was answered with a transaction of other content",
                        shown.gid
                    )
                })
            }
            Observed::Answered {
                answer:
                    Answer::Rejected {
                        gid,
                        why: Refusal::GidConflict,
                    },
                about,
                ..
            } => {
                let right = about.as_ref().is_none_or(|about| about == gid);
                let exists = world.coordinators[world.me].runs.contains_key(gid)
                    || world.log.row(gid).is_some();
                ensure(right && exists, || {
                    format!("a request about {about:?} was refused for {gid}")
                })
            }
            _ => Ok(()),
        }
    }
}

/// What an answer shows is durable by then, and is what was waited for.
#[derive(Debug)]
pub(crate) struct AnswersAfterDecision;

impl Property for AnswersAfterDecision {
    fn name(&self) -> &'static str {
        "no answer before its decision is durable"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::Answered {
            answer: Answer::Shown(shown),
            wait,
            ..
        } = observed
        else {
            return Ok(());
        };
        let gid = &shown.gid;
        let row = world
            .log
            .row(gid)
            .ok_or_else(|| format!("{gid} was shown and isn't durable"))?;
        if shown.decision().is_some() {
            ensure(row.state.state.decision() == shown.decision(), || {
                format!(
                    "{gid} was shown as {:?} and is {:?}",
                    shown.state, row.state.state
                )
            })?;
            ensure(row.state.cancel_cause == shown.cause, || {
                format!("{gid} was shown with another cause than is durable")
            })?;
        }
        ensure(
            !shown.state.is_ended() || row.state.state.is_ended(),
            || format!("{gid} was shown as ended and isn't durably so"),
        )?;
        for ((id, state, forced), durable) in shown.branches.iter().zip(&row.state.branches) {
            let fine = !state.is_ended() || (durable.state == *state && durable.forced == *forced);
            ensure(fine, || {
                format!(
                    "{gid}/{id} was shown as {state:?} and is durably {:?}",
                    durable.state
                )
            })?;
        }
        ensure(shown.branches.len() <= row.state.branches.len(), || {
            format!("{gid} was shown with a branch that isn't durable")
        })?;
        ensure(is_waited_for(shown, *wait), || {
            format!(
                "{gid} was answered in {:?}, waiting for {wait:?}",
                shown.state
            )
        })
    }
}

fn is_waited_for(shown: &Shown, wait: Waited) -> bool {
    match wait {
        Waited::Durable | Waited::Branch => true,
        Waited::Decision => shown.decision().is_some(),
        Waited::Completion => shown.state.is_ended() || shown.parked,
    }
}

/// A deadline decides only once it has passed, and never moves earlier.
#[derive(Debug)]
pub(crate) struct DeadlinesHold;

impl Property for DeadlinesHold {
    fn name(&self) -> &'static str {
        "a deadline decides only once it has passed"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::RowWritten(row) = observed else {
            return Ok(());
        };
        let Some((_, before)) = &row.before else {
            return Ok(());
        };
        ensure(row.after.try_deadline >= before.try_deadline, || {
            format!("the deadline of {} moved earlier", row.gid)
        })?;
        let by_deadline = row
            .after
            .cancel_cause
            .as_ref()
            .is_some_and(|cause| cause.reason == CancelReason::Deadline);
        let is_past = row
            .after
            .decided_at
            .is_some_and(|at| at >= row.after.try_deadline);
        ensure(!by_deadline || is_past, || {
            format!("{} was cancelled by its deadline before it", row.gid)
        })?;
        ensure(
            !by_deadline || row.after.options.initiator.is_none(),
            || {
                format!(
                    "the deadline of {} decided in place of its initiator",
                    row.gid
                )
            },
        )
    }
}

/// Whoever was told that a branch is tried can confirm: after a restart the try is repeated first, and the confirm waits
/// for it. Only a repeated try that now fails stands against it.
#[derive(Debug, Default)]
pub(crate) struct TriedStays {
    told: BTreeSet<(Gid, BranchId)>,
}

impl Property for TriedStays {
    fn name(&self) -> &'static str {
        "what was shown as tried can be confirmed"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::Answered { answer, .. } = observed else {
            return Ok(());
        };
        match answer {
            Answer::Shown(shown) => {
                for (id, state, _) in &shown.branches {
                    if *state == BranchState::Tried {
                        self.told.insert((shown.gid.clone(), id.clone()));
                    }
                }
                Ok(())
            }
            Answer::Rejected {
                gid,
                why: Refusal::Core(Rejection::BranchNotTried(id)),
            } => {
                let told = self.told.contains(&(gid.clone(), id.clone()));
                let run = world.coordinators[world.me]
                    .runs
                    .get(gid)
                    .map(|owned| &owned.run);
                let branch = run.and_then(|run| run.transaction().branch(id));
                let failed = branch.is_none_or(|(_, branch)| {
                    matches!(branch.state, BranchState::Refused | BranchState::InDoubt)
                });
                ensure(!told || failed, || {
                    format!("{gid}/{id} was shown as tried, and a confirm was refused for it")
                })
            }
            Answer::Rejected { .. } => Ok(()),
        }
    }
}

/// What was answered with OK is so: the branch that was added has the content that was sent, and the one that was forced
/// has ended.
#[derive(Debug)]
pub(crate) struct DoneIsDone;

impl Property for DoneIsDone {
    fn name(&self) -> &'static str {
        "what was answered with OK is so"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::CommandDone { gid, what } = observed else {
            return Ok(());
        };
        let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
            return Ok(());
        };
        let transaction = owned.run.transaction();
        match what {
            Done::Added(asked) => {
                let branch = transaction.branch(&asked.id);
                let same = branch.is_some_and(|(_, branch)| {
                    branch.definition.content == asked.content
                        && branch.definition.payload == asked.payload
                });
                ensure(same, || format!("{gid}/{} is not what was sent", asked.id))
            }
            Done::Forced(id) => {
                let branch = transaction.branch(id);
                let ended = branch.is_some_and(|(_, branch)| branch.state.is_ended());
                ensure(ended, || format!("{gid}/{id} was forced and goes on"))
            }
            Done::Other => Ok(()),
        }
    }
}
