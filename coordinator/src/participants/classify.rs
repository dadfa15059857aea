//! The one table that says what an answer means (contract, section 4).
//!
//! Three outcomes, never two: done, refused, in doubt. The code alone isn't enough: a broken connection shows as
//! UNKNOWN, an expired deadline as CANCELLED; [`super::unary`] has told those apart before.

use std::time::Duration;

use bytes::Bytes;
use tercet_core::{CallError, CallOutcome};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::endpoints::Heard;
use super::unary::Exchange;

/// The most bytes of a participant's message or reason that are kept; longer ones are cut.
const TEXT_BYTES_MAX: usize = 1_024;

/// The reason of a refusal that the coordinator makes of a reply that is too large.
const RESPONSE_TOO_LARGE: &str = "RESPONSE_TOO_LARGE";

/// What an answer, or none, means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Classified {
    pub(crate) outcome: CallOutcome,
    pub(crate) error: Option<CallError>,
    pub(crate) response: Bytes,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) never_sent: bool,
    /// Whether the peer answered at all; the circuit breaker counts those that didn't.
    pub(crate) is_answer: bool,
}

/// What a code means as the answer of a participant.
pub(crate) const fn outcome_of(code: Code) -> CallOutcome {
    match code {
        Code::Ok => CallOutcome::Done,
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::OutOfRange
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented => CallOutcome::Refused,
        Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => CallOutcome::InDoubt,
    }
}

/// What became of a call, in the core's words.
pub(crate) fn classify(exchange: Exchange) -> Classified {
    match exchange {
        Exchange::Done(response) => Classified {
            outcome: CallOutcome::Done,
            error: None,
            response,
            retry_after: None,
            never_sent: false,
            is_answer: true,
        },
        Exchange::TooLarge(bytes) => failed(
            CallOutcome::Refused,
            error(
                Code::FailedPrecondition,
                RESPONSE_TOO_LARGE,
                &format!("a reply of {bytes} bytes is more than a try may return"),
            ),
        ),
        Exchange::Refused(status) => answered(&status),
        Exchange::NeverSent(why) => Classified {
            never_sent: true,
            ..unanswered(Code::Unavailable, &why)
        },
        Exchange::TimedOut => unanswered(Code::DeadlineExceeded, "no answer in time"),
        Exchange::Broken(why) => unanswered(Code::Unavailable, &why),
    }
}

/// What it says about the endpoint that the call went to, beside what it says about the call.
pub(super) fn heard(exchange: &Exchange, since: Instant) -> Heard {
    match exchange {
        Exchange::NeverSent(_) | Exchange::Broken(_) => Heard::Failure,
        Exchange::TimedOut => Heard::Silence { since },
        // With a time beside it an instance says "still working", and is well.
        Exchange::Refused(status)
            if status.code() == Code::Unavailable && status.get_details_retry_info().is_none() =>
        {
            Heard::TurnedAway
        }
        Exchange::Done(_) | Exchange::TooLarge(_) | Exchange::Refused(_) => Heard::Answer,
    }
}

fn answered(status: &Status) -> Classified {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    // A tonic server that gives up at our own grpc-timeout says so with this code and text.
    let is_timeout = status.code() == Code::Cancelled && status.message() == "Timeout expired";
    let code = if is_timeout {
        Code::DeadlineExceeded
    } else {
        status.code()
    };
    let outcome = outcome_of(code);
    // Beside a refusal it is ignored.
    let retry_after = details
        .retry_info()
        .and_then(|info| info.retry_delay)
        .filter(|_| outcome == CallOutcome::InDoubt);
    Classified {
        retry_after,
        ..failed(outcome, error(code, reason, status.message()))
    }
}

fn failed(outcome: CallOutcome, error: CallError) -> Classified {
    Classified {
        outcome,
        error: Some(error),
        response: Bytes::new(),
        retry_after: None,
        never_sent: false,
        is_answer: true,
    }
}

fn unanswered(code: Code, why: &str) -> Classified {
    Classified {
        is_answer: false,
        ..failed(CallOutcome::InDoubt, error(code, "", why))
    }
}

fn error(code: Code, reason: &str, message: &str) -> CallError {
    CallError {
        code: code as i32,
        reason: cut(reason).to_owned(),
        message: cut(message).to_owned(),
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn the_table_of_the_contract() {
        let refused = [3, 5, 6, 7, 9, 11, 12, 16];
        for number in 0..=16 {
            let expected = match number {
                0 => CallOutcome::Done,
                _ if refused.contains(&number) => CallOutcome::Refused,
                _ => CallOutcome::InDoubt,
            };
            assert_eq!(
                outcome_of(Code::from_i32(number)),
                expected,
                "code {number}"
            );
        }
    }

    fn answer(code: Code) -> Classified {
        let mut details = ErrorDetails::with_error_info("SOLD_OUT", "shop", HashMap::new());
        details.set_retry_info(Some(Duration::from_secs(3)));
        classify(Exchange::Refused(Status::with_error_details(
            code,
            "none left",
            details,
        )))
    }

    #[test]
    fn the_reason_is_the_participants_own() {
        let classified = answer(Code::FailedPrecondition);
        let error = classified.error.unwrap();
        assert_eq!(
            (error.code, error.reason.as_str(), error.message.as_str()),
            (9, "SOLD_OUT", "none left")
        );
        assert!(classified.is_answer);
    }

    #[test]
    fn retry_info_counts_only_beside_doubt() {
        assert_eq!(
            answer(Code::Unavailable).retry_after,
            Some(Duration::from_secs(3))
        );
        assert_eq!(answer(Code::FailedPrecondition).retry_after, None);
    }

    #[test]
    fn no_answer_is_in_doubt_with_the_contracts_codes() {
        let timed_out = classify(Exchange::TimedOut);
        assert_eq!(timed_out.error.unwrap().code, 4);
        let broken = classify(Exchange::Broken("reset".to_owned()));
        assert_eq!(broken.error.unwrap().code, 14);
        assert!(!broken.never_sent && !broken.is_answer);
        let never_sent = classify(Exchange::NeverSent("refused".to_owned()));
        assert!(never_sent.never_sent && !never_sent.is_answer);
        let expired = classify(Exchange::Refused(Status::cancelled("Timeout expired")));
        assert_eq!(expired.error.unwrap().code, 4);
    }

    #[test]
    fn an_instance_that_cant_serve_is_told_from_one_that_works() {
        let heard = |exchange| heard(&exchange, Instant::now());
        let refused = |code| Exchange::Refused(Status::new(code, ""));
        assert_eq!(heard(refused(Code::Unavailable)), Heard::TurnedAway);
        for code in [Code::Internal, Code::FailedPrecondition, Code::Aborted] {
            assert_eq!(heard(refused(code)), Heard::Answer);
        }
        let mut still_working = ErrorDetails::new();
        still_working.set_retry_info(Some(Duration::from_secs(1)));
        let still_working = Status::with_error_details(Code::Unavailable, "", still_working);
        assert_eq!(heard(Exchange::Refused(still_working)), Heard::Answer);
        let broken = Exchange::Broken(String::new());
        assert_eq!(heard(broken), Heard::Failure);
    }

    #[test]
    fn a_reply_that_is_too_large_is_a_refusal() {
        let classified = classify(Exchange::TooLarge(70_000));
        assert_eq!(classified.outcome, CallOutcome::Refused);
        assert_eq!(classified.error.unwrap().reason, "RESPONSE_TOO_LARGE");
    }
}
