//! Names, times and durations as a person reads them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A time of the contract; none if it is out of range.
pub(super) fn instant(timestamp: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

/// A time of the core.
pub(super) fn of_core(at: tercet_core::Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_micros()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// From one time to a later one; nothing where it isn't later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A duration of the contract.
pub(super) fn span(duration: &prost_types::Duration) -> Duration {
    Duration::try_from(*duration).unwrap_or_default()
}

/// `2026-01-31 13:05:09.120 UTC`.
pub(super) fn date_and_time(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::UTC);
    zoned.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// `2026-01-31 13:05:09`.
pub(super) fn short_time(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::UTC);
    zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Two or three figures and a unit: `0.3 ms`, `41 ms`, `3.2 s`, `5 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let tenths = |unit: u128| format!("{}.{}", micros / unit, micros % unit * 10 / unit);
    let seconds = duration.as_secs();
    match micros {
        0..10_000 => format!("{} ms", tenths(1_000)),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{} s", tenths(1_000_000)),
        _ => whole(seconds),
    }
}

/// The same in whole seconds, for what is counted on.
pub(super) fn whole(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A time with its distance from now, which the script keeps current: `12 s ago`, `in 3 s`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> Markup {
    let text = if at > now {
        format!("in {}", whole(between(now, at).as_secs()))
    } else {
        format!("{} ago", whole(between(at, now).as_secs()))
    };
    html! {
        time datetime=(at) title=(date_and_time(at)) data-from=(at.as_millisecond()) { (text) }
    }
}

/// How long it has been so, kept current by the script: `2 h 5 min`.
pub(super) fn age(since: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(since) title={ "since " (date_and_time(since)) }
            data-since=(since.as_millisecond()) {
            (whole(between(since, now).as_secs()))
        }
    }
}

/// A gRPC code's name, as the specification writes it.
pub(super) fn code(code: i32) -> String {
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
pub(super) fn call_error(error: &pb::CallError) -> String {
    let mut text = code(error.code);
    if !error.reason.is_empty() {
        text.push(' ');
        text.push_str(&error.reason);
    }
    if !error.message.is_empty() {
        text.push_str(": ");
        text.push_str(&error.message);
    }
    text
}

/// What an rpc says, with the contract's reason.
pub(super) fn refusal(status: &Status) -> String {
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) => format!("{} ({})", status.message(), info.reason),
        None => status.message().to_owned(),
    }
}

/// `try`, `confirm`, `cancel`.
pub(super) fn phase(phase: pb::Phase) -> &'static str {
    match phase {
        pb::Phase::Try => "try",
        pb::Phase::Confirm => "confirm",
        pb::Phase::Cancel => "cancel",
        pb::Phase::Unspecified => "?",
    }
}

/// `TRYING`, without the enum's prefix.
pub(super) fn transaction_state(state: pb::TransactionState) -> &'static str {
    short(state.as_str_name(), "TRANSACTION_STATE_")
}

/// `TRIED`, without the enum's prefix.
pub(super) fn branch_state(state: pb::BranchState) -> &'static str {
    short(state.as_str_name(), "BRANCH_STATE_")
}

fn short(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// `2 stock.reserve`, or the id alone where the branch isn't there.
pub(super) fn branch_name(transaction: &pb::Transaction, id: &str) -> String {
    let branch = transaction.branches.iter().find(|branch| branch.id == id);
    branch.map_or_else(
        || id.to_owned(),
        |branch| format!("{} {}.{}", branch.id, branch.participant, branch.action),
    )
}

/// Why a transaction was cancelled, as one line.
pub(super) fn cancel_cause(cause: &pb::CancelCause, transaction: &pb::Transaction) -> String {
    use pb::CancelReason::{Deadline, InDoubt, Initiator, Refused, Requested, Unspecified};
    let branch = branch_name(transaction, &cause.branch_id);
    let error = cause
        .error
        .as_ref()
        .filter(|error| error.code != 0 || !error.message.is_empty())
        .map(|error| format!(": {}", call_error(error)))
        .unwrap_or_default();
    match cause.reason() {
        Refused => format!("refused by {branch}{error}"),
        InDoubt => format!("{branch} stayed in doubt{error}"),
        Deadline if cause.branch_id.is_empty() => "the deadline passed".to_owned(),
        Deadline => format!("the deadline passed before {branch} was tried{error}"),
        Requested if cause.note.is_empty() => "a cancel was asked for".to_owned(),
        Requested => format!("a cancel was asked for: {}", cause.note),
        Initiator => "the initiator rolled back".to_owned(),
        Unspecified => "no cause is given".to_owned(),
    }
}

/// Why a person should look at something, without the place for a reason that nobody gave.
pub(super) fn why(attention: &pb::Attention) -> &str {
    attention.why.trim_end_matches([':', ' '])
}

/// Whether nothing can follow any more.
pub(super) fn is_ended(state: pb::TransactionState) -> bool {
    matches!(
        state,
        pb::TransactionState::Confirmed | pb::TransactionState::Cancelled
    )
}

/// `1 branch`, `2 branches`.
pub(super) fn count(count: u64, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}
