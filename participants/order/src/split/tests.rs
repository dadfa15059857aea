//! Splitting, at random: exact whatever the parts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Paid, Part, share};

const CASES: u32 = 20_000;

fn random() -> StdRng {
    let seed: u64 = std::env::var("TERCET_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("TERCET_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Small, so that the corners are met often; or as large as may be.
fn amount(random: &mut StdRng) -> i64 {
    match random.random_range(0..10) {
        0 => 0,
        1 => random.random_range(0..=1_000_000_000_000),
        2..5 => random.random_range(0..10),
        _ => random.random_range(0..1_000),
    }
}

fn paid(random: &mut StdRng) -> Paid {
    Paid {
        cents: amount(random),
        points: amount(random),
        pieces: random.random_range(1..8),
        cents_back: 0,
        points_back: 0,
        pieces_back: 0,
    }
}

#[test]
fn parts_of_any_kind_never_pass_the_whole_and_end_in_it() {
    let mut random = random();
    for _ in 0..CASES {
        let mut paid = paid(&mut random);
        for _ in 0..8 {
            let rest = paid.rest();
            let part = if random.random_bool(0.5) {
                paid.by_pieces(random.random_range(1..4))
            } else if paid.cents == 0 {
                paid.by_amount(0, random.random_range(0..=rest.points) + 1)
            } else {
                paid.by_amount(random.random_range(0..=rest.cents) + 1, 0)
            };
            let Some(part) = part else { continue };
            assert!(
                part.cents >= 0 && part.points >= 0 && part.pieces >= 0,
                "{paid:?} {part:?}"
            );
            paid = paid.after(part);
            let rest = paid.rest();
            assert!(
                rest.cents >= 0 && rest.points >= 0 && rest.pieces >= 0,
                "{paid:?} {part:?}"
            );
        }
        let last = if random.random_bool(0.5) && paid.rest().pieces > 0 {
            paid.by_pieces(0).unwrap()
        } else {
            paid.by_amount(0, 0).unwrap()
        };
        let rest = paid.after(last).rest();
        assert_eq!((rest.cents, rest.points), (0, 0), "{paid:?} {last:?}");
    }
}

#[test]
fn how_money_is_cut_does_not_change_the_points_that_go_with_it() {
    let mut random = random();
    for _ in 0..CASES {
        let mut paid = paid(&mut random);
        let whole = paid;
        while paid.rest().cents > 0 {
            let most = paid.rest().cents;
            let cents = random.random_range(1..=most);
            paid = paid.after(paid.by_amount(cents, 0).unwrap());
            let exact = share(whole.points, paid.cents_back, whole.cents);
            assert_eq!(paid.points_back, exact, "{paid:?}");
        }
        if whole.cents > 0 {
            assert_eq!(paid.points_back, whole.points);
        }
    }
}

#[test]
fn how_pieces_come_back_does_not_change_what_is_given_for_them() {
    let mut random = random();
    for _ in 0..CASES {
        let mut paid = paid(&mut random);
        let whole = paid;
        while paid.rest().pieces > 0 {
            let pieces = random.random_range(1..=paid.rest().pieces);
            paid = paid.after(paid.by_pieces(pieces).unwrap());
            let exact = |of| share(of, paid.pieces_back, whole.pieces);
            assert_eq!(paid.cents_back, exact(whole.cents), "{paid:?}");
            assert_eq!(paid.points_back, exact(whole.points), "{paid:?}");
        }
        assert_eq!(paid.rest(), Part::default());
    }
}

#[test]
fn a_third_each_is_exact() {
    let mut paid = Paid {
        cents: 100,
        points: 10,
        pieces: 3,
        cents_back: 0,
        points_back: 0,
        pieces_back: 0,
    };
    let mut parts = Vec::new();
    while let Some(part) = paid.by_pieces(1) {
        paid = paid.after(part);
        parts.push((part.cents, part.points));
    }
    assert_eq!(parts, [(33, 3), (33, 3), (34, 4)]);
}

#[test]
fn what_is_not_there_is_not_given() {
    let paid = Paid {
        cents: 100,
        points: 10,
        pieces: 2,
        cents_back: 60,
        points_back: 6,
        pieces_back: 1,
    };
    for (cents, points) in [(41, 0), (-1, 0), (0, -1), (10, 1), (0, 4)] {
        assert_eq!(paid.by_amount(cents, points), None, "{cents} {points}");
    }
    assert_eq!(paid.by_pieces(2), None);
    assert_eq!(paid.by_pieces(-1), None);
    let free = Paid {
        cents: 0,
        cents_back: 0,
        ..paid
    };
    assert_eq!(free.by_amount(0, 5), None);
    assert_eq!(free.by_amount(0, 4).unwrap().points, 4);
    assert_eq!(free.by_amount(1, 0), None);
}
