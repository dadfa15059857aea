//! A new life of the coordinator: fence what was before, load what is open, go on where it stands.

use std::sync::Arc;

use tercet_core::{Gid, GlobalTransaction, Input, Run, TransactionState, TriedBy};

use super::World;
use super::coordinator::Owned;
use crate::bugs::Bug;
use crate::observation::Observed;
use crate::run::Shape;

impl World {
    /// Loads a row and goes on with it.
    pub(super) fn adopt(&mut self, gid: &Gid) {
        let Some(row) = self.log.row(gid) else { return };
        let (state, version) = ((*row.state).clone(), row.version);
        self.load(gid, state, version);
    }

    /// Goes on with a row as it was read.
    pub(super) fn load(&mut self, gid: &Gid, mut state: GlobalTransaction, version: u64) {
        if self.bug == Some(Bug::RecoveryForgetsCaller) {
            for branch in &mut state.branches {
                if branch.definition.tried_by == TriedBy::Caller {
                    let mut definition = (*branch.definition).clone();
                    definition.tried_by = TriedBy::Coordinator;
                    branch.definition = Arc::new(definition);
                }
            }
        }
        let run = Run::recovered(
            state,
            version,
            Arc::clone(&self.coordinators[self.me].policy),
        );
        self.coordinators[self.me].runs.insert(
            gid.clone(),
            Owned {
                run,
                waiters: Vec::new(),
                wake: None,
            },
        );
        self.observe(Observed::Recovered {
            gid: gid.clone(),
            version,
        });
    }

    /// Somebody else has written the row, as this process's own earlier life may have: it is loaded again.
    pub(super) fn readopt(&mut self, gid: &Gid) {
        if self
            .log
            .row(gid)
            .is_some_and(|row| !row.state.state.is_ended() && self.owns(row))
        {
            self.adopt(gid);
            self.feed(gid, Input::Woken);
        }
    }

    /// A new life: fence what was before, load what is open, go on.
    pub(super) fn coordinator_starts(&mut self) {
        self.sessions_opened += 1;
        self.coordinators[self.me].former = self.session();
        self.coordinators[self.me].incarnation = self.sessions_opened;
        self.coordinators[self.me].up = true;
        if self.shape != Shape::One {
            return self.member_starts();
        }
        self.fence_old_sessions();
        for participant in &mut self.participants {
            participant.configured = !self.rng.chance(self.faults.unconfigured);
        }
        self.tell(|| "shell   started".to_owned());
        let open: Vec<Gid> = self
            .log
            .rows
            .iter()
            .filter(|(_, row)| {
                self.bug != Some(Bug::RecoverySkipsDecided)
                    || row.state.state == TransactionState::Trying
            })
            .filter(|(_, row)| !row.state.state.is_ended())
            .map(|(gid, _)| gid.clone())
            .collect();
        for gid in &open {
            self.adopt(gid);
        }
        for gid in &open {
            if self.coordinators[self.me].up {
                self.feed(gid, Input::Woken);
            }
        }
    }
}
