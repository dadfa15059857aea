//! The one table from errors to codes: what is a "no" stays one, and nothing else ever becomes one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::sync::Arc;

use tonic::Code;
use tonic_types::StatusExt;

use super::{ActionError, Refusal};
use crate::context::ContextError;
use crate::fence::FenceRefusal;

/// The codes that the coordinator reads as a refused try.
const REFUSING: [Code; 8] = [
    Code::FailedPrecondition,
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::OutOfRange,
    Code::PermissionDenied,
    Code::Unauthenticated,
    Code::Unimplemented,
];

fn check(error: ActionError, code: Code, reason: &str, domain: &str) {
    let is_retryable = error.is_retryable();
    let text = error.to_string();
    let status = error.into_status("shop.v1.Service");
    assert_eq!(status.code(), code, "{text}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        (reason, domain),
        "{text}"
    );
    assert_eq!(
        is_retryable,
        !REFUSING.contains(&code),
        "{text}: a refusal and only a refusal is final"
    );
}

#[test]
fn each_error_has_its_code_and_reason() {
    let business = "shop.v1.Service";
    check(
        Refusal::precondition("SOLD_OUT", "x").into(),
        Code::FailedPrecondition,
        "SOLD_OUT",
        business,
    );
    check(
        Refusal::invalid("BAD", "x").into(),
        Code::InvalidArgument,
        "BAD",
        business,
    );
    check(
        Refusal::not_found("NONE", "x").into(),
        Code::NotFound,
        "NONE",
        business,
    );
    check(
        Refusal::already_exists("TWICE", "x").into(),
        Code::AlreadyExists,
        "TWICE",
        business,
    );
    for refusal in [
        FenceRefusal::CancelledBeforeTry,
        FenceRefusal::NeverTried,
        FenceRefusal::AlreadyCancelled,
        FenceRefusal::AlreadyConfirmed,
        FenceRefusal::TooLate,
    ] {
        check(
            ActionError::Fenced(refusal),
            Code::FailedPrecondition,
            refusal.reason(),
            "tercet",
        );
    }
    check(
        ContextError::Missing("tercet-gid").into(),
        Code::InvalidArgument,
        "INVALID_CONTEXT",
        "tercet",
    );
    check(
        ActionError::NotOffered,
        Code::Unimplemented,
        "NOT_OFFERED",
        "tercet",
    );
    check(
        ActionError::Contended,
        Code::Unavailable,
        "BRANCH_BUSY",
        "tercet",
    );
    check(
        ActionError::Overloaded,
        Code::ResourceExhausted,
        "OVERLOADED",
        "tercet",
    );
    check(
        ActionError::Stopping,
        Code::Unavailable,
        "STOPPING",
        "tercet",
    );
    check(
        ActionError::Internal("x".to_owned()),
        Code::Internal,
        "INTERNAL",
        "tercet",
    );
    let other = ActionError::OtherAction {
        service: "a".to_owned(),
    };
    check(other, Code::FailedPrecondition, "BRANCH_CONFLICT", "tercet");
}

#[test]
fn whatever_a_database_says_is_in_doubt() {
    for (error, code) in [
        (sqlx::Error::PoolTimedOut, Code::Unavailable),
        (sqlx::Error::PoolClosed, Code::Unavailable),
        (sqlx::Error::WorkerCrashed, Code::Unavailable),
        (
            sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()),
            Code::Unavailable,
        ),
        (sqlx::Error::RowNotFound, Code::Internal),
        (sqlx::Error::Decode("secret".into()), Code::Internal),
    ] {
        check(error.into(), code, "DATABASE", "tercet");
    }
}

#[test]
fn a_commit_without_answer_and_a_shared_failure_are_in_doubt() {
    let lost = || Arc::new(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()));
    check(
        ActionError::CommitUnknown(lost()),
        Code::Unavailable,
        "NO_COMMIT_ANSWER",
        "tercet",
    );
    check(
        ActionError::Gathered(lost()),
        Code::Unavailable,
        "DATABASE",
        "tercet",
    );
    check(
        ActionError::RowBusy,
        Code::Unavailable,
        "ROW_BUSY",
        "tercet",
    );
    let secret = Arc::new(sqlx::Error::Decode("secret".into()));
    for error in [
        ActionError::CommitUnknown(Arc::clone(&secret)),
        ActionError::Gathered(secret),
    ] {
        let status = error.into_status("s");
        assert!(!status.message().contains("secret"), "{}", status.message());
    }
}

#[test]
fn who_only_has_to_wait_a_moment_is_told_so() {
    for (error, says_when) in [
        (ActionError::Overloaded, true),
        (ActionError::Contended, true),
        (ActionError::RowBusy, true),
        (ActionError::Stopping, false),
        (sqlx::Error::PoolClosed.into(), false),
        (Refusal::precondition("NO", "x").into(), false),
    ] {
        let text = error.to_string();
        let status = error.into_status("s");
        assert_eq!(
            status.get_details_retry_info().is_some(),
            says_when,
            "{text}"
        );
    }
}

#[test]
fn what_a_database_says_stays_in_the_log() {
    let status = ActionError::from(sqlx::Error::Decode("secret".into())).into_status("s");
    assert!(!status.message().contains("secret"), "{}", status.message());
}
