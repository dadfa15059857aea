//! What will happen, in order of time; ties in order of being scheduled.

use std::collections::BTreeMap;

/// Simulated time in microseconds since the world began. Runs evenly; the coordinator's wall clock doesn't.
pub(crate) type Micros = u64;

/// A millisecond.
pub(crate) const MS: Micros = 1_000;
/// A second.
pub(crate) const SECOND: Micros = 1_000 * MS;

/// Events by the time at which they happen.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    events: BTreeMap<(Micros, u64), E>,
    scheduled: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            scheduled: 0,
        }
    }

    pub(crate) fn schedule(&mut self, at: Micros, event: E) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    pub(crate) fn next(&mut self) -> Option<(Micros, E)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// Drops whatever doesn't pass.
    pub(crate) fn retain(&mut self, passes: impl Fn(&E) -> bool) {
        self.events.retain(|_, event| passes(event));
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}
