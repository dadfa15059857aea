//! The contract's table, written out a second time, by hand, and compared cell by cell.

use super::{FenceRefusal, FenceState, FenceVerdict, Phase, Timeliness, Verbs, verdict};

const ROWS: [Option<FenceState>; 5] = [
    None,
    Some(FenceState::Tried),
    Some(FenceState::Confirmed),
    Some(FenceState::Cancelled),
    Some(FenceState::EndedByHand),
];

/// One line of the contract's table: the words of its five cells.
fn check_line(phase: Phase, verbs: Verbs, timeliness: Timeliness, cells: [&str; 5]) {
    for (row, cell) in ROWS.into_iter().zip(cells) {
        let got = match verdict(phase, row, verbs, timeliness) {
            FenceVerdict::Run(state) => format!("run {state:?}"),
            FenceVerdict::Record(state) => format!("insert {state:?}"),
            FenceVerdict::Repeat => "ok".to_owned(),
            FenceVerdict::Refuse(refusal) => refusal.reason().to_owned(),
            FenceVerdict::NotOffered => "not offered".to_owned(),
        };
        assert_eq!(
            got, cell,
            "{phase} on {row:?} with {verbs:?}, {timeliness:?}"
        );
    }
}

#[test]
fn the_fifteen_cells_hold_for_tcc_and_saga() {
    for verbs in [Verbs::TryConfirmCancel, Verbs::TryCancel] {
        check_line(
            Phase::Try,
            verbs,
            Timeliness::InTime,
            ["run Tried", "ok", "ok", "CANCELLED_BEFORE_TRY", "ok"],
        );
        for timeliness in [Timeliness::InTime, Timeliness::TooLate] {
            check_line(
                Phase::Confirm,
                verbs,
                timeliness,
                [
                    "NEVER_TRIED",
                    "run Confirmed",
                    "ok",
                    "ALREADY_CANCELLED",
                    "ok",
                ],
            );
            check_line(
                Phase::Cancel,
                verbs,
                timeliness,
                [
                    "insert Cancelled",
                    "run Cancelled",
                    "ALREADY_CONFIRMED",
                    "ok",
                    "ok",
                ],
            );
        }
    }
}

#[test]
fn a_message_confirms_without_a_try() {
    check_line(
        Phase::Confirm,
        Verbs::Confirm,
        Timeliness::InTime,
        [
            "run Confirmed",
            "run Confirmed",
            "ok",
            "ALREADY_CANCELLED",
            "ok",
        ],
    );
    for phase in [Phase::Try, Phase::Cancel] {
        check_line(
            phase,
            Verbs::Confirm,
            Timeliness::InTime,
            ["not offered"; 5],
        );
    }
}

#[test]
fn a_try_that_is_too_late_runs_nothing_whatever_the_row_says() {
    check_line(
        Phase::Try,
        Verbs::TryConfirmCancel,
        Timeliness::TooLate,
        ["TOO_LATE"; 5],
    );
}

#[test]
fn the_sets_of_verbs_offer_what_they_name() {
    let offered =
        |verbs: Verbs| [Phase::Try, Phase::Confirm, Phase::Cancel].map(|phase| verbs.offers(phase));
    assert_eq!(offered(Verbs::TryConfirmCancel), [true, true, true]);
    assert_eq!(offered(Verbs::TryCancel), [true, false, true]);
    assert_eq!(offered(Verbs::Confirm), [false, true, false]);
}

#[test]
fn codes_and_words_come_back_as_they_went() {
    for state in ROWS.into_iter().flatten() {
        assert_eq!(FenceState::from_code(state.code()), Some(state));
    }
    assert_eq!(FenceState::from_code(0), None);
    assert_eq!(FenceState::from_code(5), None);
    for phase in [Phase::Try, Phase::Confirm, Phase::Cancel] {
        assert_eq!(Phase::from_word(phase.as_str()), Some(phase));
    }
    assert_eq!(Phase::from_word("TRY"), None);
    let reasons = [
        FenceRefusal::CancelledBeforeTry,
        FenceRefusal::NeverTried,
        FenceRefusal::AlreadyCancelled,
        FenceRefusal::AlreadyConfirmed,
        FenceRefusal::TooLate,
    ]
    .map(FenceRefusal::reason);
    assert_eq!(
        reasons,
        [
            "CANCELLED_BEFORE_TRY",
            "NEVER_TRIED",
            "ALREADY_CANCELLED",
            "ALREADY_CONFIRMED",
            "TOO_LATE"
        ]
    );
}
