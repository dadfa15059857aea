//! What must hold, whatever happens. Each property is one small type that looks at [`Observed`] facts, and at the world
//! as it stands then; none knows how the core works.
//!
//! A new one: implement [`Property`], add it to [`Properties::all`], and plant a bug that it alone finds.

mod bounds;
mod calls;
mod cluster;
mod decisions;
mod endings;
mod fences;
mod logs;
mod recovery;
mod restored;

use crate::observation::Observed;
use crate::world::World;

/// What a property says: nothing, or what it saw that must not be.
pub(crate) type Holds = Result<(), String>;

/// Something that must hold.
pub(crate) trait Property {
    /// Its name, as it stands in reports and in the docs.
    fn name(&self) -> &'static str;

    /// Whether it holds also where the log has lost what was acknowledged.
    fn outlives_restore(&self) -> bool {
        false
    }

    /// Judges one fact, at the moment at which it is one.
    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let _ = (observed, world);
        Ok(())
    }

    /// Judges the world once nothing can happen any more.
    fn at_end(&mut self, world: &World) -> Holds {
        let _ = world;
        Ok(())
    }
}

/// All properties.
pub(crate) struct Properties(Vec<Box<dyn Property>>);

impl Properties {
    pub(crate) fn all() -> Self {
        Self(vec![
            Box::<logs::HonestVerdicts>::default(),
            Box::new(logs::FencedNeverWrite),
            Box::new(logs::VersionsByOne),
            Box::new(decisions::DecisionStands),
            Box::new(decisions::OneTransactionPerGid),
            Box::new(decisions::AnswersAfterDecision),
            Box::new(decisions::DeadlinesHold),
            Box::<decisions::TriedStays>::default(),
            Box::new(decisions::DoneIsDone),
            Box::new(calls::RecordBeforeCall),
            Box::<calls::ConfirmOnlyTried>::default(),
            Box::new(calls::Order),
            Box::<calls::Paced>::default(),
            Box::new(calls::ForceWaits),
            Box::new(fences::FenceTable),
            Box::new(fences::DecisionFirst),
            Box::new(fences::Conservation),
            Box::<endings::Atomicity>::default(),
            Box::<endings::PhaseTwoForAll>::default(),
            Box::new(endings::InitiatorAgrees),
            Box::new(endings::AllEnded),
            Box::new(recovery::SameAsBefore),
            Box::<recovery::RestartChangesNothing>::default(),
            Box::<recovery::StalledOnlyIfParked>::default(),
            Box::new(recovery::RetriesInTime),
            Box::<recovery::AlarmsReachPeople>::default(),
            Box::<bounds::Bounded>::default(),
            Box::new(cluster::FencedOnlyIfStill),
            Box::<cluster::LeaseEndsFirst>::default(),
            Box::<cluster::AdoptedOnce>::default(),
            Box::new(cluster::ForwardedOnce),
            Box::new(restored::AgreesWithFences),
        ])
    }

    pub(crate) fn observe(
        &mut self,
        observed: &Observed,
        world: &World,
    ) -> Option<(&'static str, String)> {
        let all = !world.restored.happened;
        let mut judges = self.0.iter_mut();
        judges.find_map(|property| {
            if !all && !property.outlives_restore() {
                return None;
            }
            property
                .observe(observed, world)
                .err()
                .map(|what| (property.name(), what))
        })
    }

    pub(crate) fn at_end(&mut self, world: &World) -> Option<(&'static str, String)> {
        let all = !world.restored.happened;
        let mut judges = self.0.iter_mut();
        judges.find_map(|property| {
            if !all && !property.outlives_restore() {
                return None;
            }
            property
                .at_end(world)
                .err()
                .map(|what| (property.name(), what))
        })
    }
}

/// The names of all properties.
pub fn names() -> Vec<&'static str> {
    Properties::all()
        .0
        .iter()
        .map(|property| property.name())
        .collect()
}

/// Fails with `what` unless `holds`.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Holds {
    if holds { Ok(()) } else { Err(what()) }
}
