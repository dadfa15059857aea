//! What a call's metadata must hold, key by key, and what becomes of the rest.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{BranchContext, BranchKey, ContextError};
use crate::fence::Phase;

fn headers(entries: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in entries {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

const WHOLE: [(&str, &str); 5] = [
    ("tercet-gid", "order-1"),
    ("tercet-branch", "stock"),
    ("tercet-phase", "confirm"),
    ("tercet-attempt", "3"),
    ("tercet-try-deadline", "1700000000123"),
];

#[test]
fn a_whole_context_is_read_once() {
    let context = BranchContext::from_headers(&headers(&WHOLE)).unwrap();
    assert_eq!((context.gid(), context.branch()), ("order-1", "stock"));
    assert_eq!((context.phase, context.attempt.get()), (Phase::Confirm, 3));
    assert_eq!(context.try_deadline_micros, 1_700_000_000_123_000);
    assert_eq!(context.traceparent, None);
}

#[test]
fn each_missing_key_is_named() {
    for missing in 0..WHOLE.len() {
        let mut entries = WHOLE.to_vec();
        let (key, _) = entries.remove(missing);
        let error = BranchContext::from_headers(&headers(&entries)).unwrap_err();
        assert_eq!(error.to_string(), format!("metadata key {key} is missing"));
    }
}

#[test]
fn each_malformed_key_is_named() {
    let (long_gid, long_branch) = ("g".repeat(129), "b".repeat(65));
    for (key, value) in [
        ("tercet-gid", ""),
        ("tercet-gid", "a b"),
        ("tercet-gid", "é"),
        ("tercet-gid", long_gid.as_str()),
        ("tercet-branch", ""),
        ("tercet-branch", long_branch.as_str()),
        ("tercet-phase", "Try"),
        ("tercet-phase", "commit"),
        ("tercet-attempt", "0"),
        ("tercet-attempt", "-1"),
        ("tercet-attempt", "4294967296"),
        ("tercet-attempt", "one"),
        ("tercet-try-deadline", "soon"),
        ("tercet-try-deadline", "-1"),
        ("tercet-try-deadline", "9223372036854775807"),
    ] {
        let mut entries = WHOLE.to_vec();
        entries.retain(|(name, _)| *name != key);
        entries.push((key, value));
        let error = BranchContext::from_headers(&headers(&entries)).unwrap_err();
        assert!(
            matches!(error, ContextError::Malformed { .. }),
            "{key}: {value:?}"
        );
        let status = Status::from(error);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(key), "{}", status.message());
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().domain, "tercet");
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            key
        );
    }
}

#[test]
fn the_longest_ids_are_taken() {
    assert!(BranchKey::new(&"g".repeat(128), &"b".repeat(64)).is_ok());
}

#[test]
fn only_the_transactions_own_headers_are_passed_on() {
    let mut entries = WHOLE.to_vec();
    entries.extend([
        ("tenant", "eu"),
        ("x.y_z-1", "1"),
        ("content-type", "application/grpc"),
        ("user-agent", "x"),
        ("te", "trailers"),
        ("grpc-timeout", "1S"),
        ("tercet-secret", "x"),
        ("authorization", "Bearer x"),
        ("blob-bin", "AA=="),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("tracestate", "a=b"),
    ]);
    let context = BranchContext::from_headers(&headers(&entries)).unwrap();
    let names: Vec<_> = context.headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["tenant", "x.y_z-1"]);
    assert!(context.traceparent.unwrap().starts_with("00-4bf9"));
}

#[test]
fn what_is_written_is_read_again() {
    let key = BranchKey::new("order-1", "stock").unwrap();
    let written = BranchContext::new(key, Phase::Cancel, 1_700_000_000_123_000);
    let mut metadata = MetadataMap::new();
    written.write_to(&mut metadata);
    let read = BranchContext::from_headers(&metadata.into_headers()).unwrap();
    assert_eq!(
        (read.key, read.phase, read.attempt),
        (written.key, written.phase, written.attempt)
    );
    assert_eq!(read.try_deadline_micros, written.try_deadline_micros);
}
