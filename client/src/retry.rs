//! What is repeated, after how long, and what never is. Pure: no clock, no IO.
//!
//! The gid makes every call of `TransactionService` idempotent, so a broken connection is simply tried again.
//! The status code alone classifies nothing: a connection that breaks in mid-call is UNKNOWN, a draining
//! server CANCELLED. What tells them apart is the coordinator's own `ErrorInfo`, which only a real answer has.

use std::{fmt, sync::Arc, time::Duration};

use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;

use crate::error;

/// How often and how fast calls are repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls in all, the first included and whichever endpoint they go to; at least 1.
    pub attempts_max: u32,
    /// The bound of the first pause.
    pub backoff_initial: Duration,
    /// The bound of every pause, also of one that the coordinator asks for.
    pub backoff_max: Duration,
    /// The deadline of a call whose caller sets none.
    pub timeout: Duration,
}

impl Default for RetryPolicy {
    /// Six calls with pauses of up to 50 ms, doubling to 2 s, and a minute in all. A client with several endpoints begins with
    /// six for each of them.
    fn default() -> Self {
        Self {
            attempts_max: 6,
            backoff_initial: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            timeout: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// What a client of so many endpoints has unless it is told otherwise: each of them gets as many calls as a single one
    /// would. They are called one after the other without a pause, so fewer would be over sooner than one endpoint's are.
    pub(crate) fn for_endpoints(count: usize) -> Self {
        let policy = Self::default();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            attempts_max: policy.attempts_max.saturating_mul(count),
            ..policy
        }
    }

    /// Every call once.
    pub fn never() -> Self {
        Self {
            attempts_max: 1,
            ..Self::default()
        }
    }

    /// The pause after the `round`th failure, from 1: exponential with full jitter, where `jitter` is between
    /// 0 and 1 (Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
    pub(crate) fn pause(&self, round: u32, jitter: f64) -> Duration {
        let doublings = round.saturating_sub(1).min(30);
        let bound = self
            .backoff_initial
            .saturating_mul(1 << doublings)
            .min(self.backoff_max);
        bound.mul_f64(jitter.clamp(0.0, 1.0))
    }
}

/// Where the randomness of the pauses comes from.
#[derive(Clone)]
pub(crate) struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    pub(crate) fn random() -> Self {
        Self::of(rand::random)
    }

