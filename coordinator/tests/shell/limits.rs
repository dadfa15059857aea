//! Every limit, at its edge: what it allows is taken, one more is refused with its reason and field.

use std::time::Duration;

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{Behaviour, World, branch, execute, options, refusal};

fn with_options(gid: &str, options: pb::TransactionOptions) -> pb::ExecuteTransactionRequest {
    pb::ExecuteTransactionRequest {
        options: Some(options),
        ..execute(gid, &["a"])
    }
}

fn with_headers(gid: &str, headers: &[(&str, &str)]) -> pb::ExecuteTransactionRequest {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    with_options(
        gid,
        pb::TransactionOptions {
            headers: headers.collect(),
            ..pb::TransactionOptions::default()
        },
    )
}

fn with_labels(gid: &str, count: usize) -> pb::ExecuteTransactionRequest {
    let labels = (0..count).map(|number| (format!("k{number}"), "v".to_owned()));
    with_options(
        gid,
        pb::TransactionOptions {
            labels: labels.collect(),
            ..pb::TransactionOptions::default()
        },
    )
}

fn with_payload(gid: &str, bytes: usize) -> pb::ExecuteTransactionRequest {
    let mut request = execute(gid, &["a"]);
    request.branches[0].payload =
        Some(pb::branch::Payload::Message(Bytes::from(vec![b'x'; bytes])));
    request
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_and_names_its_field() {
    let world = World::start().await;
    let long = "v".repeat(1_025);
    let cases = [
        (with_labels("g", 33), "INVALID_OPTIONS"),
        (
            with_headers("g", &[("authorization", "x")]),
            "INVALID_OPTIONS",
        ),
        (
            with_headers("g", &[("Authorization", "x")]),
            "INVALID_OPTIONS",
        ),
        (with_headers("g", &[("tercet-gid", "x")]), "INVALID_OPTIONS"),
        (with_headers("g", &[("grpc-x", "x")]), "INVALID_OPTIONS"),
        (with_headers("g", &[("x-bin", "x")]), "INVALID_OPTIONS"),
        (
            with_headers("g", &[("traceparent", "x")]),
            "INVALID_OPTIONS",
        ),
        (with_headers("g", &[("UPPER", "x")]), "INVALID_OPTIONS"),
        (with_headers("g", &[("x", "ü")]), "INVALID_OPTIONS"),
        (with_headers("g", &[("x", &long)]), "INVALID_OPTIONS"),
        (
            with_options("g", options(Duration::from_millis(99))),
            "INVALID_OPTIONS",
        ),
        (
            with_options("g", options(Duration::from_secs(24 * 60 * 60 + 1))),
            "INVALID_OPTIONS",
        ),
        (with_payload("g", 1024 * 1024 + 1), "PAYLOAD_TOO_LARGE"),
    ];
    for (request, reason) in cases {
        let shown = format!("{:?}", request.options);
        let told = refusal(world.execute(request).await);
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::InvalidArgument, reason),
            "{shown}"
        );
        assert!(!told.field.is_empty(), "{shown}");
    }
    assert_eq!(
        refusal(world.get("g").await).reason,
        "UNKNOWN_TRANSACTION",
        "nothing has begun"
    );
}

#[tokio::test]
async fn what_is_just_within_bounds_is_taken_and_headers_are_sent_on() {
    let world = World::start().await;
    let value = "v".repeat(1_024);
    let cases = [
        with_labels("labels", 32),
        with_headers("headers", &[("x-tenant", "blue sky"), ("x-long", &value)]),
        with_options("short", options(Duration::from_millis(100))),
        with_options("long", options(Duration::from_hours(24))),
        with_payload("payload", 1024 * 1024),
    ];
    for request in cases {
        let gid = request.gid.clone();
        let taken = world.execute(request).await;
        assert!(taken.is_ok(), "{gid}: {taken:?}");
    }
    let with_header = world
        .a
        .seen()
        .into_iter()
        .filter(|seen| seen.gid() == "headers");
    let values: Vec<String> = with_header.map(|seen| seen.header("x-tenant")).collect();
    assert_eq!(values, ["blue sky", "blue sky"], "try and confirm");
}

#[tokio::test]
async fn all_headers_together_have_a_limit() {
    let world = World::start().await;
    let value = "v".repeat(1_000);
    let five = ["a", "b", "c", "d", "e"].map(|name| (name, value.as_str()));
    assert!(
        world
            .execute(with_headers("four", &five[..4]))
            .await
            .is_ok()
    );
    let told = refusal(world.execute(with_headers("five", &five)).await);
    assert_eq!(told.reason, "INVALID_OPTIONS");
}

#[tokio::test]
async fn all_payloads_of_a_step_by_step_transaction_together_have_a_limit() {
    let world = World::start().await;
    world.begin("g").await;
    for id in ["1", "2"] {
        let mut large = branch(id, "a");
        large.payload = Some(pb::branch::Payload::Message(Bytes::from(vec![
            0;
            1024 * 1024
        ])));
        world.register("g", large).await.unwrap();
    }
    let told = refusal(world.register("g", branch("3", "a")).await);
    assert_eq!(told.reason, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn one_undecided_transaction_more_than_allowed_is_overloaded_and_may_come_back() {
    let world = World::start_with(|config| config.limits.undecided = 1).await;
    world.begin("first").await;
    let told = refusal(world.execute(execute("second", &["a"])).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::ResourceExhausted, "OVERLOADED")
    );
    assert!(told.retry_after.is_some());
    let known = world
        .begin_with("first", pb::TransactionOptions::default())
        .await;
    assert!(known.is_ok(), "a known gid is answered before any limit");
    world.cancel("first").await.unwrap();
    assert!(world.execute(execute("second", &["a"])).await.is_ok());
}

#[tokio::test]
async fn what_waits_for_a_participant_only_refuses_new_work_for_that_one() {
    let world = World::start_with(|config| config.limits.waiting_per_participant = 1).await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut decided = execute("stuck", &["a"]);
    decided.wait_for = pb::WaitFor::Decision as i32;
    world.execute(decided).await.unwrap();
    world.a.wait_for("Confirm", 1).await;
    let told = refusal(world.execute(execute("same", &["a"])).await);
    assert_eq!(told.reason, "OVERLOADED");
    assert!(world.execute(execute("other", &["b"])).await.is_ok());
    world.a.release();
    world.ended("stuck").await;
    assert!(world.execute(execute("same", &["a"])).await.is_ok());
}

#[tokio::test]
async fn a_reason_that_is_too_long_is_cut_not_refused() {
    let world = World::start().await;
    world.begin("g").await;
    let request = pb::CancelTransactionRequest {
        gid: "g".to_owned(),
        reason: "ü".repeat(5_000),
        ..pb::CancelTransactionRequest::default()
    };
    let answer = world
        .client
        .clone()
        .cancel_transaction(request)
        .await
        .unwrap();
    let note = answer
        .into_inner()
        .transaction
        .unwrap()
        .cancel_cause
        .unwrap()
        .note;
    assert!(!note.is_empty() && note.len() < 5_000 && note.chars().all(|letter| letter == 'ü'));
}
