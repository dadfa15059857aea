//! The sessions on a [`MemoryDisk`](super::MemoryDisk), and what several of them do with each other.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tercet_core::{Gid, Timestamp};

use super::{Disk, MemoryStore, damaged, fenced};
use crate::pages::open_page;
use crate::{
    Adopted, Beat, Beaten, Fencing, LogError, Owner, SessionId, SessionState, SharedLog, Stored,
};

/// All sessions that anybody still has to know of.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The highest number so far; none is used twice.
    last: i64,
    known: BTreeMap<SessionId, SessionState>,
}

impl Sessions {
    pub(super) fn open(&mut self, endpoint: &str, opened_at: Timestamp) -> SessionId {
        self.last += 1;
        let id = SessionId(self.last);
        let state = SessionState {
            id,
            endpoint: endpoint.to_owned(),
            opened_at,
            beat: Beat(0),
            is_fenced: false,
        };
        self.known.insert(id, state);
        id
    }

    /// Nobody but `only` may write any more, and nobody else is remembered.
    pub(super) fn leave_only(&mut self, only: SessionId) {
        self.known.retain(|id, _| *id == only);
    }

    pub(super) fn fence(&mut self, session: SessionId) {
        if let Some(known) = self.known.get_mut(&session) {
            known.is_fenced = true;
        }
    }

    /// Whether it may write.
    pub(super) fn holds(&self, session: SessionId) -> bool {
        self.known
            .get(&session)
            .is_some_and(|known| !known.is_fenced)
    }

    fn is_fenced(&self, session: SessionId) -> bool {
        !self.holds(session)
    }
}

impl Disk {
    fn owner(&self, gid: &Gid) -> Option<Owner> {
        let row = self.row(gid).filter(|row| row.ended_at.is_none())?;
        let session = SessionId(row.owner);
        Some(Owner {
            session,
            endpoint: self
                .sessions
                .known
                .get(&session)
                .map_or_else(String::new, |known| known.endpoint.clone()),
            is_fenced: self.sessions.is_fenced(session),
        })
    }
}

#[async_trait]
impl SharedLog for MemoryStore {
    async fn raise_beat(&self) -> Result<Beaten, LogError> {
        let mut disk = self.disk();
        let own = disk.sessions.known.get_mut(&self.session.id);
        Ok(match own.filter(|own| !own.is_fenced) {
            Some(own) => {
                own.beat.0 += 1;
                Beaten::Raised(own.beat)
            }
            None => Beaten::Fenced,
        })
    }

    async fn sessions(&self) -> Result<Vec<SessionState>, LogError> {
        Ok(self.disk().sessions.known.values().cloned().collect())
    }

    async fn open_counts(&self) -> Result<BTreeMap<SessionId, u64>, LogError> {
        Ok(self.disk().open_counts())
    }

    async fn fence(&self, session: SessionId, seen: Beat) -> Result<Fencing, LogError> {
        let mut disk = self.disk();
        Ok(match disk.sessions.known.get_mut(&session) {
            Some(known) if !known.is_fenced && known.beat != seen => Fencing::Alive(known.beat),
            Some(known) => {
                known.is_fenced = true;
                Fencing::Fenced
            }
            None => Fencing::Fenced,
        })
    }

    async fn adopt(&self, from: SessionId, limit: usize) -> Result<Adopted, LogError> {
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(fenced());
        }
        if !disk.sessions.is_fenced(from) {
            return Ok(Adopted::default());
        }
        let rows = disk.give(Some(from), self.session.id, limit);
        let has_more = rows.len() == limit;
        let page = open_page(rows, limit);
        Ok(Adopted {
            has_more,
            transactions: page.transactions,
            damaged: page.damaged,
        })
    }

    async fn adopt_one(&self, gid: &Gid) -> Result<Option<Stored>, LogError> {
        let mut disk = self.disk();
        if !disk.sessions.holds(self.session.id) {
            return Err(fenced());
        }
        if !disk.owner(gid).is_some_and(|owner| owner.is_fenced) {
            return Ok(None);
        }
        let row = disk.give_one(gid, self.session.id);
        let stored = row.map(Stored::try_from).transpose();
        stored.map_err(|error| damaged(gid, error))
    }

    async fn owner(&self, gid: &Gid) -> Result<Option<Owner>, LogError> {
        Ok(self.disk().owner(gid))
    }

    async fn forget_sessions(&self) -> Result<usize, LogError> {
        let mut disk = self.disk();
        let named = disk.open_counts();
        let before = disk.sessions.known.len();
        let own = self.session.id;
        disk.sessions
            .known
            .retain(|id, known| !known.is_fenced || *id == own || named.contains_key(id));
        Ok(before - disk.sessions.known.len())
    }
}
