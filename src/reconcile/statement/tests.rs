//! What each pair of a payment and its bookings is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn known(state: PaymentState, verdict: ReportVerdict, booked: Option<i64>) -> Known {
    let mut known = Known::new(Payment {
        payment_no: "p-1".to_owned(),
        order_no: "o-1".to_owned(),
        amount_cents: 500,
        state: state.into(),
        verdict: verdict.into(),
        ended_at: Some(prost_types::Timestamp {
            seconds: 1_000,
            nanos: 0,
        }),
        ..Payment::default()
    });
    known.booked = booked;
    known
}

fn kind(known: &Known, is_within: bool) -> Option<(Kind, bool)> {
    let settled = Timestamp::from_second(2_000).unwrap();
    payment(known, is_within, settled).map(|(kind, remedy, _)| (kind, remedy.is_sure()))
}

#[test]
fn a_payment_beside_what_is_booked() {
    use PaymentState::{Failed, Pending, Succeeded};
    use ReportVerdict::{Accepted, Unspecified};
    for (state, verdict, booked, expected) in [
        (Pending, Unspecified, None, None),
        (Failed, Accepted, None, None),
        (Succeeded, Accepted, Some(500), None),
        (
            Pending,
            Unspecified,
            Some(500),
            Some((Kind::PaymentUnheard, true)),
        ),
        (
            Failed,
            Accepted,
            Some(500),
            Some((Kind::PaymentUnheard, false)),
        ),
        (
            Succeeded,
            Accepted,
            None,
            Some((Kind::PaymentUnbooked, false)),
        ),
        (
            Succeeded,
            Accepted,
            Some(400),
            Some((Kind::PaymentAmount, false)),
        ),
        (
            Pending,
            Unspecified,
            Some(1000),
            Some((Kind::PaymentAmount, false)),
        ),
        (
            Succeeded,
            Unspecified,
            Some(500),
            Some((Kind::PaymentUnreported, true)),
        ),
    ] {
        let found = kind(&known(state, verdict, booked), true);
        assert_eq!(found, expected, "{state:?} {verdict:?} {booked:?}");
    }
}

#[test]
fn what_was_started_before_the_first_day_may_have_been_booked_before_it() {
    let paid = known(PaymentState::Succeeded, ReportVerdict::Accepted, None);
    assert_eq!(kind(&paid, false), None);
}

#[test]
fn a_payment_that_has_just_ended_is_still_on_its_way_to_the_order() {
    let paid = known(
        PaymentState::Succeeded,
        ReportVerdict::Unspecified,
        Some(500),
    );
    let just_before = Timestamp::from_second(999).unwrap();
    assert_eq!(payment(&paid, true, just_before), None);
}

#[test]
fn refunds_beside_what_is_booked() {
    let refund = |state: RefundState| Refund {
        refund_no: "r-1".to_owned(),
        amount_cents: 100,
        state: state.into(),
        ..Refund::default()
    };
    for (state, booked, expected) in [
        (Some(RefundState::Done), Some(100), None),
        (Some(RefundState::Reserved), None, None),
        (
            Some(RefundState::Done),
            None,
            Some((Kind::RefundUnbooked, false)),
        ),
        (
            Some(RefundState::Done),
            Some(90),
            Some((Kind::RefundUnknown, false)),
        ),
        (
            Some(RefundState::Owed),
            None,
            Some((Kind::RefundOwed, true)),
        ),
        (
            Some(RefundState::Owed),
            Some(100),
            Some((Kind::RefundOwed, true)),
        ),
        (
            Some(RefundState::Reserved),
            Some(100),
            Some((Kind::RefundUnknown, false)),
        ),
        (None, Some(100), Some((Kind::RefundUnknown, false))),
        (None, None, None),
    ] {
        let mut known = known(PaymentState::Succeeded, ReportVerdict::Accepted, Some(500));
        known.refunds = booked
            .map(|cents| ("r-1".to_owned(), cents))
            .into_iter()
            .collect();
        let refunds: Vec<Refund> = state.map(refund).into_iter().collect();
        let found = refunded(&known, &refunds, true);
        let found: Vec<_> = found.iter().map(|it| (it.0, it.1.is_sure())).collect();
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{state:?} {booked:?}"
        );
    }
}

#[test]
fn the_days_end_today() {
    let now: Timestamp = "2026-03-01T00:30:00Z".parse().unwrap();
    let days = Days::until(now, 2).unwrap();
    let names: Vec<String> = days.days.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["2026-02-28", "2026-03-01"]);
    assert_eq!(days.from, "2026-02-28T00:00:00Z".parse().unwrap());
}
