//! The world: coordinators around the production core, its log, participants, clients, operators and the network
//! between them. Time jumps to the next thing that can happen; one seed decides all of it.
//!
//! - [`coordinator`] and [`effects`]: the small shell around `tercet_core::Run`.
//! - [`log`], [`participants`], [`initiator`]: what keeps state and survives crashes.
//! - [`recovery`]: what a new life of the coordinator does first.
//! - [`cluster`], [`beats`], [`adoption`], [`forwarding`]: several coordinators on one log.
//! - [`restore`]: a log that is replaced by an older copy.
//! - [`calls`], [`clients`], [`operators`], [`resolver`]: who acts.
//!
//! The world never judges: it reports what can be seen ([`Observed`]) to the properties.

mod adoption;
mod beats;
mod calls;
mod clients;
mod cluster;
mod coordinator;
mod effects;
mod event;
mod forwarding;
mod initiator;
mod log;
mod operators;
mod participants;
mod recovery;
mod resolver;
mod restore;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tercet_core::{Gid, RetryPolicy};

pub(crate) use cluster::Cluster;
pub(crate) use coordinator::{COMMANDS_MAX, Coordinator};
pub(crate) use initiator::{Initiator, Local, LocalEnd};
pub(crate) use log::Log;
pub(crate) use participants::{Participant, Visit};
pub(crate) use restore::Restored;

use crate::bugs::Bug;
use crate::faults::Faults;
use crate::observation::Observed;
use crate::queue::{MS, Micros, Queue, SECOND};
use crate::rng::Rng;
use crate::run::Shape;
use crate::stats::Stats;
use crate::trace::Trace;
use crate::workload::{self, PARTICIPANTS};
use calls::OpenCall;
use clients::Client;
use event::Event;

/// Unix time at which every world begins, in microseconds.
pub(crate) const BASE: i64 = 1_700_000_000_000_000;

/// A simulated world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Micros,
    pub(crate) shape: Shape,
    pub(crate) coordinators: Vec<Coordinator>,
    /// The one that acts, or has acted last.
    pub(crate) me: usize,
    pub(crate) cluster: Cluster,
    pub(crate) restored: Restored,
    sessions_opened: u32,
    pub(crate) log: Log,
    pub(crate) participants: Vec<Participant>,
    pub(crate) initiator: Initiator,
    pub(crate) calls: BTreeMap<u64, OpenCall>,
    pub(crate) stats: Stats,
    pub(crate) faults: Faults,
    pub(crate) trace: Trace,
    queue: Queue<Event>,
    rng: Rng,
    bug: Option<Bug>,
    clients: Vec<Client>,
    /// Initiators that are being asked, and by which life of the coordinator.
    asked: BTreeSet<(Gid, u32)>,
    watchdog: BTreeSet<Gid>,
    observed: Vec<Observed>,
    tokens: u64,
    stops_at: Micros,
}

impl World {
    pub(crate) fn new(seed: u64, shape: Shape, bug: Option<Bug>, trace: Trace) -> Self {
        let mut rng = Rng::new(seed);
        let faults = Faults::draw(&mut rng);
        let policy = draw_policy(&mut rng, bug);
        let participants = (0..PARTICIPANTS)
            .map(|_| Participant::new(&mut rng))
            .collect();
        let clients: Vec<Client> = workload::draw(&mut rng)
            .into_iter()
            .map(Client::new)
            .collect();
        let stops_at = rng.between(10 * SECOND, 70 * SECOND);
        let mut world = Self {
            now: 0,
            shape,
            coordinators: vec![Coordinator::new(policy)],
            me: 0,
            cluster: Cluster::default(),
            restored: Restored::default(),
            sessions_opened: 1,
            log: Log::new(1),
            participants,
            initiator: Initiator::default(),
            calls: BTreeMap::new(),
            stats: Stats::default(),
            faults,
            trace,
            queue: Queue::new(),
            rng,
            bug,
            clients,
            asked: BTreeSet::new(),
            watchdog: BTreeSet::new(),
            observed: Vec::new(),
            tokens: 0,
            stops_at,
        };
        world.schedule_first();
        if shape != Shape::One {
            world.members_begin();
        }
        world
    }

