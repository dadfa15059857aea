//! From a time to its place on the bar. Where nothing is under way for long, time is shortened.

use jiff::Timestamp;

/// Units of the whole bar.
pub(super) const WIDTH: u32 = 1_000;
/// A wait of this part of everything else, or less, is drawn as it is.
const WAIT_PART: f64 = 0.12;
/// No wait below this is shortened, in microseconds.
const WAIT_MIN: f64 = 2_000.0;

/// Increasing: what comes later is never further left.
#[derive(Debug)]
pub(super) struct Scale {
    /// Times in microseconds since the begin, with their place.
    points: Vec<(f64, f64)>,
    begun: Timestamp,
    is_shortened: bool,
}

impl Scale {
    /// For calls under way in these times, from the begin to `end`.
    pub(super) fn new(begun: Timestamp, calls: &[(Timestamp, Timestamp)], end: Timestamp) -> Self {
        let micros = |at: Timestamp| since(begun, at);
        let mut calls: Vec<_> = calls
            .iter()
            .map(|(a, b)| (micros(*a), micros(*b)))
            .collect();
        calls.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Times of work and of waiting in turn.
        let mut pieces = Vec::new();
        let mut reached = 0.0_f64;
        for (from, to) in calls {
            if from > reached {
                pieces.push((reached, from, true));
                reached = from;
            }
            if to > reached {
                pieces.push((reached, to, false));
                reached = to;
            }
        }
        let end = micros(end);
        if end > reached {
            pieces.push((reached, end, true));
        }
        let busy = pieces.iter().filter(|piece| !piece.2);
        let busy: f64 = busy.map(|piece| piece.1 - piece.0).sum();
        let longest = (busy * WAIT_PART).max(WAIT_MIN);
        let mut points = vec![(0.0, 0.0)];
        let mut place = 0.0;
        let mut is_shortened = false;
        for (from, to, is_wait) in pieces {
            let time = to - from;
            place += if is_wait && time > longest {
                is_shortened = true;
                longest * (1.0 + (time / longest).ln() / 4.0)
            } else {
                time
            };
            points.push((to, place));
        }
        let whole = if place > 0.0 { place } else { 1.0 };
        for point in &mut points {
            point.1 *= f64::from(WIDTH) / whole;
        }
        Self {
            points,
            begun,
            is_shortened,
        }
    }

    pub(super) fn is_shortened(&self) -> bool {
        self.is_shortened
    }

    /// From 0 to [`WIDTH`].
    pub(super) fn x(&self, at: Timestamp) -> u32 {
        let micros = since(self.begun, at);
        let after = self.points.partition_point(|point| point.0 <= micros);
        let place = match (
            self.points.get(after.wrapping_sub(1)),
            self.points.get(after),
        ) {
            (Some(from), Some(to)) if to.0 > from.0 => {
                from.1 + (to.1 - from.1) * (micros - from.0) / (to.0 - from.0)
            }
            (Some(last), _) => last.1,
            (None, _) => 0.0,
        };
        whole(place)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a hundred years stay below 2^52"
)]
fn since(begun: Timestamp, at: Timestamp) -> f64 {
    (at.as_microsecond().saturating_sub(begun.as_microsecond())).max(0) as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between 0 and the width before"
)]
fn whole(place: f64) -> u32 {
    place.clamp(0.0, f64::from(WIDTH)).round() as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + millis).unwrap()
    }

    #[test]
    fn without_long_waits_it_is_true_to_time() {
        let scale = Scale::new(at(0), &[(at(0), at(50)), (at(52), at(100))], at(100));
        assert!(!scale.is_shortened());
        assert_eq!(
            [0, 25, 50, 100, 500].map(|millis| scale.x(at(millis))),
            [0, 250, 500, 1_000, 1_000]
        );
    }

    #[test]
    fn a_long_wait_leaves_room_for_the_calls() {
        let hour = 3_600_000;
        let calls = [(at(1), at(5)), (at(hour), at(hour + 4))];
        let scale = Scale::new(at(0), &calls, at(hour + 4));
        assert!(scale.is_shortened());
        assert!(scale.x(at(5)) - scale.x(at(1)) > 100);
        assert!(scale.x(at(hour + 4)) - scale.x(at(hour)) > 100);
    }

    #[test]
    fn what_comes_later_is_never_further_left() {
        let calls = [
            (at(3), at(9)),
            (at(2), at(40_000)),
            (at(90_000), at(90_000)),
        ];
        let scale = Scale::new(at(0), &calls, at(200_000));
        let places: Vec<u32> = (0..2_000).map(|step| scale.x(at(step * 100))).collect();
        assert!(places.is_sorted());
        assert_eq!(Scale::new(at(0), &[], at(0)).x(at(0)), 0);
    }
}
