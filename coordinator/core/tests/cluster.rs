//! The rules by which several coordinators share one log.

use core::time::Duration;

use tercet_core::cluster::{
    LOOKS_MAX, Lease, LeaseTimes, Moment, OwnedBy, Route, Seen, Watcher, route,
};

const TIMES: LeaseTimes = LeaseTimes {
    beat_every: Duration::from_secs(2),
    take_over_after: Duration::from_secs(15),
};

const OWN: u8 = 1;
const OTHER: u8 = 2;

fn at(millis: u64) -> Moment {
    Moment(Duration::from_millis(millis))
}

fn seen(session: u8, beat: i64) -> Seen<u8, i64> {
    Seen {
        session,
        beat,
        is_fenced: false,
    }
}

#[test]
fn a_lease_is_over_before_anybody_can_take_over() {
    let mut lease = Lease::new(TIMES);
    assert!(lease.is_over(at(0)), "before the first beat");
    // Sent at once; the answer may take its time, and others may have seen the beat before it.
    lease.extend(at(1_000));
    assert!(!lease.is_over(at(13_999)));
    assert!(lease.is_over(at(14_000)));
    assert_eq!(lease.beat_age(at(14_000)), Duration::from_secs(13));
    // Whoever saw it at the earliest moment fences at 16,000 at the earliest.
    lease.extend(at(500));
    assert!(
        !lease.is_over(at(13_999)),
        "an older beat takes nothing away"
    );
}

#[test]
fn times_that_make_no_sense_give_no_lease() {
    let mut lease = Lease::new(LeaseTimes {
        beat_every: Duration::from_secs(20),
        ..TIMES
    });
    lease.extend(at(1_000));
    assert!(lease.is_over(at(1_000)));
}

#[test]
fn a_beat_has_to_stand_still_for_all_of_the_time() {
    let mut watcher = Watcher::new(OWN, TIMES.take_over_after);
    let mut look = |asked: u64, beat| {
        let sessions = [seen(OWN, 0), seen(OTHER, beat)];
        watcher.look(sessions, at(asked), at(asked + 500))
    };
    assert_eq!(look(0, 7), []);
    assert_eq!(look(15_000, 7), [], "the first answer came later");
    assert_eq!(look(15_500, 7), [(OTHER, 7)]);
    assert_eq!(look(17_000, 8), [], "it lives after all");
    assert_eq!(look(32_499, 8), []);
    assert_eq!(look(32_500, 8), [(OTHER, 8)]);
    assert_eq!(look(40_000, 3), [], "a beat that goes back is another one");
}

/// Looks at each of those seconds, with answers that take a tenth of one, and says at which the other one is to be fenced.
fn fenced_at(
    watcher: &mut Watcher<u8, i64>,
    seconds: impl IntoIterator<Item = u64>,
    beat: i64,
) -> Option<u64> {
    seconds.into_iter().find(|second| {
        let asked = second * 1_000;
        let sessions = [seen(OWN, 0), seen(OTHER, beat)];
        !watcher
            .look(sessions, at(asked), at(asked + 100))
            .is_empty()
    })
}

#[test]
fn time_in_which_the_log_did_not_answer_counts_for_nobody() {
    let new = || Watcher::new(OWN, TIMES.take_over_after).blind_at_most(TIMES.beat_every);
    let mut watcher = new();
    assert_eq!(fenced_at(&mut watcher, 0..10, 7), None);
    // Nine seconds have been watched. A minute later the log answers again; two seconds of that count.
    assert_eq!(fenced_at(&mut watcher, 70..100, 7), Some(75));
    // A log that answers seldom, and not less often than beats are raised: all of it counts.
    assert_eq!(fenced_at(&mut new(), (0..60).step_by(2), 7), Some(16));
    // One that answers slowly all the time fences late, not never.
    assert_eq!(fenced_at(&mut new(), (0..60).step_by(4), 7), Some(32));
}

#[test]
fn whoever_is_fenced_or_gone_is_forgotten() {
    let mut watcher = Watcher::new(OWN, TIMES.take_over_after);
    watcher.look([seen(OTHER, 7)], at(0), at(0));
    let fenced = Seen {
        is_fenced: true,
        ..seen(OTHER, 7)
    };
    assert_eq!(watcher.look([fenced], at(60_000), at(60_000)), []);
    assert_eq!(watcher.look([seen(OTHER, 7)], at(60_000), at(60_000)), []);
    assert_eq!(watcher.look([], at(120_000), at(120_000)), []);
    assert_eq!(watcher.look([seen(OTHER, 7)], at(180_000), at(180_000)), []);
}

#[test]
fn a_call_is_forwarded_once_and_never_twice_to_the_same() {
    let other = OwnedBy::Other(OTHER);
    assert_eq!(route(false, 1, other, None), Route::Forward(OTHER));
    assert_eq!(route(true, 1, other, None), Route::NotOwner);
    assert_eq!(route(false, 2, other, Some(&OTHER)), Route::NotOwner);
    assert_eq!(route(false, 2, other, Some(&3)), Route::Forward(OTHER));
    assert_eq!(route(false, LOOKS_MAX + 1, other, None), Route::NotOwner);
}

#[test]
fn what_a_fenced_one_owned_is_taken_over_and_what_nobody_owns_is_tried_here() {
    assert_eq!(route(false, 1, OwnedBy::<u8>::Fenced, None), Route::Adopt);
    assert_eq!(route(true, 1, OwnedBy::<u8>::Fenced, None), Route::NotOwner);
    assert_eq!(route(false, 1, OwnedBy::<u8>::Nobody, None), Route::Here);
    assert_eq!(route(false, 1, OwnedBy::<u8>::Us, None), Route::Here);
}
