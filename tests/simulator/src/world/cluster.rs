//! Several coordinators on one log: their sessions and clocks, starts, frozen processes. What they do again and again is in
//! `beats`, what they take over in `adoption`, what they send on in `forwarding`.
//!
//! The rules are the production ones (`tercet_core::cluster`). What stands here is what the shell does around them: it
//! sends, waits and counts on a monotonic clock of its own, which runs a little too fast or too slow.

use core::time::Duration;

use tercet_core::cluster::{Lease, LeaseTimes, Moment, Watcher};
use tercet_core::{Gid, Input};

use super::World;
use super::coordinator::Coordinator;
use super::event::{Chore, Event};
use super::log::{LogRow, Session};
use crate::bugs::Bug;
use crate::queue::{MS, Micros, SECOND};
use crate::run::Shape;

/// A coordinator as one of several.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) lease: Lease,
    pub(super) watcher: Watcher<u32, u64>,
    /// How fast its monotonic clock runs, in thousandths.
    rate: u64,
    /// It does nothing until then, and doesn't know it.
    frozen_until: Micros,
    /// Something may have been adopted without its having been told.
    pub(super) is_unsure: bool,
}

impl Default for Member {
    fn default() -> Self {
        Self::new(0, no_times(), 1_000)
    }
}

impl Member {
    fn new(session: u32, times: LeaseTimes, rate: u64) -> Self {
        Self {
            lease: Lease::new(times),
            watcher: Watcher::new(session, times.take_over_after),
            rate,
            frozen_until: 0,
            is_unsure: false,
        }
    }
}

/// What the coordinators have in common, and how hostile their surroundings are.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) times: LeaseTimes,
    /// Nothing is to happen, so the world does without beats and looks.
    pub(super) is_paused: bool,
    /// Mean seconds between freezes; 0: none.
    freeze_every: u64,
    /// In 10,000: a beat is slow, up to eight seconds.
    pub(super) slow_beats: u64,
    /// In 10,000: the log's answer is lost.
    pub(super) lost_answers: u64,
    /// In 10,000: a fence can't be read.
    pub(super) unread: u64,
    /// In 10,000: behind the owner's address there is another process by now.
    pub(super) moved: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            times: no_times(),
            is_paused: false,
            freeze_every: 0,
            slow_beats: 0,
            lost_answers: 0,
            unread: 0,
            moved: 0,
        }
    }
}

fn no_times() -> LeaseTimes {
    LeaseTimes {
        beat_every: Duration::ZERO,
        take_over_after: Duration::ZERO,
    }
}

