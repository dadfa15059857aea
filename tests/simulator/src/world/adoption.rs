//! Fencing whoever has shown no sign of life, and taking over what it has left open, page by page.

use std::sync::Arc;

use tercet_core::{Gid, Input};

use super::World;
use super::event::{Adopted, Event};
use crate::bugs::Bug;
use crate::observation::{Adoption, Fenced, Observed};
use crate::queue::MS;

/// Transactions adopted in one step: few, so that survivors have something to share.
const PAGE: usize = 2;

impl World {
    /// The log fences a session, if its beat is still the one that was seen.
    pub(super) fn fences(&mut self, by: u32, session: u32, seen: u64) {
        let Some(known) = self.log.sessions.get(&session) else {
            return;
        };
        let is_alive = known.beat != seen && self.bug != Some(Bug::FencesWithoutBeat);
        if !self.log.up || known.is_fenced || is_alive || self.cluster.is_paused {
            return;
        }
        let fenced = Fenced {
            session,
            seen,
            beat: known.beat,
            still_for: self.now - known.raised_at,
        };
        self.tell(|| format!("log     session {session} is fenced by {by}"));
        self.stats.fenced += 1;
        self.observe(Observed::Fenced(fenced));
        self.fence(session);
    }

    /// The log changes the owner of a page of rows and reads them then, in one SQL transaction.
    pub(super) fn adopts(&mut self, by: u32, from: u32) {
        if !self.log.up || !self.log.holds(by) || self.log.holds(from) {
            return;
        }
        let page: Vec<Adopted> = self
            .log
            .rows
            .iter()
            .filter(|(_, row)| row.owner == from && !row.state.state.is_ended())
            .take(PAGE)
            .map(|(gid, row)| Adopted {
                gid: gid.clone(),
                version: row.version,
                state: Arc::clone(&row.state),
            })
            .collect();
        if page.is_empty() {
            return;
        }
        if self.bug == Some(Bug::AdoptionReadsFirst) {
            let at = self.now + self.rng.skewed(MS, 50 * MS);
            return self
                .queue
                .schedule(at, Event::OwnerChanges { by, from, page });
        }
        self.owner_changes(by, from, page);
    }

    pub(super) fn owner_changes(&mut self, by: u32, from: u32, page: Vec<Adopted>) {
        let has_more = page.len() == PAGE;
        for adopted in &page {
            self.change_owner(&adopted.gid, from, by, adopted.version);
        }
        let is_lost = self.rng.chance(self.cluster.lost_answers);
        let at = self.now + self.delay();
        let told = Event::AdoptTold {
            by,
            from,
            page: (!is_lost).then_some(page),
            has_more,
        };
        self.queue.schedule(at, told);
    }

    fn change_owner(&mut self, gid: &Gid, from: u32, by: u32, read: u64) {
        let is_rightful = !self.log.holds(from) && self.log.holds(by);
        let Some(row) = self.log.rows.get_mut(gid) else {
            return;
        };
        row.owner = by;
        let version = row.version;
        self.stats.adopted += 1;
        self.tell(|| format!("log     {gid} of session {from} is {by}'s now"));
        self.observe(Observed::Adopted(Adoption {
            gid: gid.clone(),
            from,
            by,
            is_rightful,
            read,
            version,
        }));
    }

    pub(super) fn adopt_told(
        &mut self,
        by: u32,
        from: u32,
        page: Option<Vec<Adopted>>,
        has_more: bool,
    ) {
        if !self.acts(by) {
            return;
        }
        let Some(page) = page else {
            let is_forgotten = self.bug == Some(Bug::LostAdoptionForgotten);
            self.coordinators[self.me].member.is_unsure |= !is_forgotten;
            return;
        };
        for adopted in page {
            if !self.coordinators[self.me].up {
                return;
            }
            if self.coordinators[self.me].runs.contains_key(&adopted.gid) {
                // A begin that is just being told whose the transaction was: it is looked for again.
                self.coordinators[self.me].member.is_unsure = true;
                continue;
            }
            let state = (*adopted.state).clone();
            self.load(&adopted.gid, state, adopted.version);
            self.go_on(&adopted.gid, Input::Woken);
        }
        if has_more && self.coordinators[self.me].up {
            let at = self.now + self.rng.skewed(MS / 5, 20 * MS);
            self.queue.schedule(at, Event::Adopts { by, from });
        }
    }

    /// A transaction whose owner is fenced is taken over on demand.
    pub(super) fn adopt_one(&mut self, gid: &Gid) {
        let by = self.session();
        let Some(row) = self.log.row(gid) else {
            return;
        };
        if !self.log.holds(by) {
            return;
        }
        let (from, read) = (row.owner, row.version);
        self.change_owner(gid, from, by, read);
        self.adopt(gid);
        self.go_on(gid, Input::Woken);
    }

    /// Finds what is this coordinator's and driven by nobody.
    pub(super) fn look_through(&mut self) {
        let own = self.session();
        let runs = &self.coordinators[self.me].runs;
        let mine = |gid: &&Gid| !runs.contains_key(*gid);
        let rows = self.log.rows.iter();
        let open = rows.filter(|(_, row)| row.owner == own && !row.state.state.is_ended());
        let found: Vec<Gid> = open.map(|(gid, _)| gid).filter(mine).cloned().collect();
        for gid in found {
            if self.coordinators[self.me].up {
                self.adopt(&gid);
                self.go_on(&gid, Input::Woken);
            }
        }
    }

    /// Forgets fenced sessions that no open transaction names.
    pub(super) fn forget_sessions(&mut self) {
        let early = self.bug == Some(Bug::SessionForgottenEarly);
        let rows = &self.log.rows;
        let is_named = |session: u32| {
            rows.values()
                .any(|row| row.owner == session && !row.state.state.is_ended())
        };
        self.log
            .sessions
            .retain(|id, known| !known.is_fenced || (is_named(*id) && !early));
    }
}
