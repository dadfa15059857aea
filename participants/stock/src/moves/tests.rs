//! Every phase of every move, from a row that has plenty of everything and from one that has too little.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

const ALL: [Move; 5] = [
    Move::RESERVE,
    Move::SELL_HELD,
    Move::SELL_AVAILABLE,
    Move::RELEASE,
    Move::RETURN,
];

/// 10 pieces everywhere, those held and sold all of order `o`.
fn plenty() -> Row {
    let share = Share {
        held: 10,
        moving: 0,
        sold: 10,
    };
    Row {
        pieces: Pieces {
            available: 10,
            reserved: 10,
            held: 10,
            sold: 10,
        },
        version: 1,
        shares: BTreeMap::from([(Arc::from("o"), share)]),
    }
}

fn numbers(row: &Row) -> ([i64; 4], [i64; 3]) {
    let Pieces {
        available,
        reserved,
        held,
        sold,
    } = row.pieces;
    let share = row.shares.get("o").copied().unwrap_or_default();
    (
        [available, reserved, held, sold],
        [share.held, share.moving, share.sold],
    )
}

#[test]
fn pieces_go_through_reserved_to_where_they_belong() {
    for (way, tried, confirmed) in [
        (
            Move::RESERVE,
            ([7, 13, 10, 10], [10, 0, 10]),
            ([7, 10, 13, 10], [13, 0, 10]),
        ),
        (
            Move::SELL_HELD,
            ([10, 13, 7, 10], [7, 3, 10]),
            ([10, 10, 7, 13], [7, 0, 13]),
        ),
        (
            Move::SELL_AVAILABLE,
            ([7, 13, 10, 10], [10, 0, 10]),
            ([7, 10, 10, 13], [10, 0, 13]),
        ),
        (
            Move::RELEASE,
            ([10, 13, 7, 10], [7, 3, 10]),
            ([13, 10, 7, 10], [7, 0, 10]),
        ),
        (
            Move::RETURN,
            ([10, 13, 10, 7], [10, 3, 7]),
            ([13, 10, 10, 7], [10, 0, 7]),
        ),
    ] {
        let mut row = plenty();
        assert_eq!(row.shift(way, Phase::Try, "o", 3), Ok(7), "{way:?}");
        assert_eq!(numbers(&row), tried, "{way:?}");
        assert_eq!(numbers(&row).0.iter().sum::<i64>(), 40);
        let mut cancelled = row.clone();
        row.shift(way, Phase::Confirm, "o", 3).unwrap();
        assert_eq!(numbers(&row), confirmed, "{way:?}");
        assert_eq!(numbers(&row).0.iter().sum::<i64>(), 40);
        cancelled.shift(way, Phase::Cancel, "o", 3).unwrap();
        assert_eq!(numbers(&cancelled), numbers(&plenty()), "{way:?}");
    }
}

#[test]
fn more_than_there_is_can_not_be_taken() {
    for way in ALL {
        let shortage = plenty().shift(way, Phase::Try, "o", 11);
        assert_eq!(shortage, Err(Shortage { there: 10 }), "{way:?}");
    }
}

#[test]
fn an_order_can_not_take_what_another_one_has() {
    for way in [Move::SELL_HELD, Move::RELEASE, Move::RETURN] {
        let shortage = plenty().shift(way, Phase::Try, "p", 1);
        assert_eq!(shortage, Err(Shortage { there: 0 }), "{way:?}");
    }
    let mut row = plenty();
    assert_eq!(row.shift(Move::RESERVE, Phase::Try, "p", 1), Ok(9));
}

#[test]
fn what_a_try_did_not_reserve_can_not_be_settled() {
    let mut row = plenty();
    row.pieces.reserved = 0;
    for way in ALL {
        for phase in [Phase::Confirm, Phase::Cancel] {
            assert!(row.clone().shift(way, phase, "o", 1).is_err(), "{way:?}");
        }
    }
    // Reserved pieces of others don't help an order that has nothing under way.
    for way in [Move::SELL_HELD, Move::RELEASE, Move::RETURN] {
        assert!(
            plenty().shift(way, Phase::Confirm, "o", 1).is_err(),
            "{way:?}"
        );
    }
}

#[test]
fn a_share_is_asked_for_exactly_where_it_changes() {
    for way in ALL {
        for phase in [Phase::Try, Phase::Confirm, Phase::Cancel] {
            let mut row = plenty();
            row.shares.values_mut().for_each(|share| share.moving = 10);
            let before = row.shares.clone();
            row.shift(way, phase, "o", 1).unwrap();
            assert_eq!(
                row.shares != before,
                way.touches_share(phase),
                "{way:?} {phase}"
            );
        }
    }
}
