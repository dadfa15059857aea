//! Bad input: one status with its reason and its field each, and nothing begun.

use std::time::Duration;

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{World, branch, execute, options, refusal};

/// The request is refused with that reason and field, and nothing has begun.
async fn check(
    world: &World,
    change: impl FnOnce(&mut pb::ExecuteTransactionRequest),
    code: Code,
    reason: &str,
    field: &str,
) {
    let mut request = execute("g", &["a", "b"]);
    change(&mut request);
    let gid = request.gid.clone();
    let told = refusal(world.execute(request).await);
    assert_eq!(
        (told.code, told.reason.as_str(), told.field.as_str()),
        (code, reason, field)
    );
    if reason != "INVALID_GID" {
        assert_eq!(refusal(world.get(&gid).await).reason, "UNKNOWN_TRANSACTION");
    }
    assert!(world.a.seen().is_empty() && world.b.seen().is_empty());
}

async fn check_invalid(
    world: &World,
    reason: &str,
    field: &str,
    change: impl FnOnce(&mut pb::ExecuteTransactionRequest),
) {
    check(world, change, Code::InvalidArgument, reason, field).await;
}

#[tokio::test]
async fn gids_are_1_to_128_visible_characters() {
    let world = World::start().await;
    for gid in [
        String::new(),
        "g".repeat(129),
        "a b".to_owned(),
        "ä".to_owned(),
    ] {
        check_invalid(&world, "INVALID_GID", "gid", |request| request.gid = gid).await;
    }
    let longest = "g".repeat(128);
    let transaction = world.execute(execute(&longest, &["a"])).await.unwrap();
    assert_eq!(transaction.gid, longest);
}

#[tokio::test]
async fn branches_have_their_shape() {
    let world = World::start().await;
    let invalid = "INVALID_BRANCH";
    check_invalid(&world, invalid, "branches", |request| {
        request.branches.clear();
    })
    .await;
    check_invalid(&world, invalid, "branches[1].id", |request| {
        request.branches[1].id = "a".to_owned();
    })
    .await;
    check_invalid(&world, invalid, "branches[0].id", |request| {
        request.branches[0].id = "x".repeat(65);
    })
    .await;
    check_invalid(&world, invalid, "branches[1].participant", |request| {
        request.branches[1].participant = "a b".to_owned();
    })
    .await;
    check_invalid(&world, invalid, "branches[0].action", |request| {
        request.branches[0].action.clear();
    })
    .await;
    check_invalid(&world, "TOO_MANY_BRANCHES", "branches", |request| {
        request.branches = (0..65)
            .map(|number| branch(&format!("b{number}"), "a"))
            .collect();
    })
    .await;
}

#[tokio::test]
async fn payloads_keep_to_their_limits() {
    let world = World::start().await;
    let payload = |bytes: usize| Some(pb::branch::Payload::Message(Bytes::from(vec![0; bytes])));
    let mib = 1024 * 1024;
    check_invalid(
        &world,
        "PAYLOAD_TOO_LARGE",
        "branches[1].payload",
        |request| {
            request.branches[1].payload = payload(mib + 1);
        },
    )
    .await;
    check_invalid(&world, "PAYLOAD_TOO_LARGE", "branches", |request| {
        request.branches.push(branch("c", "c"));
        for branch in &mut request.branches {
            branch.payload = payload(mib * 2 / 3 + 1);
        }
    })
    .await;
    let mut request = execute("large", &["a"]);
    request.branches[0].payload = payload(mib);
    let transaction = world.execute(request).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn steps_keep_to_the_limits_together() {
    let world = World::start_with(|config| {
        config.limits.branches = 2;
        config.limits.transaction_payload_bytes = 20;
    })
    .await;
    world.begin("g").await;
    // 7 bytes each.
    world.register("g", branch("x", "a")).await.unwrap();
    let mut large = branch("y", "a");
    large.payload = Some(pb::branch::Payload::Message(Bytes::from_static(&[0; 14])));
    let told = refusal(world.register("g", large).await);
    assert_eq!(told.reason, "PAYLOAD_TOO_LARGE");
    world.register("g", branch("y", "a")).await.unwrap();
    let told = refusal(world.register("g", branch("z", "a")).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::InvalidArgument, "TOO_MANY_BRANCHES")
    );
    let request = pb::RegisterBranchRequest {
        gid: "g".to_owned(),
        branch: None,
    };
    let told = refusal(world.client.clone().register_branch(request).await);
    assert_eq!(
        (told.reason.as_str(), told.field.as_str()),
        ("INVALID_BRANCH", "branch")
    );
}

#[tokio::test]
async fn names_must_be_configured() {
    let world = World::start().await;
    let unknown = |request: &mut pb::ExecuteTransactionRequest| {
        request.branches[0].participant = "nobody".to_owned();
    };
    let field = "branches[0].participant";
    check(
        &world,
        unknown,
        Code::NotFound,
        "UNKNOWN_PARTICIPANT",
        field,
    )
    .await;
    let unknown = |request: &mut pb::ExecuteTransactionRequest| {
        request.branches[1].action = "nothing".to_owned();
    };
    check(
        &world,
        unknown,
        Code::NotFound,
        "UNKNOWN_ACTION",
        "branches[1].action",
    )
    .await;
}

