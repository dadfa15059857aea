//! Several coordinators: who may fence and be fenced, who owns what, where calls go.

use std::collections::BTreeSet;

use tercet_core::Gid;

use super::{Holds, Property, ensure};
use crate::observation::Observed;
use crate::world::World;

/// A session is fenced only on the beat that was seen, and only if that has stood still for about the take-over time.
#[derive(Debug)]
pub(crate) struct FencedOnlyIfStill;

impl Property for FencedOnlyIfStill {
    fn name(&self) -> &'static str {
        "nobody is fenced who shows signs of life"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::Fenced(fenced) = observed else {
            return Ok(());
        };
        let session = fenced.session;
        ensure(fenced.seen == fenced.beat, || {
            format!(
                "session {session} was fenced on beat {} and had raised it to {}",
                fenced.seen, fenced.beat
            )
        })?;
        // Clocks run at most 4% too fast.
        let times = world.cluster.times;
        let least = times.take_over_after.as_micros() * 95 / 100;
        ensure(u128::from(fenced.still_for) >= least, || {
            let ms = fenced.still_for / 1_000;
            format!("session {session} was fenced {ms} ms after its beat was raised")
        })
    }
}

/// Whoever can't raise its beat stops before anybody may take over from it: it hands the log nothing once it is fenced.
#[derive(Debug, Default)]
pub(crate) struct LeaseEndsFirst {
    fenced: BTreeSet<u32>,
}

impl Property for LeaseEndsFirst {
    fn name(&self) -> &'static str {
        "whoever can't raise its beat stops in time"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        match observed {
            Observed::Fenced(fenced) => {
                self.fenced.insert(fenced.session);
                Ok(())
            }
            Observed::AppendHanded { gid, by, append } => {
                let is_late = self.fenced.contains(by) && world.log.is_tried(*append);
                ensure(!is_late, || {
                    format!("session {by} is fenced and goes on with {gid}")
                })
            }
            _ => Ok(()),
        }
    }
}

/// A transaction passes from a fenced session to one that isn't, once, and goes on from the row as it is then.
#[derive(Debug, Default)]
pub(crate) struct AdoptedOnce {
    adopted: BTreeSet<(Gid, u32)>,
}

impl Property for AdoptedOnce {
    fn name(&self) -> &'static str {
        "one owner, and nothing is adopted twice"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::Adopted(adoption) = observed else {
            return Ok(());
        };
        let (gid, from, by) = (&adoption.gid, adoption.from, adoption.by);
        ensure(adoption.is_rightful, || {
            format!("session {by} took {gid} from session {from}, which it may not")
        })?;
        ensure(self.adopted.insert((gid.clone(), from)), || {
            format!("{gid} was taken over from session {from} twice, now by {by}")
        })?;
        ensure(adoption.read == adoption.version, || {
            format!(
                "session {by} goes on with {gid} from version {} of {}",
                adoption.read, adoption.version
            )
        })
    }
}

/// A call is forwarded once.
#[derive(Debug)]
pub(crate) struct ForwardedOnce;

impl Property for ForwardedOnce {
    fn name(&self) -> &'static str {
        "a call is forwarded at most once"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::Forwarded { gid, hops } = observed else {
            return Ok(());
        };
        ensure(*hops <= 1, || {
            format!("a call about {gid} was forwarded {hops} times")
        })
    }
}