    fn schedule_first(&mut self) {
        for (id, client) in self.clients.iter().enumerate() {
            self.queue
                .schedule(client.plan.starts_at, Event::ClientActs(id));
        }
        self.queue.schedule(self.stops_at, Event::FaultsStop);
        let faults = self.faults.clone();
        for participant in 0..PARTICIPANTS {
            self.first(faults.outage_every, Event::ParticipantFails(participant));
        }
        self.first(faults.log_outage_every, Event::LogFails);
        self.first(faults.jump_every, Event::ClockJumps);
        self.first(faults.operator_every, Event::OperatorActs);
        self.first(u64::from(faults.stray > 0), Event::StrangerCalls);
        if self.faults.cleaning {
            self.queue.schedule(20 * SECOND, Event::ParticipantCleans);
        }
        if self.rng.chance(5_000) {
            for participant in 0..PARTICIPANTS {
                self.queue
                    .schedule(SECOND, Event::ParticipantResolves(participant));
            }
        }
    }

    /// The first of the events that come every so many seconds, if they come at all.
    fn first(&mut self, every: u64, event: Event) {
        if every > 0 {
            let at = self.rng.below(2 * every * SECOND);
            self.queue.schedule(at, event);
        }
    }

    /// Lets the next thing happen. False once nothing can happen any more.
    pub(crate) fn step(&mut self) -> bool {
        let Some((at, event)) = self.queue.next() else {
            return false;
        };
        self.now = at;
        self.stats.events += 1;
        self.dispatch(event);
        true
    }

    /// What has been seen since the last time.
    pub(crate) fn take_observed(&mut self) -> Vec<Observed> {
        core::mem::take(&mut self.observed)
    }

