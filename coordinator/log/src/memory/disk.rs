//! What a [`MemoryStore`](super::MemoryStore) leaves behind: rows, audit records and sessions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tercet_core::{Gid, ParticipantName, Timestamp, TransactionState};

use crate::codec::{StoredRow, mode_code, state_code, state_of_code};
use crate::entry::Row;
use crate::memory::sessions::Sessions;
use crate::pages::{cut, with_the_next};
use crate::{
    AuditFilter, AuditRecord, Counts, Entry, Filter, Page, PageToken, Pause, SessionId, Stored,
    Verdict, Write,
};

/// What outlives a [`MemoryStore`](super::MemoryStore), as a file outlives a process. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(pub(super) Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
pub(super) struct Disk {
    rows: BTreeMap<String, MemoryRow>,
    audit: Vec<AuditRecord>,
    pauses: BTreeMap<ParticipantName, Pause>,
    pub(super) sessions: Sessions,
}

#[derive(Clone, Debug)]
struct MemoryRow {
    row: StoredRow,
    attention_since: Option<Timestamp>,
    parked: bool,
    participants: String,
    labels: Vec<(String, String)>,
}

/// Which constraint of the tables the entry's row breaks.
pub(super) fn violation(entry: &Entry) -> Option<&'static str> {
    let row = entry.row();
    if row.state.is_ended() != row.ended_at.is_some() {
        return Some("ended_at");
    }
    if row.state.decision().is_some() != row.decided_at.is_some() {
        return Some("decided_at");
    }
    None
}

impl Disk {
    /// Gives what `from` has left open, or all that is open, to `to`; at most `limit`, in order of gid.
    pub(super) fn give(
        &mut self,
        from: Option<SessionId>,
        to: SessionId,
        limit: usize,
    ) -> Vec<StoredRow> {
        self.rows
            .values_mut()
            .map(|found| &mut found.row)
            .filter(|row| row.ended_at.is_none())
            .filter(|row| from.is_none_or(|from| row.owner == from.0))
            .take(limit)
            .map(|row| {
                row.owner = to.0;
                row.clone()
            })
            .collect()
    }

    /// Gives one transaction to `to`.
    pub(super) fn give_one(&mut self, gid: &Gid, to: SessionId) -> Option<StoredRow> {
        let row = &mut self.rows.get_mut(gid.as_str())?.row;
        row.owner = to.0;
        Some(row.clone())
    }

    /// How many open transactions each session owns.
    pub(super) fn open_counts(&self) -> BTreeMap<SessionId, u64> {
        let mut counts = BTreeMap::new();
        for found in self.rows.values() {
            if found.row.ended_at.is_none() {
                *counts.entry(SessionId(found.row.owner)).or_default() += 1;
            }
        }
        counts
    }

    pub(super) fn is_updatable(&self, gid: &Gid, expected: u64, owner: SessionId) -> bool {
        self.rows.get(gid.as_str()).is_some_and(|found| {
            u64::try_from(found.row.version) == Ok(expected) && found.row.owner == owner.0
        })
    }

    pub(super) fn write(&mut self, entry: &Entry, owner: SessionId) -> Verdict {
        if let Err(reason) = entry.check() {
            return Verdict::Invalid(reason);
        }
        match &entry.write {
            Write::Begin(row) => {
                if let Some(found) = self.rows.get(entry.gid.as_str()) {
                    return match Stored::try_from(found.row.clone()) {
                        Ok(stored) => Verdict::Duplicate(Box::new(stored)),
                        Err(error) => Verdict::Invalid(format!(
                            "the stored transaction can't be read: {error}"
                        )),
                    };
                }
                self.rows.insert(
                    entry.gid.as_str().to_owned(),
                    MemoryRow::new(&entry.gid, owner, row),
                );
            }
            Write::Update {
                expected_version,
                row,
            } => {
                if !self.is_updatable(&entry.gid, *expected_version, owner) {
                    return Verdict::Stale;
                }
                if let Some(found) = self.rows.get_mut(entry.gid.as_str()) {
                    found.update(row);
                }
            }
        }
        self.audit.extend(entry.audit.iter().cloned());
        Verdict::Written
    }

    pub(super) fn row(&self, gid: &Gid) -> Option<StoredRow> {
        self.rows.get(gid.as_str()).map(|found| found.row.clone())
    }

