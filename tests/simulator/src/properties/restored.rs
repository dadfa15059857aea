//! After the log was replaced by an older copy: what is decided agrees with what the fences already did, or a person has
//! been told.

use tercet_core::{Decision, Gid, GlobalTransaction, Phase};

use super::{Holds, Property, ensure};
use crate::fence::FenceState;
use crate::observation::Observed;
use crate::workload::participant_of;
use crate::world::World;

/// See the module.
#[derive(Debug)]
pub(crate) struct AgreesWithFences;

impl AgreesWithFences {
    fn check(world: &World, gid: &Gid, transaction: &GlobalTransaction, at_end: bool) -> Holds {
        let Some(decision) = transaction.state.decision() else {
            return Ok(());
        };
        let restored = &world.restored;
        if !restored.undecided.contains(gid) || restored.by_person.contains(gid) {
            return Ok(());
        }
        for branch in transaction.branches.iter().filter(|branch| !branch.forced) {
            let definition = &branch.definition;
            let participant = &world.participants[participant_of(definition)];
            let key = (gid.clone(), definition.id.clone());
            let state = participant.fence.get(&key).map(|row| row.state);
            let opposite = match decision {
                Decision::Confirm => FenceState::Cancelled,
                Decision::Cancel => FenceState::Confirmed,
            };
            // Whoever was refused by a fence has been told, and a person with it.
            let is_flagged = !at_end && branch.attention.is_some();
            ensure(state != Some(opposite) || is_flagged, || {
                format!("{gid} is to {decision}, and {} is {opposite:?}", key.1)
            })?;
            let is_left = at_end
                && state == Some(FenceState::Tried)
                && definition.verbs.has(Phase::from(decision));
            ensure(!is_left, || format!("{gid}/{} was left tried", key.1))?;
        }
        Ok(())
    }
}

impl Property for AgreesWithFences {
    fn name(&self) -> &'static str {
        "a restored log agrees with the fences, or a person is told"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::RowWritten(row) = observed else {
            return Ok(());
        };
        let was_decided = row
            .before
            .as_ref()
            .is_some_and(|(_, before)| before.state.decision().is_some());
        if !world.restored.happened || was_decided {
            return Ok(());
        }
        Self::check(world, &row.gid, &row.after, false)
    }

    fn at_end(&mut self, world: &World) -> Holds {
        for (gid, row) in &world.log.rows {
            Self::check(world, gid, &row.state, true)?;
        }
        Ok(())
    }
}
