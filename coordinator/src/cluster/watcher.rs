//! Whose beat has stood still for too long, on this process's monotonic clock.

use std::time::Duration;

use tercet_core::cluster::{Moment, Seen, Watcher as Rule};
use tercet_log::{Beat, SessionId, SessionState};
use tokio::time::Instant;

/// The rule of `tercet_core::cluster`, with this process's clock.
#[derive(Debug)]
pub(crate) struct Watcher {
    start: Instant,
    rule: Rule<SessionId, Beat>,
}

impl Watcher {
    pub(crate) fn new(own: SessionId, take_over_after: Duration) -> Self {
        Self {
            start: Instant::now(),
            rule: Rule::new(own, take_over_after),
        }
    }

    /// Takes in a list of sessions that was asked for at `asked` and came at `answered`, and says who is to be fenced on
    /// which beat.
    pub(crate) fn look(
        &mut self,
        sessions: &[SessionState],
        asked: Instant,
        answered: Instant,
    ) -> Vec<(SessionId, Beat)> {
        let seen = sessions.iter().map(|session| Seen {
            session: session.id,
            beat: session.beat,
            is_fenced: session.is_fenced,
        });
        let moment = |at: Instant| Moment(at.saturating_duration_since(self.start));
        self.rule.look(seen, moment(asked), moment(answered))
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