async fn check_options(
    world: &World,
    field: &str,
    change: impl FnOnce(&mut pb::TransactionOptions),
) {
    let mut options = pb::TransactionOptions::default();
    change(&mut options);
    let field = format!("options.{field}");
    check_invalid(world, "INVALID_OPTIONS", &field, |request| {
        request.options = Some(options);
    })
    .await;
}

#[tokio::test]
async fn timeouts_and_orders_have_their_bounds() {
    let world = World::start().await;
    for timeout in [
        Duration::ZERO,
        Duration::from_millis(99),
        Duration::from_secs(24 * 3600 + 1),
    ] {
        check_options(&world, "try_timeout", |sent| *sent = options(timeout)).await;
    }
    check_options(&world, "try_timeout", |sent| {
        sent.try_timeout = Some(prost_types::Duration {
            seconds: -1,
            nanos: 0,
        });
    })
    .await;
    check_options(&world, "try_order", |sent| sent.try_order = 9).await;
    let mut request = execute("g", &["a"]);
    request.wait_for = 9;
    let told = refusal(world.execute(request).await);
    assert_eq!(
        (told.reason.as_str(), told.field.as_str()),
        ("INVALID_REQUEST", "wait_for")
    );
}

#[tokio::test]
async fn labels_have_their_bounds() {
    let world = World::start().await;
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    for labels in [
        vec![label("", "v")],
        vec![label(&"k".repeat(65), "v")],
        vec![label("k", &"v".repeat(257))],
        (0..33)
            .map(|number| label(&format!("k{number}"), "v"))
            .collect(),
    ] {
        check_options(&world, "labels", |sent| {
            sent.labels = labels.into_iter().collect();
        })
        .await;
    }
}

#[tokio::test]
async fn headers_have_their_bounds() {
    let world = World::start().await;
    let header = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut bad = vec![
        vec![header("x", "ä")],
        vec![header("x", "line\nbreak")],
        vec![header("x", &"v".repeat(1025))],
        (0..33)
            .map(|number| header(&format!("x{number}"), "v"))
            .collect(),
        (0..5)
            .map(|number| header(&format!("x{number}"), &"v".repeat(1000)))
            .collect(),
    ];
    for name in [
        "",
        "X-Upper",
        "x y",
        "x-bin",
        "authorization",
        "Authorization",
        "content-type",
        "te",
        "host",
        "connection",
        "user-agent",
        "traceparent",
        "tracestate",
        "tercet-gid",
        "grpc-timeout",
        ":path",
        "content-length",
        "transfer-encoding",
    ] {
        bad.push(vec![header(name, "v")]);
    }
    bad.push(vec![header(&"x".repeat(65), "v")]);
    for headers in bad {
        check_options(&world, "headers", |sent| {
            sent.headers = headers.into_iter().collect();
        })
        .await;
    }
}

#[tokio::test]
async fn initiators_are_for_steps_and_must_be_configured() {
    let world = World::start().await;
    let initiator = |participant: &str, service: &str| {
        Some(pb::Initiator {
            participant: participant.to_owned(),
            service: service.to_owned(),
        })
    };
    let known = initiator("a", "test.v1.CheckService");
    check_options(&world, "initiator", |sent| sent.initiator = known).await;
    let begin = |initiator: Option<pb::Initiator>| {
        let options = pb::TransactionOptions {
            initiator,
            ..pb::TransactionOptions::default()
        };
        world.begin_with("g", options)
    };
    let told = refusal(begin(initiator("nobody", "test.v1.CheckService")).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::NotFound, "UNKNOWN_PARTICIPANT")
    );
    let told = refusal(begin(initiator("a", "no service")).await);
    assert_eq!(told.reason, "INVALID_OPTIONS");
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
}

#[tokio::test]
async fn too_many_undecided_are_refused_for_now() {
    let world = World::start_with(|config| config.limits.undecided = 1).await;
    world.begin("first").await;
    for told in [
        refusal(world.execute(execute("g", &["a"])).await),
        refusal(
            world
                .begin_with("g", pb::TransactionOptions::default())
                .await,
        ),
        refusal(world.cancel("g").await),
    ] {
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::ResourceExhausted, "OVERLOADED")
        );
        assert!(told.retry_after.is_some());
    }
    // A repetition counts for nothing, and what is decided makes room.
    world.begin("first").await;
    world.confirm("first").await.unwrap();
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
}

#[tokio::test]
async fn too_much_waiting_for_one_participant_holds_up_only_what_names_it() {
    use crate::support::Behaviour;
    let world = World::start_with(|config| config.limits.waiting_per_participant = 1).await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("first", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();

    let told = refusal(world.execute(execute("g", &["a", "b"])).await);
    assert_eq!(told.reason, "OVERLOADED");
    world.begin("steps").await;
    assert_eq!(
        refusal(world.try_branch("steps", branch("x", "a")).await).reason,
        "OVERLOADED"
    );
    assert_eq!(
        refusal(world.register("steps", branch("x", "a")).await).reason,
        "OVERLOADED"
    );
    world.execute(execute("other", &["b"])).await.unwrap();

    world.a.release();
    world.ended("first").await;
    world.execute(execute("g", &["a", "b"])).await.unwrap();
}

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
