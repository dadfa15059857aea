//! Everything that can pile up has a bound.

use std::collections::{BTreeMap, BTreeSet};

use tercet_core::Gid;

use super::{Holds, Property, ensure};
use crate::observation::Observed;
use crate::world::{COMMANDS_MAX, World};

/// More scheduled events than this is something that feeds itself.
const SCHEDULED_MAX: usize = 20_000;

/// One append and one call of a branch and phase at a time, few waiting commands, and no more attempts than allowed.
#[derive(Debug, Default)]
pub(crate) struct Bounded {
    appending: BTreeMap<(Gid, u32), u64>,
}

impl Property for Bounded {
    fn name(&self) -> &'static str {
        "queues and attempts are bounded"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        match observed {
            Observed::AppendHanded { append, gid, by } => {
                let other = self.appending.insert((gid.clone(), *by), *append);
                ensure(other.is_none(), || {
                    format!("two appends of {gid} at once: {other:?} and {append}")
                })
            }
            Observed::VerdictGiven { gid, by, .. } => {
                self.appending.remove(&(gid.clone(), *by));
                Ok(())
            }
            Observed::Crashed(by) => {
                self.appending.retain(|(_, session), _| session != by);
                Ok(())
            }
            Observed::Stepped(gid) => {
                let waiting = world.coordinators[world.me].commands_of(gid);
                ensure(waiting <= COMMANDS_MAX, || {
                    format!("{waiting} commands wait for {gid}")
                })?;
                ensure(world.queue_len() <= SCHEDULED_MAX, || {
                    format!("{} events are scheduled", world.queue_len())
                })?;
                transaction_is_bounded(gid, world)?;
                let mut seen = BTreeSet::new();
                let twice = world
                    .calls
                    .values()
                    .filter(|open| open.gid == *gid)
                    .find(|open| !seen.insert((open.call.branch, open.call.phase, open.by)));
                ensure(twice.is_none(), || format!("two calls at once: {twice:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// Nobody is called more often than the policy allows, where it does not allow any number, and no more replies are
/// kept than it allows.
fn transaction_is_bounded(gid: &Gid, world: &World) -> Holds {
    let Some(owned) = world.coordinators[world.me].runs.get(gid) else {
        return Ok(());
    };
    let policy = &world.coordinators[world.me].policy;
    let branches = &owned.run.transaction().branches;
    let replies: usize = branches
        .iter()
        .map(|branch| branch.try_response.len())
        .sum();
    ensure(replies <= policy.try_responses_bytes_max, || {
        format!("{gid} keeps {replies} bytes of try responses")
    })?;
    for branch in branches {
        let (tries, second) = (branch.tries.used, branch.second.used);
        let too_often = tries > policy.try_attempts
            || (policy.max_attempts != 0 && second > policy.max_attempts);
        let id = &branch.definition.id;
        ensure(!too_often, || {
            format!("{gid}/{id} has used {tries} tries and {second} calls of phase two")
        })?;
    }
    Ok(())
}
