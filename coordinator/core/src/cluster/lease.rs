//! How long a coordinator may go on without having raised its beat.

use core::time::Duration;

use super::Moment;

/// How often a beat is raised, and how long it may stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// A beat is raised this often.
    pub beat_every: Duration,
    /// Whose beat stands still for this long is fenced.
    pub take_over_after: Duration,
}

/// Until when a process may append. It is looked at before each append, so that a process that was frozen finds it over
/// before it does anything. It is a courtesy: what really keeps a fenced session from writing stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    lasts: Duration,
    until: Moment,
}

impl Lease {
    /// Over until the first beat. Each beat gives it the take-over time less one beat, so that it is over before anybody
    /// else can have waited that long.
    pub fn new(times: LeaseTimes) -> Self {
        Self {
            lasts: times.take_over_after.saturating_sub(times.beat_every),
            until: Moment::default(),
        }
    }

    /// The beat was raised by a statement that was sent at `sent`: whoever has seen it has seen it later. A beat that was
    /// sent earlier and answered later takes nothing away.
    pub fn extend(&mut self, sent: Moment) {
        self.until = self.until.max(Moment(sent.0.saturating_add(self.lasts)));
    }

    /// How long ago the last beat was sent that was raised; since the start, before the first.
    pub fn beat_age(&self, now: Moment) -> Duration {
        now.0
            .saturating_sub(self.until.0.saturating_sub(self.lasts))
    }

    /// Whether nothing may be appended any more, for now.
    pub fn is_over(&self, now: Moment) -> bool {
        now >= self.until
    }
}
