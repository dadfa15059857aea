//! Whose beat has stood still for too long, on the watcher's own monotonic clock.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Moment;

/// A session as a look at the log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<S, B> {
    /// Which.
    pub session: S,
    /// Its beat. Only whether it has changed means anything: one that goes back was restored, and is another one.
    pub beat: B,
    /// Whether it can write no more.
    pub is_fenced: bool,
}

/// What has been seen of the others. `S` names a session, `B` is its beat.
#[derive(Clone, Debug)]
pub struct Watcher<S, B> {
    own: S,
    take_over_after: Duration,
    /// Of the time between two answers no more than this counts.
    blind_max: Duration,
    /// When the last list came.
    looked: Option<Moment>,
    /// The last beat of each, and when it had been seen for the first time, later by the time that doesn't count. As long as
    /// the list that the log gives.
    seen: BTreeMap<S, (B, Moment)>,
}

impl<S: Copy + Ord, B: Copy + PartialEq> Watcher<S, B> {
    /// Has seen nobody yet.
    pub fn new(own: S, take_over_after: Duration) -> Self {
        Self {
            own,
            take_over_after,
            blind_max: Duration::MAX,
            looked: None,
            seen: BTreeMap::new(),
        }
    }

    /// Lets no more than `longest` of the time between two answers count. Where the log didn't answer nobody could beat in
    /// it either: when it is back, whoever came first would otherwise find all the others dead.
    #[must_use]
    pub fn blind_at_most(mut self, longest: Duration) -> Self {
        self.blind_max = longest;
        self
    }

    /// Takes in a list of all sessions that was asked for at `asked` and came at `answered`, and says who is to be fenced
    /// on which beat. The time between two looks counts from the answer to the one to the question of the other: a beat
    /// that is raised while an answer is on its way is missed in neither.
    pub fn look(
        &mut self,
        sessions: impl IntoIterator<Item = Seen<S, B>>,
        asked: Moment,
        answered: Moment,
    ) -> Vec<(S, B)> {
        let blind = self.looked.map_or(Duration::ZERO, |looked| {
            answered
                .saturating_since(looked)
                .saturating_sub(self.blind_max)
        });
        self.looked = Some(answered);
        let mut still = Vec::new();
        let mut seen = BTreeMap::new();
        for Seen {
            session,
            beat,
            is_fenced,
        } in sessions
        {
            if session == self.own || is_fenced {
                continue;
            }
            let since = match self.seen.get(&session) {
                Some((known, since)) if *known == beat => Moment(since.0.saturating_add(blind)),
                _ => answered,
            };
            if asked.saturating_since(since) >= self.take_over_after {
                still.push((session, beat));
            }
            seen.insert(session, (beat, since));
        }
        self.seen = seen;
        still
    }
}