    pub(super) fn open_rows(
        &self,
        owner: SessionId,
        after: Option<&Gid>,
        limit: usize,
    ) -> Vec<StoredRow> {
        self.rows
            .values()
            .map(|found| &found.row)
            .filter(|row| row.ended_at.is_none() && row.owner == owner.0)
            .filter(|row| after.is_none_or(|after| row.gid.as_str() > after.as_str()))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn list(
        &self,
        filter: &Filter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Vec<StoredRow> {
        let mut found: Vec<&MemoryRow> = self
            .rows
            .values()
            .filter(|row| row.matches(filter))
            .collect();
        found.sort_by(|one, other| {
            (other.row.begun_at, &other.row.gid).cmp(&(one.row.begun_at, &one.row.gid))
        });
        found
            .into_iter()
            .map(|found| &found.row)
            .filter(|row| {
                after.is_none_or(|after| {
                    (row.begun_at, row.gid.as_str()) < (after.at.as_micros(), after.key.as_str())
                })
            })
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn list_audit(
        &self,
        filter: &AuditFilter,
        after: Option<&PageToken>,
        limit: usize,
    ) -> Page<AuditRecord> {
        let before = after.map_or(usize::MAX, |after| after.key.parse().unwrap_or(0));
        let mut found: Vec<(usize, &AuditRecord)> = self
            .audit
            .iter()
            .enumerate()
            .rev()
            .filter(|(position, _)| *position < before)
            .filter(|(_, record)| filter.gid.is_none() || record.gid == filter.gid)
            .filter(|(_, record)| {
                filter.participant.is_none() || record.participant == filter.participant
            })
            .take(with_the_next(limit))
            .collect();
        let next = cut(&mut found, limit).map(|(position, record)| PageToken {
            at: record.at,
            key: position.to_string(),
        });
        Page {
            items: found
                .into_iter()
                .map(|(_, record)| record.clone())
                .collect(),
            damaged: Vec::new(),
            next,
        }
    }

    pub(super) fn append_audit(&mut self, record: &AuditRecord) {
        self.audit.push(record.clone());
    }

    /// Pauses a participant or lets it go on, and records it.
    pub(super) fn set_paused(&mut self, record: &AuditRecord, is_paused: bool) {
        let Some(pause) = Pause::from_record(record) else {
            return self.append_audit(record);
        };
        let was_paused = self.pauses.contains_key(&pause.participant);
        self.append_audit(&record.of_pausing(was_paused, is_paused));
        if is_paused {
            self.pauses
                .entry(pause.participant.clone())
                .or_insert(pause);
        } else {
            self.pauses.remove(&pause.participant);
        }
    }

    pub(super) fn pauses(&self) -> Vec<Pause> {
        self.pauses.values().cloned().collect()
    }

    pub(super) fn purge(&mut self, ended_before: Timestamp, limit: usize) -> usize {
        let mut ended: Vec<(i64, String)> = self
            .rows
            .values()
            .filter_map(|found| Some((found.row.ended_at?, found.row.gid.clone())))
            .filter(|(ended_at, _)| *ended_at < ended_before.as_micros())
            .collect();
        ended.sort_unstable();
        ended.truncate(limit);
        for (_, gid) in &ended {
            self.rows.remove(gid);
        }
        ended.len()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for found in self
            .rows
            .values()
            .filter(|found| found.row.ended_at.is_none())
        {
            match state_of_code(found.row.state) {
                Some(TransactionState::Trying) => counts.trying += 1,
                Some(TransactionState::Confirming) => counts.confirming += 1,
                Some(TransactionState::Cancelling) => counts.cancelling += 1,
                _ => {}
            }
            counts.attention += u64::from(found.attention_since.is_some());
            counts.parked += u64::from(found.parked);
            let begun_at = Timestamp::from_micros(found.row.begun_at);
            counts.oldest_begun_at = Some(
                counts
                    .oldest_begun_at
                    .map_or(begun_at, |oldest: Timestamp| oldest.min(begun_at)),
            );
        }
        counts
    }
}

impl MemoryRow {
    fn new(gid: &Gid, owner: SessionId, row: &Row) -> Self {
        let stored = StoredRow {
            gid: gid.as_str().to_owned(),
            version: 0,
            owner: owner.0,
            state: 0,
            mode: mode_code(row.mode),
            content_hash: row.content.0.to_vec(),
            begun_at: row.begun_at.as_micros(),
            try_deadline: 0,
            decided_at: None,
            ended_at: None,
            definition: Vec::new(),
            progress: Vec::new(),
        };
        let labels = row
            .definition
            .as_ref()
            .map(|definition| definition.labels.clone())
            .unwrap_or_default();
        let mut new = Self {
            row: stored,
            attention_since: None,
            parked: false,
            participants: String::new(),
            labels,
        };
        new.update(row);
        new
    }

    fn update(&mut self, row: &Row) {
        self.row.version += 1;
        self.row.state = state_code(row.state);
        self.row.try_deadline = row.try_deadline.as_micros();
        self.row.decided_at = row.decided_at.map(Timestamp::as_micros);
        self.row.ended_at = row.ended_at.map(Timestamp::as_micros);
        self.row.progress = row.progress.to_vec();
        self.attention_since = row.attention_since;
        self.parked = row.parked;
        if let Some(definition) = &row.definition {
            self.row.definition = definition.bytes.to_vec();
            self.participants.clone_from(&definition.participants);
        }
    }

    fn matches(&self, filter: &Filter) -> bool {
        let Filter {
            states,
            labels,
            participant,
            begun_before,
            needs_attention,
            gids,
        } = filter;
        (gids.is_empty() || gids.iter().any(|gid| gid.as_str() == self.row.gid))
            && (states.is_empty()
                || state_of_code(self.row.state).is_some_and(|state| states.contains(&state)))
            && labels.iter().all(|(name, value)| {
                self.labels
                    .iter()
                    .any(|own| own.0 == *name && own.1 == *value)
            })
            && participant
                .as_ref()
                .is_none_or(|participant| self.participants.contains(&format!(" {participant} ")))
            && begun_before.is_none_or(|before| self.row.begun_at < before.as_micros())
            && (!needs_attention || self.attention_since.is_some())
    }
}
