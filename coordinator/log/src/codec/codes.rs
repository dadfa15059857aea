//! The numbers that stand for states and modes in columns. Fixed for ever; the migrations explain them to people.

use tercet_core::{Mode, TransactionState};

pub(crate) const fn state_code(state: TransactionState) -> i64 {
    match state {
        TransactionState::Trying => 1,
        TransactionState::Confirming => 2,
        TransactionState::Confirmed => 3,
        TransactionState::Cancelling => 4,
        TransactionState::Cancelled => 5,
    }
}

pub(crate) fn state_of_code(code: i64) -> Option<TransactionState> {
    TransactionState::ALL
        .into_iter()
        .find(|state| state_code(*state) == code)
}

pub(crate) const fn mode_code(mode: Mode) -> i64 {
    match mode {
        Mode::OneCall => 1,
        Mode::StepByStep => 2,
        Mode::CancelledUnknown => 3,
    }
}

pub(super) fn mode_of_code(code: i64) -> Option<Mode> {
    [Mode::OneCall, Mode::StepByStep, Mode::CancelledUnknown]
        .into_iter()
        .find(|mode| mode_code(*mode) == code)
}
