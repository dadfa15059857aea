//! The log: rows with versions, written by sessions. An append succeeds, certainly fails, or the connection is lost at
//! COMMIT; what became of such a one is found out under the session's lock before anybody is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use tercet_core::{AppendVerdict, Gid, GlobalTransaction, Urgency};

use super::World;
use super::event::Event;
use crate::bugs::Bug;
use crate::observation::{Observed, RowWritten};
use crate::queue::{MS, Micros, SECOND};
use crate::run::Shape;

/// A row of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogRow {
    pub(crate) version: u64,
    pub(crate) state: Arc<GlobalTransaction>,
    /// The session that may write it, where there are several.
    pub(crate) owner: u32,
    written_at: Micros,
    before: Option<(u64, Arc<GlobalTransaction>)>,
}

/// What the world has in store for an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    Fails,
    Invalid,
    /// The connection is lost at COMMIT. The server may still commit, or has undone it.
    Unknown {
        commits: bool,
    },
}

/// An append on its way.
#[derive(Debug)]
struct Pending {
    gid: Gid,
    expected: u64,
    state: Arc<GlobalTransaction>,
    writer: u32,
    fate: Fate,
    /// For a planted bug: it was under way when its session was fenced.
    slipped: bool,
    /// Set once the server is through with it.
    done: Option<AppendVerdict>,
}

/// A session, where there are several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) beat: u64,
    /// When the beat was raised: on the even clock, and on its own wall clock.
    pub(crate) raised_at: Micros,
    pub(crate) raised_wall: i64,
    pub(crate) is_fenced: bool,
}

/// The log's database.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) rows: BTreeMap<Gid, LogRow>,
    /// Whether it can be reached.
    pub(crate) up: bool,
    /// The session that may write; all earlier ones are fenced.
    pub(crate) owner: u32,
    /// All sessions that anybody still has to know of, where there are several.
    pub(crate) sessions: BTreeMap<u32, Session>,
    pending: BTreeMap<u64, Pending>,
    appends: u64,
}

impl Log {
    /// An empty log that belongs to the session `owner`.
    pub(crate) fn new(owner: u32) -> Self {
        Self {
            owner,
            up: true,
            ..Self::default()
        }
    }

    pub(crate) fn row(&self, gid: &Gid) -> Option<&LogRow> {
        self.rows.get(gid)
    }

    /// Whether that session may write.
    pub(crate) fn holds(&self, session: u32) -> bool {
        let known = self.sessions.get(&session);
        known.is_some_and(|known| !known.is_fenced)
    }

    /// Whatever was on its way to it comes to nothing.
    pub(crate) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// The session that handed in an append, as long as the log has to do with it.
    pub(super) fn writer(&self, append: u64) -> Option<u32> {
        self.pending.get(&append).map(|pending| pending.writer)
    }

    /// Whether an append was sent, and not stopped before by the lease.
    pub(crate) fn is_tried(&self, append: u64) -> bool {
        let pending = self.pending.get(&append);
        pending.is_some_and(|pending| pending.fate != Fate::Fails)
    }

    pub(super) fn is_open(&self, gid: &Gid) -> bool {
        self.row(gid).is_some_and(|row| !row.state.state.is_ended())
    }

    pub(crate) fn is_any_open(&self) -> bool {
        self.rows.values().any(|row| !row.state.state.is_ended())
    }
}

impl World {
    /// Hands an append to the log.
    pub(super) fn append(
        &mut self,
        gid: &Gid,
        expected: u64,
        urgency: Urgency,
        state: GlobalTransaction,
    ) {
        self.log.appends += 1;
        let id = self.log.appends;
        let fate = if self.lease_is_over() {
            Fate::Fails
        } else {
            self.draw_fate(&state, expected)
        };
        let company = if urgency == Urgency::Lazy {
            self.rng.below(100 * MS)
        } else {
            0
        };
        let lands_at = self.now + company + self.rng.skewed(MS / 2, 20 * MS);
        // An unknown commit may become visible long after the connection was lost.
        let (lands_at, told_at) = match fate {
            Fate::Written => (lands_at, lands_at + self.rng.skewed(MS / 4, 4 * MS)),
            Fate::Fails | Fate::Invalid => (lands_at, lands_at),
            Fate::Unknown { .. } => {
                let lost_at = lands_at;
                let lands_at = lost_at + self.rng.skewed(MS, 8 * SECOND);
                let asks_lock = !matches!(
                    self.bug,
                    Some(Bug::UnknownIsDone | Bug::UnknownIsFailed | Bug::LookWithoutLock)
                );
                // Whoever takes the session's lock waits until the server is through with the lost commit.
                (lands_at, if asks_lock { lands_at + MS } else { lost_at })
            }
        };
        self.tell(|| {
            format!(
                "log     append {id} of {gid}: {} at version {expected}, {fate:?}",
                brief(&state)
            )
        });
        self.log.pending.insert(
            id,
            Pending {
                gid: gid.clone(),
                expected,
                state: Arc::new(state),
                writer: self.session(),
                fate,
                slipped: false,
                done: None,
            },
        );
        let by = self.session();
        self.observe(Observed::AppendHanded {
            append: id,
            gid: gid.clone(),
            by,
        });
        if matches!(fate, Fate::Written | Fate::Unknown { commits: true }) {
            self.queue.schedule(lands_at, Event::AppendLands(id));
        }
        self.queue.schedule(told_at, Event::AppendSettles(id));
    }