    pub(crate) fn of(next: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// A number between 0 and 1.
    pub(crate) fn next(&self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

/// Whether a call changes nothing when it is done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Its gid or its nature makes it idempotent.
    Safe,
    /// Only if it certainly wasn't carried out: an operator's action leaves an audit record each time.
    IfNotDone,
}

/// What to do about a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Again, on the next endpoint if there is one.
    Again {
        /// The pause that the coordinator asks for.
        after: Option<Duration>,
    },
    /// An answer: hand it to the caller.
    Answer,
    /// The caller's time is over.
    Deadline,
}

/// Classifies the status of a failed attempt.
pub(crate) fn next(status: &Status, repeat: Repeat) -> Next {
    if has_source::<ConnectError>(status) {
        // Never sent.
        return Next::Again { after: None };
    }
    if is_out_of_time(status) {
        return Next::Deadline;
    }
    let details = status.get_error_details();
    let after = details.retry_info().and_then(|info| info.retry_delay);
    let Some(reason) = error::reason(status) else {
        return next_without_answer(status.code(), after, repeat);
    };
    match (reason.as_str(), status.code()) {
        // A person has paused it, or the breaker has just failed five times: another call at once won't help.
        ("PARTICIPANT_PAUSED" | "PARTICIPANT_DOWN", _) => Next::Answer,
        // Not carried out, says the coordinator.
        (_, Code::Unavailable | Code::ResourceExhausted) => Next::Again { after },
        _ => Next::Answer,
    }
}

/// Whether the caller's own timer ended the call: nobody has answered it.
pub(crate) fn is_out_of_time(status: &Status) -> bool {
    has_source::<TimeoutExpired>(status)
}

/// The connection, or something in between, ended the call.
fn next_without_answer(code: Code, after: Option<Duration>, repeat: Repeat) -> Next {
    match code {
        Code::ResourceExhausted if after.is_some() => Next::Again { after },
        Code::Unavailable
        | Code::Unknown
        | Code::Internal
        | Code::Cancelled
        | Code::Aborted
        | Code::DeadlineExceeded
            if repeat == Repeat::Safe =>
        {
            Next::Again { after }
        }
        _ => Next::Answer,
    }
}

fn has_source<E: std::error::Error + 'static>(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<E>() {
            return true;
        }
        source = error.source();
    }
    // tonic's own client timer leaves no source in some paths, only its text.
    std::any::TypeId::of::<E>() == std::any::TypeId::of::<TimeoutExpired>()
        && status.code() == Code::Cancelled
        && status.message() == "Timeout expired"
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn status(code: Code, reason: Option<&str>, retry_after: Option<Duration>) -> Status {
        let mut details = ErrorDetails::new();
        if let Some(reason) = reason {
            details.set_error_info(reason, error::DOMAIN, std::collections::HashMap::new());
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(code, "text", details)
    }

    fn check(code: Code, reason: Option<&str>, expected: &Next) {
        let status = status(code, reason, None);
        assert_eq!(
            &next(&status, Repeat::Safe),
            expected,
            "{code:?} {reason:?}"
        );
    }

    const AGAIN: &Next = &Next::Again { after: None };

    #[test]
    fn what_the_coordinator_did_not_carry_out_is_repeated() {
        for reason in [
            "LOG_UNAVAILABLE",
            "DRAINING",
            "NOT_OWNER",
            "SCHEMA_UNAVAILABLE",
        ] {
            check(Code::Unavailable, Some(reason), AGAIN);
        }
        check(Code::ResourceExhausted, Some("OVERLOADED"), AGAIN);
    }

    #[test]
    fn a_paused_or_broken_participant_is_an_answer() {
        for reason in ["PARTICIPANT_PAUSED", "PARTICIPANT_DOWN"] {
            check(Code::Unavailable, Some(reason), &Next::Answer);
        }
    }

    #[test]
    fn a_rejection_is_never_repeated() {
        for (code, reason) in [
            (Code::InvalidArgument, "INVALID_GID"),
            (Code::NotFound, "UNKNOWN_TRANSACTION"),
            (Code::AlreadyExists, "GID_CONFLICT"),
            (Code::FailedPrecondition, "ALREADY_DECIDED"),
            (Code::PermissionDenied, "NOT_ALLOWED"),
        ] {
            check(code, Some(reason), &Next::Answer);
            check(code, None, &Next::Answer);
        }
    }

    #[test]
    fn a_broken_connection_is_repeated_whatever_its_code() {
        for code in [
            Code::Unavailable,
            Code::Unknown,
            Code::Cancelled,
            Code::Internal,
            Code::DeadlineExceeded,
        ] {
            check(code, None, AGAIN);
        }
    }

    #[test]
    fn an_operators_action_is_repeated_only_if_it_was_not_done() {
        let broken = status(Code::Unknown, None, None);
        assert_eq!(next(&broken, Repeat::IfNotDone), Next::Answer);
        let draining = status(Code::Unavailable, Some("DRAINING"), None);
        assert_eq!(&next(&draining, Repeat::IfNotDone), AGAIN);
    }

    #[test]
    fn the_coordinators_delay_is_taken_over() {
        let delay = Some(Duration::from_millis(700));
        let overloaded = status(Code::ResourceExhausted, Some("OVERLOADED"), delay);
        assert_eq!(
            next(&overloaded, Repeat::Safe),
            Next::Again { after: delay }
        );
        // Without RetryInfo and reason it may as well be a message that is too large.
        check(Code::ResourceExhausted, None, &Next::Answer);
    }

    #[test]
    fn tonics_own_timer_is_the_callers_deadline() {
        let expired = Status::cancelled("Timeout expired");
        assert_eq!(next(&expired, Repeat::Safe), Next::Deadline);
    }

    #[test]
    fn pauses_double_up_to_their_bound() {
        let policy = RetryPolicy::default();
        let pauses: Vec<u128> = (1..=8).map(|n| policy.pause(n, 1.0).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(policy.pause(3, 0.5), Duration::from_millis(100));
        assert_eq!(policy.pause(u32::MAX, 0.0), Duration::ZERO);
    }
}
