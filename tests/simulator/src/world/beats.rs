//! What a coordinator among others does again and again: raise its beat, look at the others, fence, take over.

use tercet_core::cluster::{Moment, Seen};

use super::World;
use super::cluster::micros;
use super::coordinator::Coordinator;
use super::event::{Chore, Event};
use crate::bugs::Bug;
use crate::queue::{MS, SECOND};

impl World {
    pub(super) fn chore(&mut self, session: u32, chore: Chore) {
        match chore {
            Chore::Beats if self.acts(session) => {
                let sent = self.mono();
                let after = if self.rng.chance(self.cluster.slow_beats) {
                    self.rng.skewed(50 * MS, 8 * SECOND)
                } else {
                    self.rng.skewed(MS / 5, 10 * MS)
                };
                self.chore_later(session, after, Chore::BeatLands { sent });
            }
            Chore::BeatLands { sent } => {
                let raised = self.log.up.then(|| self.raise_beat(session));
                let raised = raised.filter(|_| !self.rng.chance(self.cluster.lost_answers));
                let after = if self.rng.chance(self.cluster.slow_beats) {
                    self.rng.skewed(50 * MS, 4 * SECOND)
                } else {
                    self.rng.skewed(MS / 5, 10 * MS)
                };
                self.chore_later(session, after, Chore::BeatTold { sent, raised });
            }
            Chore::BeatTold { sent, raised } if self.acts(session) => {
                self.beat_told(sent, raised);
            }
            Chore::Looks if self.acts(session) => {
                let asked = self.mono();
                let after = self.rng.skewed(MS / 5, 10 * MS);
                self.chore_later(session, after, Chore::LookReads { asked });
            }
            Chore::LookReads { asked } => self.look_reads(session, asked),
            Chore::LookTold { asked, sessions } if self.acts(session) => {
                self.look_told(asked, &sessions);
            }
            Chore::Beats | Chore::BeatTold { .. } | Chore::Looks | Chore::LookTold { .. } => {}
        }
    }

    fn beat_told(&mut self, sent: Moment, raised: Option<bool>) {
        match raised {
            Some(false) => {
                self.tell(|| "shell   is fenced and ends".to_owned());
                return self.crash();
            }
            Some(true) => {
                let from = if self.bug == Some(Bug::LeaseFromAnswer) {
                    self.mono()
                } else {
                    sent
                };
                self.coordinators[self.me].member.lease.extend(from);
            }
            None => {}
        }
        if !self.cluster.is_paused || raised.is_none() {
            let after = self.on_its_clock(self.cluster.times.beat_every);
            self.chore_later(self.session(), after, Chore::Beats);
        }
    }

    fn look_reads(&mut self, session: u32, asked: Moment) {
        let sessions = self.log.sessions.iter().map(|(id, known)| {
            let seen = Seen {
                session: *id,
                beat: known.beat,
                is_fenced: known.is_fenced,
            };
            (seen, known.raised_wall)
        });
        let sessions = if self.log.up {
            sessions.collect()
        } else {
            Vec::new()
        };
        let after = self.delay();
        self.chore_later(session, after, Chore::LookTold { asked, sessions });
    }

    fn look_told(&mut self, asked: Moment, sessions: &[(Seen<u32, u64>, i64)]) {
        let (own, answered) = (self.session(), self.mono());
        if core::mem::take(&mut self.coordinators[self.me].member.is_unsure) {
            self.look_through();
        }
        if !self.coordinators[self.me].up || self.session() != own {
            return;
        }
        // Without the log there is nothing to be seen.
        if !sessions.is_empty() {
            let seen = sessions.iter().map(|(seen, _)| *seen);
            let member = &mut self.coordinators[self.me].member;
            let mut still = member.watcher.look(seen, asked, answered);
            if self.bug == Some(Bug::BeatByWallClock) {
                still = self.still_by_wall_clock(sessions);
            }
            for (session, seen) in still {
                let at = self.now + self.rng.skewed(MS / 5, 500 * MS);
                let by = own;
                self.queue.schedule(at, Event::Fences { by, session, seen });
            }
            for (seen, _) in sessions {
                if seen.is_fenced && seen.session != own {
                    let at = self.now + self.rng.skewed(MS / 5, 50 * MS);
                    let from = seen.session;
                    self.queue.schedule(at, Event::Adopts { by: own, from });
                }
            }
            self.forget_sessions();
        }
        if self.is_at_rest() {
            self.cluster.is_paused = true;
        } else {
            let after = self.on_its_clock(self.cluster.times.beat_every) / 2;
            self.chore_later(own, after, Chore::Looks);
        }
    }

    fn still_by_wall_clock(&self, sessions: &[(Seen<u32, u64>, i64)]) -> Vec<(u32, u64)> {
        let wall = Self::even(self.wall());
        let longest = i64::try_from(micros(self.cluster.times.take_over_after)).unwrap_or(0);
        sessions
            .iter()
            .filter(|(seen, raised)| {
                !seen.is_fenced && seen.session != self.session() && wall - raised >= longest
            })
            .map(|(seen, _)| (seen.session, seen.beat))
            .collect()
    }

    /// Whether beats would change nothing: the faults are over and nothing is open.
    fn is_at_rest(&self) -> bool {
        let idle = |coordinator: &Coordinator| {
            if !coordinator.up {
                return true;
            }
            let mut runs = coordinator.runs.values();
            self.log.holds(coordinator.incarnation)
                && coordinator.commands.is_empty()
                && runs.all(|owned| owned.waiters.is_empty())
        };
        self.now > self.stops_at && !self.log.is_any_open() && self.coordinators.iter().all(idle)
    }

    /// Whoever lives beats again, as if it had all the time: pausing is the world's, to save events.
    pub(super) fn resume_chores(&mut self) {
        if !core::mem::take(&mut self.cluster.is_paused) {
            return;
        }
        let me = self.me;
        for at in 0..self.coordinators.len() {
            self.me = at;
            let session = self.session();
            if self.coordinators[at].up && self.raise_beat(session) {
                let sent = self.mono();
                self.coordinators[at].member.lease.extend(sent);
                if at != me {
                    self.begin_chores();
                }
            }
        }
        self.me = me;
        if self.coordinators[me].up && self.log.holds(self.session()) {
            self.begin_chores();
        }
    }
}