    fn draw_fate(&mut self, state: &GlobalTransaction, expected: u64) -> Fate {
        let faults = &self.faults;
        if !self.log.up || self.rng.chance(faults.log_fails) {
            return Fate::Fails;
        }
        if self.rng.chance(faults.log_unknown) {
            return Fate::Unknown {
                commits: self.rng.chance(5_000),
            };
        }
        let adds = expected == 0
            || self
                .log
                .row(&state.gid)
                .is_some_and(|row| row.state.branches.len() < state.branches.len());
        if adds && self.rng.chance(faults.log_invalid) {
            return Fate::Invalid;
        }
        Fate::Written
    }

    /// The server commits, if the row and the session are what the append expects.
    pub(super) fn append_lands(&mut self, id: u64) {
        let Some(pending) = self.log.pending.get(&id) else {
            return;
        };
        if pending.done.is_some() {
            return;
        }
        let (gid, expected, writer) = (pending.gid.clone(), pending.expected, pending.writer);
        let state = Arc::clone(&pending.state);
        let before = self
            .log
            .row(&gid)
            .map(|row| (row.version, Arc::clone(&row.state)));
        let found = before.as_ref().map_or(0, |(version, _)| *version);
        let slipped = pending.slipped;
        let is_fenced = self.is_refused(&gid, writer);
        let is_let_through = slipped
            || matches!(
                self.bug,
                Some(Bug::SessionNotFenced | Bug::DecidesAfterFenced)
            );
        let is_stale = found != expected && !self.ignores_version(expected);
        let verdict = if (is_fenced && !is_let_through) || is_stale {
            self.stats.stale_appends += 1;
            AppendVerdict::Lost
        } else {
            let version = found.max(expected) + 1;
            let row = LogRow {
                version,
                state: Arc::clone(&state),
                owner: self.log.row(&gid).map_or(writer, |row| row.owner),
                written_at: self.now,
                before: before.clone(),
            };
            self.log.rows.insert(gid.clone(), row);
            self.restored.to_hold.remove(&gid);
            self.count_held(before.as_ref().map(|(_, before)| before.as_ref()), &state);
            self.observe(Observed::RowWritten(RowWritten {
                append: id,
                gid: gid.clone(),
                before,
                after: state,
                version,
                expected,
                writer,
                is_fenced,
            }));
            AppendVerdict::Written
        };
        self.tell(|| format!("log     append {id} of {gid}: {verdict:?}"));
        if let Some(pending) = self.log.pending.get_mut(&id) {
            pending.done = Some(verdict);
        }
    }

    /// For a planted bug: what was appended last is there at once.
    pub(super) fn land_last(&mut self) {
        self.append_lands(self.log.appends);
    }

    fn ignores_version(&self, expected: u64) -> bool {
        match self.bug {
            Some(Bug::VersionNotChecked) => true,
            Some(Bug::BeginOverwrites) => expected == 0,
            _ => false,
        }
    }

    /// The coordinator is told what became of an append.
    pub(super) fn append_settles(&mut self, id: u64) {
        let Some(pending) = self.log.pending.get(&id) else {
            return;
        };
        let (gid, fate, writer) = (pending.gid.clone(), pending.fate, pending.writer);
        if writer != self.coordinators[self.me].incarnation || !self.coordinators[self.me].up {
            return;
        }
        let verdict = match fate {
            Fate::Fails => AppendVerdict::Unavailable("no connection".to_owned()),
            Fate::Invalid => AppendVerdict::Invalid("refused by a constraint".to_owned()),
            Fate::Written => self.done_or_lost(id),
            Fate::Unknown { .. } => {
                self.stats.unknown_appends += 1;
                self.settle_unknown(id)
            }
        };
        let keep_pending = self
            .log
            .pending
            .get(&id)
            .is_some_and(|pending| pending.done.is_none())
            && matches!(fate, Fate::Unknown { commits: true });
        let pending = if keep_pending {
            None
        } else {
            self.log.pending.remove(&id)
        };
        let Some(about) = pending.as_ref().or_else(|| self.log.pending.get(&id)) else {
            return;
        };
        let (state, expected) = (Arc::clone(&about.state), about.expected);
        self.tell(|| format!("log     append {id} of {gid} is told: {verdict:?}"));
        self.observe(Observed::VerdictGiven {
            append: id,
            gid: gid.clone(),
            verdict: verdict.clone(),
            state,
            expected,
            by: writer,
        });
        self.append_told(&gid, verdict);
    }

