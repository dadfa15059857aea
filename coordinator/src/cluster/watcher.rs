//! Whose beat has stood still for too long, on this process's monotonic clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tercet_log::{Beat, SessionId, SessionState};
use tokio::time::Instant;

/// What has been seen of the others.
#[derive(Debug)]
pub(crate) struct Watcher {
    own: SessionId,
    take_over_after: Duration,
    /// The last beat of each, and when it had been seen for the first time. As long as the list that the log gives.
    seen: BTreeMap<SessionId, (Beat, Instant)>,
}

impl Watcher {
    pub(crate) fn new(own: SessionId, take_over_after: Duration) -> Self {
        Self {
            own,
            take_over_after,
            seen: BTreeMap::new(),
        }
    }

    /// Takes in a list of sessions that was asked for at `asked` and came at `answered`, and says who is to be fenced on
    /// which beat. The time between two looks counts from the answer to the one to the question of the other: a beat that
    /// is raised while an answer is on its way is missed in neither.
    pub(crate) fn look(
        &mut self,
        sessions: &[SessionState],
        asked: Instant,
        answered: Instant,
    ) -> Vec<(SessionId, Beat)> {
        let mut still = Vec::new();
        let mut seen = BTreeMap::new();
        for session in sessions {
            if session.id == self.own || session.is_fenced {
                continue;
            }
            let since = match self.seen.get(&session.id) {
                Some((beat, since)) if *beat == session.beat => *since,
                _ => answered,
            };
            if asked.saturating_duration_since(since) >= self.take_over_after {
                still.push((session.id, session.beat));
            }
            seen.insert(session.id, (session.beat, since));
        }
        self.seen = seen;
        still
    }
}

#[cfg(test)]
mod tests {
    use tercet_core::Timestamp;

    use super::*;

    const OWN: SessionId = SessionId(1);
    const OTHER: SessionId = SessionId(2);

    fn session(id: SessionId, beat: i64, is_fenced: bool) -> SessionState {
        SessionState {
            id,
            endpoint: String::new(),
            opened_at: Timestamp::EPOCH,
            beat: Beat(beat),
            is_fenced,
        }
    }

    #[test]
    fn a_beat_has_to_stand_still_for_all_of_the_time() {
        let mut watcher = Watcher::new(OWN, Duration::from_secs(15));
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut look = |after: u32, beat| {
            let asked = start + second * after;
            let sessions = [session(OWN, 0, false), session(OTHER, beat, false)];
            watcher.look(&sessions, asked, asked + second / 2)
        };
        assert_eq!(look(0, 7), []);
        assert_eq!(look(15, 7), [], "the first answer came half a second later");
        assert_eq!(look(16, 7), [(OTHER, Beat(7))]);
        assert_eq!(look(17, 8), [], "it lives after all");
        assert_eq!(look(32, 8), []);
        assert_eq!(look(33, 8), [(OTHER, Beat(8))]);
        // A beat that goes back is another beat: the log was restored.
        assert_eq!(look(34, 3), []);
    }

    #[test]
    fn whoever_is_fenced_or_gone_is_forgotten() {
        let mut watcher = Watcher::new(OWN, Duration::from_secs(15));
        let start = Instant::now();
        let later = start + Duration::from_mins(1);
        watcher.look(&[session(OTHER, 7, false)], start, start);
        assert_eq!(watcher.look(&[session(OTHER, 7, true)], later, later), []);
        assert_eq!(watcher.look(&[session(OTHER, 7, false)], later, later), []);
    }
}
