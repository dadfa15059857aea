//! A log that is replaced by an older copy of itself, and the start with `--restored` after it.

use std::collections::{BTreeMap, BTreeSet};

use tercet_core::{FenceFound, FenceReading, Gid, GlobalTransaction, Input, TransactionState};

use super::World;
use super::event::Event;
use super::log::LogRow;
use crate::bugs::Bug;
use crate::fence::FenceState;
use crate::observation::Observed;
use crate::queue::{MS, SECOND};
use crate::workload::participant_of;

/// What has become of the log's copy.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    copy: Option<BTreeMap<Gid, LogRow>>,
    /// The log is a copy from now on.
    pub(crate) happened: bool,
    /// What was undecided in the copy.
    pub(crate) undecided: BTreeSet<Gid>,
    /// Of these, what isn't durably held or decided yet. Nobody else may start before.
    pub(super) to_hold: BTreeSet<Gid>,
    /// Nobody has taken over what is open in the copy yet.
    is_waiting: bool,
    /// What a person had to look at.
    pub(crate) by_person: BTreeSet<Gid>,
}

impl World {
    pub(super) fn plan_restore(&mut self) {
        // Most copies are made just after somebody has begun something.
        let client = self.rng.index(self.clients.len());
        let begins = self.clients.get(client).map(|client| client.plan.starts_at);
        let at = match begins {
            Some(begins) if self.rng.chance(7_000) => begins + self.rng.skewed(5 * MS, 2 * SECOND),
            _ => self.rng.below(self.stops_at),
        };
        self.queue.schedule(at, Event::CopyTaken);
        let after = self.rng.skewed(20 * MS, 20 * SECOND);
        self.queue.schedule(at + after, Event::LogRestored);
    }

    pub(super) fn copy_taken(&mut self) {
        self.restored.copy = Some(self.log.rows.clone());
    }

    /// Every process ends, whatever was on its way has arrived or never will, and the log is the copy.
    pub(super) fn log_restored(&mut self) {
        let Some(copy) = self.restored.copy.take() else {
            return;
        };
        for at in 0..self.coordinators.len() {
            self.me = at;
            if self.coordinators[at].up {
                self.crash();
            }
        }
        self.tell(|| "log     is restored from a copy".to_owned());
        self.queue
            .retain(|event| !matches!(event, Event::CallArrives { .. } | Event::Resolved { .. }));
        self.log.forget_pending();
        self.log.sessions.clear();
        self.restored.undecided = copy
            .iter()
            .filter(|(_, row)| row.state.state == TransactionState::Trying)
            .map(|(gid, _)| gid.clone())
            .collect();
        self.restored.to_hold = self.restored.undecided.clone();
        self.restored.happened = true;
        self.restored.is_waiting = true;
        self.log.rows = copy;
        self.stats.restores += 1;
        self.observe(Observed::Restored);
    }

    /// Only one coordinator starts on a restored log, until all that is undecided in it is held.
    pub(super) fn may_start(&self) -> bool {
        let is_anybody_up = self
            .coordinators
            .iter()
            .enumerate()
            .any(|(at, other)| at != self.me && other.up);
        let is_done = self.restored.to_hold.is_empty() && !self.restored.is_waiting;
        is_done || !is_anybody_up
    }

    /// `serve --restored`: takes over everything, and holds what is undecided.
    pub(super) fn restored_start(&mut self) {
        if self.restored.to_hold.is_empty() && !self.restored.is_waiting {
            return;
        }
        self.restored.is_waiting = false;
        let own = self.session();
        for (id, session) in &mut self.log.sessions {
            session.is_fenced |= *id != own;
        }
        let rows = self.log.rows.iter_mut();
        let open = rows.filter(|(_, row)| !row.state.state.is_ended());
        let open: Vec<Gid> = open
            .map(|(gid, row)| {
                row.owner = own;
                gid.clone()
            })
            .collect();
        for gid in open {
            if !self.coordinators[self.me].up {
                return;
            }
            let is_forgotten = self.bug == Some(Bug::RestoredNotHeld);
            let is_to_hold = self.restored.to_hold.contains(&gid) && !is_forgotten;
            self.adopt(&gid);
            let first = if is_to_hold {
                Input::Restored
            } else {
                Input::Woken
            };
            self.go_on(&gid, first);
        }
    }