    fn done_or_lost(&self, id: u64) -> AppendVerdict {
        let done = self
            .log
            .pending
            .get(&id)
            .and_then(|pending| pending.done.clone());
        done.unwrap_or(AppendVerdict::Lost)
    }

    /// The verdict on a commit whose connection was lost: the session's row was locked, so the server is through
    /// with it. Not matched: it is written. Matched: it wasn't and can't be any more, so it is written now.
    fn settle_unknown(&mut self, id: u64) -> AppendVerdict {
        match self.bug {
            Some(Bug::UnknownIsDone) => return AppendVerdict::Written,
            Some(Bug::UnknownIsFailed) => return AppendVerdict::Unavailable("unknown".to_owned()),
            Some(Bug::LookWithoutLock) => {
                let done = self
                    .log
                    .pending
                    .get(&id)
                    .and_then(|pending| pending.done.clone());
                return done.unwrap_or(AppendVerdict::Unavailable("not there".to_owned()));
            }
            _ => {}
        }
        let done = self
            .log
            .pending
            .get(&id)
            .and_then(|pending| pending.done.clone());
        if let Some(verdict) = done {
            return verdict;
        }
        if self.rng.chance(3_000) {
            return AppendVerdict::Unavailable("the second time too".to_owned());
        }
        self.append_lands(id);
        self.done_or_lost(id)
    }

    /// Whether the log refuses a write of that session to that row.
    fn is_refused(&self, gid: &Gid, writer: u32) -> bool {
        if self.shape == Shape::One {
            return writer != self.log.owner;
        }
        let is_others = self.log.row(gid).is_some_and(|row| row.owner != writer);
        is_others || !self.log.holds(writer)
    }

    /// The session can write no more. What it has under way is waited for: it has committed before, or never will.
    pub(super) fn fence(&mut self, session: u32) {
        let open: Vec<u64> = self.log.pending.keys().copied().collect();
        for id in open {
            let Some(pending) = self.log.pending.get_mut(&id) else {
                continue;
            };
            let commits = pending.writer == session
                && pending.done.is_none()
                && matches!(
                    pending.fate,
                    Fate::Written | Fate::Unknown { commits: true }
                );
            if !commits {
                continue;
            }
            match self.bug {
                Some(Bug::FencingWithoutCounter) => pending.slipped = true,
                Some(Bug::DecidesAfterFenced) => {}
                _ if self.rng.chance(5_000) => self.append_lands(id),
                _ => pending.done = Some(AppendVerdict::Lost),
            }
        }
        if let Some(known) = self.log.sessions.get_mut(&session) {
            known.is_fenced = true;
        }
    }

    /// A new session fences all earlier ones: what they still had under way has committed before, or never will.
    pub(super) fn fence_old_sessions(&mut self) {
        let open: Vec<u64> = self.log.pending.keys().copied().collect();
        for id in open {
            let commits = self.log.pending.get(&id).is_some_and(|pending| {
                pending.done.is_none()
                    && matches!(
                        pending.fate,
                        Fate::Written | Fate::Unknown { commits: true }
                    )
            });
            if self.bug == Some(Bug::SessionNotFenced) && commits {
                continue;
            }
            if commits && self.rng.chance(5_000) {
                self.append_lands(id);
            }
            self.log.pending.remove(&id);
        }
        self.log.owner = self.coordinators[self.me].incarnation;
    }

    /// With the planted bug a crash takes back what was acknowledged before it was on the disk.
    pub(super) fn lose_unsynced(&mut self) {
        if self.bug != Some(Bug::WriteNotSynced) {
            return;
        }
        let recent = self.now.saturating_sub(200 * MS);
        let lost: Vec<Gid> = self
            .log
            .rows
            .iter()
            .filter(|(_, row)| row.written_at > recent)
            .map(|(gid, _)| gid.clone())
            .collect();
        for gid in lost {
            let before = self.log.rows.remove(&gid).and_then(|row| row.before);
            if let Some((version, state)) = before {
                self.log.rows.insert(
                    gid.clone(),
                    LogRow {
                        version,
                        state,
                        owner: 0,
                        written_at: 0,
                        before: None,
                    },
                );
            }
            self.observe(Observed::RowsLost(gid));
        }
    }
}

/// One line about a transaction, for traces.
pub(crate) fn brief(state: &GlobalTransaction) -> String {
    let branches: Vec<String> = state
        .branches
        .iter()
        .map(|branch| {
            let forced = if branch.forced { "!" } else { "" };
            let parked = if branch.is_parked() { "(parked)" } else { "" };
            format!(
                "{}={:?}{forced}{parked}",
                branch.definition.id, branch.state
            )
        })
        .collect();
    format!("{:?} [{}]", state.state, branches.join(" "))
}
