//! Whose beat has stood still for too long, on this process's monotonic clock.

use tercet_core::cluster::{Moment, Seen, Watcher as Rule};
use tercet_log::{Beat, SessionId, SessionState};
use tokio::time::Instant;

use super::Times;

/// The rule of `tercet_core::cluster`, with this process's clock.
#[derive(Debug)]
pub(crate) struct Watcher {
    start: Instant,
    rule: Rule<SessionId, Beat>,
}

impl Watcher {
    /// Of a time without answers no more counts than one beat takes.
    pub(crate) fn new(own: SessionId, times: Times) -> Self {
        Self {
            start: Instant::now(),
            rule: Rule::new(own, times.take_over_after).blind_at_most(times.beat_every),
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
    use std::time::Duration;

    use tercet_core::Timestamp;

    use super::*;

    const OWN: SessionId = SessionId(1);
    const OTHER: SessionId = SessionId(2);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_beat_has_to_stand_still_for_all_of_the_time_that_the_log_answered() {
        let times = Times {
            beat_every: 2 * SECOND,
            take_over_after: 15 * SECOND,
        };
        let mut watcher = Watcher::new(OWN, times);
        let start = Instant::now();
        let sessions = [OWN, OTHER].map(|id| SessionState {
            id,
            endpoint: String::new(),
            opened_at: Timestamp::EPOCH,
            beat: Beat(7),
            is_fenced: false,
        });
        let mut looks = |seconds: std::ops::Range<u32>| {
            seconds.into_iter().find_map(|second| {
                let asked = start + SECOND * second;
                let still = watcher.look(&sessions, asked, asked);
                (!still.is_empty()).then_some((second, still))
            })
        };
        assert_eq!(looks(0..10), None);
        // A minute without an answer counts as one beat's time.
        assert_eq!(looks(70..100), Some((74, vec![(OTHER, Beat(7))])));
    }
}
