//! The attempts that are kept for people to read: the first few and the last few of each branch and phase.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Phase, Timestamp};

/// How many of the first attempts of a branch and phase are kept.
pub const FIRST_KEPT: usize = 5;
/// How many of the last attempts of a branch and phase are kept.
pub const LAST_KEPT: usize = 20;

/// One finished call to a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which verb was called.
    pub phase: Phase,
    /// The number that the call carried, from 1 in each phase.
    pub number: u32,
    /// When it left.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The gRPC code of its answer; 0 is OK.
    pub code: i32,
    /// The message of its answer; empty for OK.
    pub message: String,
    /// Where it went; empty when it didn't come that far, or where the log doesn't say.
    pub endpoint: Arc<str>,
}

/// The attempts of one branch in one phase, bounded to [`FIRST_KEPT`] + [`LAST_KEPT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptHistory {
    kept: VecDeque<Attempt>,
}

impl AttemptHistory {
    /// Adds an attempt; beyond the bound the oldest one that isn't among the first goes.
    pub fn push(&mut self, attempt: Attempt) {
        if self.kept.len() == FIRST_KEPT + LAST_KEPT {
            self.kept.remove(FIRST_KEPT);
        }
        self.kept.push_back(attempt);
    }

    /// The kept attempts, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.kept.iter()
    }
}

impl FromIterator<Attempt> for AttemptHistory {
    fn from_iter<I: IntoIterator<Item = Attempt>>(attempts: I) -> Self {
        let mut history = Self::default();
        for attempt in attempts {
            history.push(attempt);
        }
        history
    }
}
