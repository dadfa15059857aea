//! What goes wrong and when: drawn once from the seed, before anything has happened.

use std::{collections::BTreeSet, time::Duration};

use rand::{Rng as _, rngs::StdRng};
use turmoil::Sim;

use crate::{trace::Trace, world::HOSTS};

/// Until then things go wrong; afterwards nothing does.
pub(crate) const HEALED_AFTER: Duration = Duration::from_secs(6);
/// The most windows of trouble in a world.
const WINDOWS_MAX: usize = 12;
/// The longest.
const WINDOW_MS_MAX: u64 = 2_500;

/// One change of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Nothing passes between the two.
    Cut(&'static str, &'static str),
    /// Nothing passes from the first to the second: a half-open connection.
    CutOneWay(&'static str, &'static str),
    /// What is sent waits.
    Hold(&'static str, &'static str),
    /// Whatever was between the two is over.
    Heal(&'static str, &'static str),
    /// The host is gone, with everything that it had in memory.
    Crash(&'static str),
    /// It is back.
    Restart(&'static str),
}

/// What is still to come, the next last.
pub(crate) struct Faults {
    changes: Vec<(Duration, Change)>,
    down: BTreeSet<&'static str>,
    pub(crate) crashes: u64,
    pub(crate) cuts: u64,
}

impl Faults {
    /// Draws the windows of trouble.
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        let mut changes = Vec::new();
        for _ in 0..rng.random_range(0..=WINDOWS_MAX) {
            let begin = Duration::from_millis(rng.random_range(0..6_000));
            let length = Duration::from_millis(rng.random_range(20..WINDOW_MS_MAX));
            let end = (begin + length).min(HEALED_AFTER);
            let one = HOSTS[rng.random_range(0..HOSTS.len())];
            let other = if one == "coordinator" {
                HOSTS[rng.random_range(1..HOSTS.len())]
            } else {
                "coordinator"
            };
            let is_server = !one.starts_with("client");
            let (first, last) = match rng.random_range(0..6) {
                0 => (Change::Cut(one, other), Change::Heal(one, other)),
                1 => (Change::CutOneWay(one, other), Change::Heal(one, other)),
                2 => (Change::Hold(one, other), Change::Heal(one, other)),
                _ if is_server => (Change::Crash(one), Change::Restart(one)),
                _ => (Change::Crash("coordinator"), Change::Restart("coordinator")),
            };
            changes.push((begin, first));
            changes.push((end, last));
        }
        changes.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
        Self {
            changes,
            down: BTreeSet::new(),
            crashes: 0,
            cuts: 0,
        }
    }

    /// Makes the changes that are due; `was_ended` names hosts whose process ended by itself, to be started again.
    pub(crate) fn apply(
        &mut self,
        sim: &mut Sim<'_>,
        trace: &Trace,
        was_ended: Option<&'static str>,
    ) {
        let now = sim.elapsed();
        if let Some(host) = was_ended.filter(|host| !self.down.contains(host)) {
            trace.at(now, format!("{host} has ended and is started again"));
            sim.crash(host);
            sim.bounce(host);
        }
        while let Some((_, change)) = self.changes.pop_if(|(when, _)| *when <= now) {
            trace.at(now, format!("{change:?}"));
            self.change(sim, change);
        }
    }

    fn change(&mut self, sim: &mut Sim<'_>, change: Change) {
        match change {
            Change::Cut(one, other) => {
                self.cuts += 1;
                sim.partition(one, other);
            }
            Change::CutOneWay(from, to) => {
                self.cuts += 1;
                sim.partition_oneway(from, to);
            }
            Change::Hold(one, other) => {
                self.cuts += 1;
                sim.hold(one, other);
            }
            Change::Heal(one, other) => {
                sim.repair(one, other);
                sim.release(one, other);
            }
            Change::Crash(host) => {
                if self.down.insert(host) {
                    self.crashes += 1;
                    sim.crash(host);
                }
            }
            Change::Restart(host) => {
                if self.down.remove(host) {
                    sim.bounce(host);
                }
            }
        }
    }
}
