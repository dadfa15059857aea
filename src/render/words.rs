//! Names, times and durations as operators read them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tercet_client::proto::{
    Attention, BranchState, CallError, CancelCause, CancelReason, Phase, Transaction,
    TransactionState,
};
use tonic::Code;

use super::style::Style;

/// `TRYING`, without the enum's prefix.
pub(crate) fn transaction_state(state: TransactionState) -> &'static str {
    short(state.as_str_name(), "TRANSACTION_STATE_")
}

/// `TRIED`, without the enum's prefix.
pub(crate) fn branch_state(state: BranchState) -> &'static str {
    short(state.as_str_name(), "BRANCH_STATE_")
}

/// `try`, `confirm`, `cancel`.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Try => "try",
        Phase::Confirm => "confirm",
        Phase::Cancel => "cancel",
        Phase::Unspecified => "?",
    }
}

/// A state in its colour.
pub(crate) fn paint_transaction_state(state: TransactionState, style: Style) -> String {
    let text = transaction_state(state);
    match state {
        TransactionState::Confirmed => style.good(text),
        TransactionState::Cancelled => style.bad(text),
        _ => style.open(text),
    }
}

/// A gRPC code's name, as the specification writes it.
pub(crate) fn code(code: i32) -> String {
    let name = match Code::from_i32(code) {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown if code != 2 => return format!("code {code}"),
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    };
    name.to_owned()
}

/// `FAILED_PRECONDITION OUT_OF_STOCK: only 2 left`, leaving out what is empty.
pub(crate) fn call_error(error: &CallError) -> String {
    let mut text = code(error.code);
    if !error.reason.is_empty() {
        text.push(' ');
        text.push_str(&error.reason);
    }
    if !error.message.is_empty() {
        text.push_str(": ");
        text.push_str(&clean(&error.message));
    }
    text
}

/// Why a transaction was cancelled, as one line.
pub(crate) fn cancel_cause(cause: &CancelCause, transaction: &Transaction) -> String {
    let branch = branch_name(transaction, &cause.branch_id);
    let error = cause
        .error
        .as_ref()
        .filter(|error| error.code != 0 || !error.message.is_empty())
        .map(|error| format!(": {}", call_error(error)))
        .unwrap_or_default();
    match cause.reason() {
        CancelReason::Refused => format!("refused by {branch}{error}"),
        CancelReason::InDoubt => format!("{branch} stayed in doubt{error}"),
        CancelReason::Deadline if cause.branch_id.is_empty() => "the deadline passed".to_owned(),
        CancelReason::Deadline => {
            format!("the deadline passed before {branch} was tried{error}")
        }
        CancelReason::Requested if cause.note.is_empty() => "a cancel was asked for".to_owned(),
        CancelReason::Requested => format!("a cancel was asked for: {}", clean(&cause.note)),
        CancelReason::Initiator => "the initiator rolled back".to_owned(),
        CancelReason::Unspecified => "no cause is given".to_owned(),
    }
}

/// `2 stock.reserve`, or the id alone where the branch isn't there.
pub(crate) fn branch_name(transaction: &Transaction, id: &str) -> String {
    transaction
        .branches
        .iter()
        .find(|branch| branch.id == id)
        .map_or_else(
            || clean(id),
            |branch| {
                let name = format!("{} {}.{}", branch.id, branch.participant, branch.action);
                clean(&name)
            },
        )
}

/// What needs a person, as one line.
pub(crate) fn attention(attention: &Attention, now: Timestamp) -> String {
    let since = attention.since.as_ref().and_then(instant);
    let ago = since
        .map(|since| format!(", for {}", duration(now.duration_since(since))))
        .unwrap_or_default();
    let parked = if attention.parked { "parked: " } else { "" };
    format!("{parked}{}{ago}", clean(&attention.why))
}

/// A time of the contract; `None` if it is out of range.
pub(crate) fn instant(timestamp: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

/// A duration of the contract.
pub(crate) fn span(duration: &prost_types::Duration) -> SignedDuration {
    SignedDuration::new(duration.seconds, duration.nanos)
}

/// `2026-01-31 13:05:09.120 UTC`.
pub(crate) fn date_and_time(instant: Timestamp) -> String {
    let zoned = instant.to_zoned(TimeZone::UTC);
    zoned.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// `13:05:09.120`.
pub(crate) fn time_of_day(instant: Timestamp) -> String {
    let zoned = instant.to_zoned(TimeZone::UTC);
    zoned.strftime("%H:%M:%S%.3f").to_string()
}

/// Two or three figures and a unit: `0.3 ms`, `41 ms`, `3.2 s`, `5 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let micros = duration.as_micros().max(0);
    let tenths = |unit: i128| format!("{}.{}", micros / unit, micros % unit * 10 / unit);
    let seconds = micros / 1_000_000;
    match micros {
        0..10_000 => format!("{} ms", tenths(1_000)),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{} s", tenths(1_000_000)),
        _ if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Text from elsewhere, on one line and without control characters: a participant's message must not move the
/// cursor of the operator's terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn short(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (340, "0.3 ms"),
            (9_990, "9.9 ms"),
            (41_000, "41 ms"),
            (3_250_000, "3.2 s"),
            (310_000_000, "5 min 10 s"),
            (7_500_000_000, "2 h 5 min"),
            (273_600_000_000, "3 d 4 h"),
            (-5, "0.0 ms"),
        ] {
            assert_eq!(duration(SignedDuration::from_micros(micros)), text);
        }
    }

    #[test]
    fn codes_have_their_names() {
        assert_eq!(code(0), "OK");
        assert_eq!(code(2), "UNKNOWN");
        assert_eq!(code(9), "FAILED_PRECONDITION");
        assert_eq!(code(99), "code 99");
    }

    #[test]
    fn a_message_can_not_reach_the_terminal() {
        let error = CallError {
            code: 9,
            reason: String::new(),
            message: "a\u{1b}[31mb\nc".to_owned(),
        };
        assert_eq!(call_error(&error), "FAILED_PRECONDITION: a [31mb c");
    }

    #[test]
    fn states_and_times_read_well() {
        assert_eq!(transaction_state(TransactionState::Trying), "TRYING");
        assert_eq!(branch_state(BranchState::InDoubt), "IN_DOUBT");
        let instant = Timestamp::constant(1_769_864_709, 120_000_000);
        assert_eq!(date_and_time(instant), "2026-01-31 13:05:09.120 UTC");
        assert_eq!(time_of_day(instant), "13:05:09.120");
    }
}
