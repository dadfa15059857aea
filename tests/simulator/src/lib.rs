//! A simulator that breaks everything: the production core (`tercet_core::Run`) in a world that crashes, delays,
//! loses, repeats and reorders, all decided by one seed.
//!
//! - [`simulate`] runs one seed and says what was violated, if anything.
//! - [`hunt`] runs many, on several threads, and stops at the first violation.
//! - [`Bug`] are planted bugs: each must be found.
//!
//! Inside: `workload` (what clients want), `faults` (how hostile the world is), `world` (what happens), `observation`
//! (what can be seen of it) and `properties` (what must hold). A new property is one small type in `properties`.
//!
//! It must never hold a rule of the protocol of its own besides the properties, and nothing of it is in shipped code.
//! A world has one coordinator at a time, several on one log, or a log that is replaced by an older copy ([`Shape`]).

mod bugs;
mod faults;
pub mod fence;
mod hunt;
mod observation;
mod properties;
mod queue;
mod regressions;
mod rng;
mod run;
mod stats;
mod trace;
mod workload;
mod world;

pub use bugs::Bug;
pub use hunt::{Hunt, find_bug, hunt};
pub use properties::names as property_names;
pub use regressions::regressions;
pub use run::{Outcome, Settings, Shape, Violation, simulate};
pub use stats::Stats;
