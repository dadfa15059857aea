//! What happened, in order, with the simulated time of each event.

use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Shared by everybody in a world.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<(Duration, String)>>>);

impl Trace {
    /// Something happened now. Outside of a host the driver says when with [`Trace::at`].
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.at(turmoil::sim_elapsed().unwrap_or_default(), what);
    }

    pub(crate) fn at(&self, when: Duration, what: impl Into<String>) {
        self.0.lock().unwrap().push((when, what.into()));
    }

    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.lock().unwrap().hash(&mut hasher);
        hasher.finish()
    }

    /// The first event that differs, from both.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<String> {
        let (mine, theirs) = (self.0.lock().unwrap(), other.0.lock().unwrap());
        let length = mine.len().max(theirs.len());
        let at = (0..length).find(|index| mine.get(*index) != theirs.get(*index))?;
        Some(format!(
            "event {at}: {:?} and {:?}",
            mine.get(at),
            theirs.get(at)
        ))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (when, what) in self.0.lock().unwrap().iter() {
            let _ = writeln!(text, "{:>9.3} s  {what}", when.as_secs_f64());
        }
        text
    }
}