pub(super) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl World {
    /// The session of the coordinator that acts.
    pub(crate) fn session(&self) -> u32 {
        self.coordinators[self.me].incarnation
    }

    pub(super) fn any_coordinator(&mut self) -> usize {
        match self.shape {
            Shape::One => 0,
            Shape::Many | Shape::Restored => self.rng.index(self.coordinators.len()),
        }
    }

    pub(super) fn at_session(&self, session: u32) -> Option<usize> {
        self.coordinators
            .iter()
            .position(|coordinator| coordinator.incarnation == session)
    }

    /// Whether that session's process lives; if so, it is the one that acts.
    pub(super) fn acts(&mut self, session: u32) -> bool {
        let Some(at) = self.at_session(session) else {
            return false;
        };
        self.me = at;
        self.coordinators[at].up
    }

    /// Whether the row is this coordinator's to write, as far as the log says.
    pub(super) fn owns(&self, row: &LogRow) -> bool {
        self.shape == Shape::One || row.owner == self.session()
    }

    /// The time on its monotonic clock.
    pub(super) fn mono(&self) -> Moment {
        let rate = self.coordinators[self.me].member.rate;
        Moment(Duration::from_micros(self.now / 1_000 * rate))
    }

    /// How long that takes on everybody else's clock.
    pub(super) fn on_its_clock(&self, time: Duration) -> Micros {
        micros(time) * 1_000 / self.coordinators[self.me].member.rate
    }

    pub(super) fn lease_is_over(&self) -> bool {
        self.shape != Shape::One
            && !(self.cluster.is_paused && self.log.holds(self.session()))
            && self.bug != Some(Bug::DecidesAfterFenced)
            && self.coordinators[self.me].member.lease.is_over(self.mono())
    }

    /// Opens the first sessions.
    pub(super) fn members_begin(&mut self) {
        let few = if self.shape == Shape::Restored { 1 } else { 2 };
        let count = self.rng.between(few, few + 2);
        let beat_every = Duration::from_micros(self.rng.between(500 * MS, 2 * SECOND));
        let take_over_after = beat_every * u32::try_from(self.rng.between(4, 8)).unwrap_or(4);
        // Nobody waits an hour for a clock here: beats all that time would be most of the world.
        self.faults.jump_max = self.faults.jump_max.min(60);
        let sometimes = |world: &mut Self, max: u64| {
            if world.rng.chance(4_000) {
                0
            } else {
                world.rng.between(max / 10, max)
            }
        };
        self.cluster = Cluster {
            times: LeaseTimes {
                beat_every,
                take_over_after,
            },
            is_paused: false,
            freeze_every: sometimes(self, 30),
            slow_beats: sometimes(self, 4_000),
            lost_answers: sometimes(self, 3_000),
            unread: sometimes(self, 5_000),
            moved: sometimes(self, 500),
        };
        for _ in 1..count {
            let policy = (*self.coordinators[0].policy).clone();
            let mut coordinator = Coordinator::new(policy);
            self.sessions_opened += 1;
            coordinator.incarnation = self.sessions_opened;
            self.coordinators.push(coordinator);
        }
        for at in 0..self.coordinators.len() {
            self.me = at;
            self.open_session();
            self.begin_chores();
        }
        let freeze_every = self.cluster.freeze_every;
        self.first(freeze_every, Event::CoordinatorFreezes);
        if self.shape == Shape::Restored {
            self.plan_restore();
        }
    }

    /// A new session, with its first beat raised.
    fn open_session(&mut self) {
        let rate = self.rng.between(960, 1_040);
        let session = self.session();
        self.coordinators[self.me].member = Member::new(session, self.cluster.times, rate);
        self.log.sessions.insert(session, Session::default());
        self.raise_beat(session);
        let sent = self.mono();
        self.coordinators[self.me].member.lease.extend(sent);
    }

    /// The log raises the beat of a session; false if it is fenced.
    pub(super) fn raise_beat(&mut self, session: u32) -> bool {
        let at = self.at_session(session);
        let skew = at.map_or(0, |at| self.coordinators[at].skew);
        let now = self.now;
        let holds = self.log.holds(session);
        if let Some(known) = self.log.sessions.get_mut(&session).filter(|_| holds) {
            known.beat += 1;
            known.raised_at = now;
            known.raised_wall = i64::try_from(now).unwrap_or(i64::MAX) + skew;
        }
        holds
    }

    pub(super) fn begin_chores(&mut self) {
        let session = self.session();
        self.chore_later(session, 0, Chore::Looks);
        let after = self.on_its_clock(self.cluster.times.beat_every);
        self.chore_later(session, after, Chore::Beats);
    }

    pub(super) fn chore_later(&mut self, session: u32, after: Micros, chore: Chore) {
        self.queue
            .schedule(self.now + after, Event::Chore { session, chore });
    }

    /// A new process. It fences the one that had its address before, unless it has another address.
    pub(super) fn member_starts(&mut self) {
        if !self.log.up || !self.may_start() {
            self.coordinators[self.me].up = false;
            let again = Event::CoordinatorStarts(self.me);
            return self.queue.schedule(self.now + SECOND, again);
        }
        for participant in &mut self.participants {
            participant.configured = !self.rng.chance(self.faults.unconfigured);
        }
        let before = self.coordinators[self.me].former;
        if self.rng.chance(6_000) {
            self.fence(before);
        }
        self.open_session();
        self.tell_of_start();
        self.resume_chores();
        self.begin_chores();
        self.restored_start();
    }

    fn tell_of_start(&mut self) {
        let (me, session) = (self.me, self.session());
        self.tell(|| format!("shell   coordinator {me} started as session {session}"));
    }

    /// Says who has to do with an event, and puts it off if that one is frozen.
    pub(super) fn attend(&mut self, event: Event) -> Option<Event> {
        if self.shape == Shape::One {
            return Some(event);
        }
        let of_session = |session: &u32| self.at_session(*session);
        let of_call = |call: &u64| self.calls.get(call).and_then(|open| of_session(&open.by));
        let who = match &event {
            Event::RequestArrives { to, .. } | Event::CoordinatorStarts(to) => Some(*to),
            Event::RunWakes { incarnation, .. }
            | Event::InitiatorAnswers { incarnation, .. }
            | Event::FencesRead { incarnation, .. } => of_session(incarnation),
            Event::CallAnswered { call, .. }
            | Event::CallTimesOut(call)
            | Event::CallBreaks(call) => of_call(call),
            Event::AppendSettles(append) => self.log.writer(*append).and_then(|by| of_session(&by)),
            Event::Chore {
                session,
                chore: Chore::Beats | Chore::BeatTold { .. } | Chore::Looks | Chore::LookTold { .. },
            } => of_session(session),
            Event::AdoptTold { by, .. } => of_session(by),
            _ => None,
        };
        let Some(who) = who else {
            return Some(event);
        };
        let until = self.coordinators[who].member.frozen_until;
        if until > self.now && self.coordinators[who].up {
            self.queue.schedule(until, event);
            return None;
        }
        self.me = who;
        if matches!(event, Event::RequestArrives { .. }) {
            self.resume_chores();
        }
        Some(event)
    }

    pub(super) fn coordinator_freezes(&mut self) {
        let every = self.cluster.freeze_every * SECOND;
        if every == 0 {
            return;
        }
        self.queue.schedule(
            self.now + self.rng.below(2 * every),
            Event::CoordinatorFreezes,
        );
        let at = self.any_coordinator();
        let longest = 3 * micros(self.cluster.times.take_over_after);
        let until = self.now + self.rng.skewed(100 * MS, longest);
        self.tell(|| format!("shell   coordinator {at} is frozen until {} ms", until / MS));
        self.coordinators[at].member.frozen_until = until;
        self.stats.freezes += 1;
    }

    /// The faults are over.
    pub(super) fn members_thaw(&mut self) {
        self.cluster.freeze_every = 0;
        self.cluster.slow_beats = 0;
        self.cluster.lost_answers = 0;
        self.cluster.unread = 0;
        self.cluster.moved = 0;
        for coordinator in &mut self.coordinators {
            coordinator.member.frozen_until = 0;
        }
    }

    /// Goes on with a transaction that has just been loaded.
    pub(super) fn go_on(&mut self, gid: &Gid, first: Input) {
        if self.coordinators[self.me].up {
            self.feed(gid, first);
        }
    }
}
