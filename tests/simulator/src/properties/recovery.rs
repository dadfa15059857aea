//! Recovery equals never having crashed; and nothing is left lying without anybody knowing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tercet_core::{AppendVerdict, BranchIndex, Gid, Input, Phase, Run, Timestamp};

use super::{Holds, Property, ensure};
use crate::observation::Observed;
use crate::world::{Coordinator, World};

/// What is loaded is what was written, and what is in memory is never behind it.
#[derive(Debug)]
pub(crate) struct SameAsBefore;

impl Property for SameAsBefore {
    fn name(&self) -> &'static str {
        "what is loaded is what was written"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::Recovered { gid, version } = observed else {
            return Ok(());
        };
        let (Some(row), Some(owned)) = (
            world.log.row(gid),
            world.coordinators[world.me].runs.get(gid),
        ) else {
            return Ok(());
        };
        let fresh =
            owned.run.is_quiet() && owned.run.version() == *version && row.version == *version;
        // Whatever the run has done since then, it hasn't changed what is fixed.
        let same = row
            .state
            .branches
            .iter()
            .zip(&owned.run.transaction().branches)
            .all(|(row, run)| row.definition == run.definition);
        ensure(same, || {
            format!("{gid} was loaded with other branches than it has")
        })?;
        ensure(
            !fresh || owned.run.transaction().state == row.state.state,
            || format!("{gid} was loaded in another state"),
        )
    }
}

/// A run that has nothing under way and a run that was just loaded from its row want the same at the same time: a
/// restart makes no difference, and nobody sleeps longer than a restart would.
#[derive(Debug, Default)]
pub(crate) struct RestartChangesNothing {
    /// After a failed append a run waits before the next one; its twin wouldn't.
    failed: BTreeSet<(Gid, u32)>,
}

impl Property for RestartChangesNothing {
    fn name(&self) -> &'static str {
        "recovery equals never having crashed"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        note_failures(&mut self.failed, observed);
        match observed {
            Observed::Stepped(gid) if !self.failed.contains(&(gid.clone(), world.session())) => {
                twin(gid, world)
            }
            _ => Ok(()),
        }
    }
}

/// Keeps the gids whose last append was not written.
fn note_failures(failed: &mut BTreeSet<(Gid, u32)>, observed: &Observed) {
    match observed {
        Observed::VerdictGiven {
            gid, verdict, by, ..
        } if *verdict == AppendVerdict::Written => {
            failed.remove(&(gid.clone(), *by));
        }
        Observed::VerdictGiven { gid, by, .. } => {
            failed.insert((gid.clone(), *by));
        }
        _ => {}
    }
}

fn twin(gid: &Gid, world: &World) -> Holds {
    let Coordinator { runs, policy, .. } = &world.coordinators[world.me];
    let (Some(row), Some(owned)) = (world.log.row(gid), runs.get(gid)) else {
        return Ok(());
    };
    let run = &owned.run;
    if !run.is_quiet() || run.is_lost() || run.version() != row.version {
        return Ok(());
    }
    let wall = world.wall();
    let live = run.wake_at(wall);
    if *run.transaction() != *row.state {
        return ensure(live.is_some(), || {
            format!("{gid} is ahead of its row, and nobody will write it")
        });
    }
    let mut twin = Run::recovered((*row.state).clone(), row.version, Arc::clone(policy));
    twin.handle(Input::Woken, wall);
    if let Some(effect) = twin.next_effect() {
        return Err(format!(
            "{gid} rests, but after a restart it would {effect:?}"
        ));
    }
    let later = |at: Option<Timestamp>| at.unwrap_or(Timestamp::NEVER);
    ensure(later(live) <= later(twin.wake_at(wall)), || {
        format!("{gid} sleeps longer than it would after a restart")
    })
}

/// A decided transaction for which nothing will ever be done again says that it waits for a person.
#[derive(Debug, Default)]
pub(crate) struct StalledOnlyIfParked {
    /// After a failed append what would park a branch waits for the next one.
    failed: BTreeSet<(Gid, u32)>,
}

impl Property for StalledOnlyIfParked {
    fn name(&self) -> &'static str {
        "what is stalled says so"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        note_failures(&mut self.failed, observed);
        let Observed::Stepped(gid) = observed else {
            return Ok(());
        };
        let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
            return Ok(());
        };
        let transaction = owned.run.transaction();
        let is_open = transaction.state.decision().is_some() && !transaction.all_branches_ended();
        let has_failed = self.failed.contains(&(gid.clone(), world.session()));
        if !is_open || has_failed || !owned.run.is_quiet() || owned.run.is_lost() {
            return Ok(());
        }
        let stalled = transaction
            .outstanding(Timestamp::NEVER, &world.coordinators[world.me].policy)
            .calls
            .is_empty();
        ensure(stalled == transaction.is_parked(), || {
            let parked = transaction.is_parked();
            format!(
                "{gid} will be called for: {}, and says of itself that it is parked: {parked}",
                !stalled
            )
        })
    }
}

/// A retry never waits longer than the back-off's maximum, whatever the clock does.
#[derive(Debug)]
pub(crate) struct RetriesInTime;

impl Property for RetriesInTime {
    fn name(&self) -> &'static str {
        "no retry waits longer than the back-off allows"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::Stepped(gid) = observed else {
            return Ok(());
        };
        let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
            return Ok(());
        };
        let run = &owned.run;
        let transaction = run.transaction();
        let is_open = transaction.state.decision().is_some() && !transaction.state.is_ended();
        if !is_open || !run.is_quiet() || run.is_lost() || transaction.is_parked() {
            return Ok(());
        }
        let wall = world.wall();
        let latest = wall.saturating_add(world.coordinators[world.me].policy.max);
        ensure(run.wake_at(wall).is_some_and(|at| at <= latest), || {
            let wait = run.wake_at(wall).map(|at| at.saturating_since(wall));
            format!("{gid} waits {wait:?} with work to do")
        })
    }
}

/// What a person should look at is flagged.
#[derive(Debug, Default)]
pub(crate) struct AlarmsReachPeople {
    raised: BTreeMap<(Gid, u32), BTreeSet<(BranchIndex, Phase)>>,
}

impl Property for AlarmsReachPeople {
    fn name(&self) -> &'static str {
        "an alarm reaches a person"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        match observed {
            Observed::CallReported {
                gid,
                branch,
                phase,
                alarm: true,
                ..
            } => {
                self.raised
                    .entry((gid.clone(), world.session()))
                    .or_default()
                    .insert((*branch, *phase));
            }
            // A resume takes attention away, and a crash may lose what is written lazily.
            Observed::CommandDone { gid, .. } => {
                drop(self.raised.remove(&(gid.clone(), world.session())));
            }
            Observed::Crashed(by) => self.raised.retain(|(_, session), _| session != by),
            Observed::Stepped(gid) => {
                let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
                    return Ok(());
                };
                if !owned.run.is_quiet() || owned.run.is_lost() {
                    return Ok(());
                }
                let transaction = owned.run.transaction();
                let awaited = transaction.state.decision().map_or(Phase::Try, Phase::from);
                for (index, phase) in self
                    .raised
                    .remove(&(gid.clone(), world.session()))
                    .unwrap_or_default()
                {
                    // The report of a try that comes after the decision is history: phase two raises its own alarm.
                    let branch = transaction.branches.get(index).filter(|_| phase == awaited);
                    let flagged = branch
                        .is_none_or(|branch| branch.attention.is_some() || branch.state.is_ended());
                    ensure(flagged, || {
                        format!("branch {index} of {gid} raised an alarm that nobody sees")
                    })?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