    /// How much is scheduled.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    fn observe(&mut self, observed: Observed) {
        self.observed.push(observed);
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        self.trace.line(self.now, line);
    }

    fn dispatch(&mut self, event: Event) {
        let Some(event) = self.attend(event) else {
            return;
        };
        match event {
            Event::ClientActs(client) => self.client_acts(client),
            Event::ClientTires { client, request } => self.client_tires(client, request),
            Event::ClientHears {
                client,
                request,
                heard,
            } => self.client_hears(client, request, heard),
            Event::RequestArrives { request, .. } => self.request_arrives(*request),
            Event::RunWakes {
                incarnation,
                gid,
                token,
            } => self.run_wakes(incarnation, &gid, token),
            Event::AppendLands(id) => self.append_lands(id),
            Event::AppendSettles(id) => self.append_settles(id),
            Event::CallArrives {
                participant,
                visit,
                from,
            } => self.call_arrives(participant, &visit, from),
            Event::CallAnswered { call, reply } => self.call_answered(call, &reply),
            Event::CallTimesOut(call) => self.call_times_out(call),
            Event::CallBreaks(call) => self.call_breaks(call),
            Event::InitiatorAsked { incarnation, gid } => self.initiator_asked(incarnation, &gid),
            Event::InitiatorAnswers {
                incarnation,
                gid,
                answer,
            } => self.initiator_answers(incarnation, &gid, answer),
            Event::ParticipantFails(participant) => self.participant_fails(participant),
            Event::ParticipantReturns(participant) => self.participants[participant].up = true,
            Event::LogFails => self.log_fails(),
            Event::LogReturns => self.log.up = true,
            Event::StrangerCalls => self.stranger_calls(),
            Event::ParticipantCleans => self.participants_clean(),
            Event::ParticipantResolves(participant) => {
                if self.now < self.stops_at + 60 * SECOND {
                    self.queue.schedule(
                        self.now + 5 * SECOND,
                        Event::ParticipantResolves(participant),
                    );
                }
                self.participant_resolves(participant);
            }
            Event::Resolved {
                participant,
                key,
                verdict,
            } => self.resolved(participant, &key, verdict),
            Event::CoordinatorStarts(_) => self.coordinator_starts(),
            Event::Chore { session, chore } => self.chore(session, chore),
            Event::Fences { by, session, seen } => self.fences(by, session, seen),
            Event::Adopts { by, from } => self.adopts(by, from),
            Event::OwnerChanges { by, from, page } => self.owner_changes(by, from, page),
            Event::AdoptTold {
                by,
                from,
                page,
                has_more,
            } => self.adopt_told(by, from, page, has_more),
            Event::CoordinatorFreezes => self.coordinator_freezes(),
            Event::FencesRead {
                incarnation,
                gid,
                readings,
            } => self.fences_read(incarnation, &gid, readings),
            Event::CopyTaken => self.copy_taken(),
            Event::LogRestored => self.log_restored(),
            Event::ClockJumps => self.clock_jumps(),
            Event::OperatorActs => self.operator_acts(),
            Event::OperatorHelps(round) => self.operator_helps(round),
            Event::FaultsStop => self.faults_stop(),
        }
    }

    fn participant_fails(&mut self, participant: usize) {
        let every = self.faults.outage_every * SECOND;
        if every == 0 {
            return;
        }
        self.tell(|| format!("partic  {participant} is down"));
        self.participants[participant].up = false;
        let back = self.now + self.rng.skewed(100 * MS, 20 * SECOND);
        self.queue
            .schedule(back, Event::ParticipantReturns(participant));
        let again = back + self.rng.below(2 * every);
        self.queue
            .schedule(again, Event::ParticipantFails(participant));
    }

    fn log_fails(&mut self) {
        let every = self.faults.log_outage_every * SECOND;
        if every == 0 {
            return;
        }
        self.tell(|| "log     is down".to_owned());
        self.log.up = false;
        let back = self.now + self.rng.skewed(50 * MS, 15 * SECOND);
        self.queue.schedule(back, Event::LogReturns);
        let again = back + self.rng.below(2 * every);
        self.queue.schedule(again, Event::LogFails);
    }

    fn participants_clean(&mut self) {
        for participant in &mut self.participants {
            participant.clean(self.now);
        }
        if self.now < self.stops_at + 400 * SECOND {
            self.queue
                .schedule(self.now + 10 * SECOND, Event::ParticipantCleans);
        }
    }

    fn clock_jumps(&mut self) {
        if self.faults.jump_every == 0 {
            return;
        }
        let max = i64::try_from(self.faults.jump_max * SECOND).unwrap_or(0);
        let to =
            i64::try_from(self.rng.below(self.faults.jump_max * SECOND * 2)).unwrap_or(0) - max;
        self.me = self.any_coordinator();
        self.tell(|| format!("clock   jumps to {} ms off", to / 1_000));
        self.coordinators[self.me].skew = to;
        self.stats.clock_jumps += 1;
        let again = self.now + self.rng.below(2 * self.faults.jump_every * SECOND);
        self.queue.schedule(again, Event::ClockJumps);
    }

    fn faults_stop(&mut self) {
        self.tell(|| "world   faults stop".to_owned());
        self.faults.stop();
        self.log.up = true;
        self.members_thaw();
        for participant in &mut self.participants {
            participant.up = true;
            participant.configured = true;
        }
        self.queue
            .schedule(self.now + 5 * SECOND, Event::OperatorHelps(0));
    }
}

fn draw_policy(rng: &mut Rng, bug: Option<Bug>) -> RetryPolicy {
    let no_backoff = bug == Some(Bug::NoBackoff);
    RetryPolicy {
        initial: if no_backoff {
            Duration::ZERO
        } else {
            Duration::from_millis(100)
        },
        max: if no_backoff {
            Duration::ZERO
        } else {
            Duration::from_secs(rng.between(1, 20))
        },
        max_attempts: if rng.chance(3_000) {
            u32::try_from(rng.between(1, 6)).unwrap_or(1)
        } else {
            0
        },
        try_attempts: u32::try_from(rng.between(1, 4)).unwrap_or(1),
        attention_after: Duration::from_secs(rng.between(2, 60)),
        lazy_for: Duration::from_millis(100),
        branches_max: 8,
        payload_bytes_max: 64,
        try_responses_bytes_max: if rng.chance(2_000) { 60 } else { 4_096 },
    }
}