    /// Reads the fences of a held transaction, each participant's row by row.
    pub(super) fn read_fences(&mut self, gid: &Gid) {
        let Some(owned) = self.coordinators[self.me].runs.get(gid) else {
            return;
        };
        let branches = owned.run.transaction().branches.clone();
        let mut readings = Vec::new();
        for branch in &branches {
            let definition = &branch.definition;
            let participant = participant_of(definition);
            let found = self.read_fence(participant, gid, &definition.id);
            readings.push(FenceReading {
                branch: definition.id.clone(),
                found,
            });
        }
        // Branches that were added after the copy was made.
        let rows = self.participants.iter().flat_map(|known| &known.fence);
        let others = rows.filter(|((of, id), _)| {
            of == gid && branches.iter().all(|known| known.definition.id != *id)
        });
        readings.extend(others.map(|((_, id), row)| FenceReading {
            branch: id.clone(),
            found: Ok(found(row.state)),
        }));
        if self.bug == Some(Bug::FirstFenceOnly) {
            for reading in readings.iter_mut().skip(1) {
                reading.found = Ok(FenceFound::Tried);
            }
        }
        self.tell(|| format!("fence   {gid} is read: {readings:?}"));
        let event = Event::FencesRead {
            incarnation: self.session(),
            gid: gid.clone(),
            readings,
        };
        self.queue
            .schedule(self.now + self.rng.skewed(MS, 20 * MS), event);
    }

    fn read_fence(
        &mut self,
        participant: usize,
        gid: &Gid,
        id: &tercet_core::BranchId,
    ) -> Result<FenceFound, String> {
        let known = &self.participants[participant];
        let row = known.fence.get(&(gid.clone(), id.clone()));
        let read = row.map_or(FenceFound::Nothing, |row| found(row.state));
        let is_reached = known.up && known.configured && !self.rng.chance(self.cluster.unread);
        if is_reached {
            return Ok(read);
        }
        if self.bug == Some(Bug::UnreadIsNothing) {
            return Ok(FenceFound::Tried);
        }
        Err("no connection".to_owned())
    }

    pub(super) fn fences_read(&mut self, incarnation: u32, gid: &Gid, readings: Vec<FenceReading>) {
        if self.acts(incarnation) {
            self.feed(gid, Input::FencesRead(readings));
        }
    }

    /// Counts what becomes of held transactions.
    pub(super) fn count_held(
        &mut self,
        before: Option<&GlobalTransaction>,
        after: &GlobalTransaction,
    ) {
        if !before.is_some_and(GlobalTransaction::is_held) || after.is_held() {
            return;
        }
        if self.restored.by_person.contains(&after.gid) {
            return;
        }
        self.stats.decided_by_fences += u64::from(after.state.decision().is_some());
        self.stats.released += u64::from(after.state.decision().is_none());
    }

    /// A person has to do with it: what comes of that is not the coordinator's.
    pub(super) fn person_looks_at(&mut self, gid: &Gid) {
        let is_new =
            self.restored.undecided.contains(gid) && self.restored.by_person.insert(gid.clone());
        self.stats.by_person += u64::from(is_new);
    }
}

fn found(state: FenceState) -> FenceFound {
    match state {
        FenceState::Tried => FenceFound::Tried,
        FenceState::Confirmed => FenceFound::Confirmed,
        FenceState::Cancelled => FenceFound::Cancelled,
        FenceState::EndedByHand => FenceFound::EndedByHand,
    }
}
