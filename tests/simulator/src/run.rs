//! One seed from beginning to end.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bugs::Bug;
use crate::observation::Observed;
use crate::properties::Properties;
use crate::stats::Stats;
use crate::trace::Trace;
use crate::world::World;

/// More events than this in one seed is a world that doesn't come to rest.
const EVENTS_MAX: u64 = 200_000;

/// The kind of world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One coordinator at a time.
    #[default]
    One,
    /// Two to four coordinators on one log.
    Many,
    /// One to three coordinators, whose log is replaced by an older copy of itself.
    Restored,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Many, Self::Restored];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Many => "many",
            Self::Restored => "restored",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }
}

/// How a seed is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The kind of world.
    pub shape: Shape,
    /// The planted bug, if any.
    pub bug: Option<Bug>,
    /// Whether to keep a trace.
    pub trace: bool,
}

/// A property that doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
    /// When, in microseconds of the world's time.
    pub at_micros: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_ms = self.at_micros / 1_000;
        write!(f, "{}: {} (at {at_ms} ms)", self.property, self.what)
    }
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first violation, if any.
    pub violation: Option<Violation>,
    /// What happened in it.
    pub stats: Stats,
    /// The trace, if one was wanted.
    pub trace: Vec<String>,
}

/// Runs one seed. The same seed and settings always give the same outcome.
pub fn simulate(seed: u64, settings: Settings) -> Outcome {
    let mut world = World::new(
        seed,
        settings.shape,
        settings.bug,
        Trace::new(settings.trace),
    );
    let mut properties = Properties::all();
    let result = catch_unwind(AssertUnwindSafe(|| drive(&mut world, &mut properties)));
    let violation = match result {
        Ok(violation) => violation,
        Err(panic) => Some(Violation {
            property: "no panic",
            what: panic_message(panic.as_ref()),
            at_micros: world.now,
        }),
    };
    for row in world.log.rows.values() {
        world.stats.transactions += 1;
        world.stats.confirmed +=
            u64::from(row.state.state == tercet_core::TransactionState::Confirmed);
        world.stats.cancelled +=
            u64::from(row.state.state == tercet_core::TransactionState::Cancelled);
        world.stats.forced += row
            .state
            .branches
            .iter()
            .map(|branch| u64::from(branch.forced))
            .sum::<u64>();
    }
    Outcome {
        seed,
        violation,
        stats: world.stats,
        trace: world.trace.take(),
    }
}

fn drive(world: &mut World, properties: &mut Properties) -> Option<Violation> {
    while world.step() {
        for observed in world.take_observed() {
            if let Some(violation) = judge(world, properties, &observed) {
                return Some(violation);
            }
        }
        if world.stats.events > EVENTS_MAX {
            let what = format!("{EVENTS_MAX} events and no end");
            return Some(Violation {
                property: "comes to rest",
                what,
                at_micros: world.now,
            });
        }
    }
    properties.at_end(world).map(|(property, what)| Violation {
        property,
        what,
        at_micros: world.now,
    })
}

fn judge(world: &mut World, properties: &mut Properties, observed: &Observed) -> Option<Violation> {
    world.stats.judged += 1;
    let (property, what) = properties.observe(observed, world)?;
    Some(Violation {
        property,
        what,
        at_micros: world.now,
    })
}

fn panic_message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".to_owned())
}
