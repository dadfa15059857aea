//! `ExecuteTransaction`: what participants see, and what their answers come to.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::support::{Behaviour, World, branch, execute, options};

#[tokio::test]
async fn every_try_done_confirms() {
    let world = World::start().await;
    world
        .a
        .on(|seen| Behaviour::Reply(Bytes::from(format!("reply to {}", seen.method))));

    let transaction = world.execute(execute("g", &["a", "b", "c"])).await.unwrap();

    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    assert_eq!(transaction.coordinator, "");
    for status in &transaction.branches {
        assert_eq!(status.state(), pb::BranchState::Confirmed);
        assert_eq!(status.attempts, 1);
    }
    assert_eq!(transaction.branches[0].try_response, "reply to Try");
    assert_eq!(transaction.attempts.len(), 6);
    assert!(transaction.attempts.iter().all(|attempt| attempt.code == 0));
    for fake in [&world.a, &world.b, &world.c] {
        assert_eq!(
            (
                fake.count("Try"),
                fake.count("Confirm"),
                fake.count("Cancel")
            ),
            (1, 1, 0)
        );
    }
    assert_eq!(world.get("g").await.unwrap(), transaction);
}

#[tokio::test]
async fn a_call_carries_the_metadata_of_the_contract() {
    let world = World::start().await;
    let mut request = execute("order-1", &["a"]);
    request.options = Some(pb::TransactionOptions {
        headers: [("x-tenant".to_owned(), "blue 7".to_owned())].into(),
        ..options(Duration::from_secs(5))
    });
    let mut request = tonic::Request::new(request);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request
        .metadata_mut()
        .insert("traceparent", trace.parse().unwrap());

    let transaction = world.execute(request).await.unwrap();

    let seen = world.a.seen();
    let deadline = transaction.try_deadline.unwrap();
    let deadline_ms = deadline.seconds * 1_000 + i64::from(deadline.nanos / 1_000_000);
    for (seen, phase) in seen.iter().zip(["try", "confirm"]) {
        assert_eq!(seen.gid(), "order-1");
        assert_eq!(seen.branch(), "a");
        assert_eq!(seen.header("tercet-phase"), phase);
        assert_eq!(seen.attempt(), 1);
        assert_eq!(seen.header("tercet-try-deadline"), deadline_ms.to_string());
        assert_eq!(seen.header("traceparent"), trace);
        assert_eq!(seen.header("x-tenant"), "blue 7");
        assert_eq!(seen.payload, "payload");
        assert!(seen.header("grpc-timeout").ends_with('u'));
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_refusal_cancels_and_says_why() {
    let world = World::start().await;
    world.b.on(|seen| {
        if seen.method != "Try" {
            return Behaviour::ok();
        }
        let details = ErrorDetails::with_error_info("SOLD_OUT", "shop", HashMap::new());
        let code = Code::FailedPrecondition;
        Behaviour::Refuse(Status::with_error_details(code, "none left", details))
    });

    let transaction = world.execute(execute("g", &["a", "b"])).await.unwrap();

    assert_eq!(transaction.state(), pb::TransactionState::Cancelled);
    let cause = transaction.cancel_cause.clone().unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Refused);
    assert_eq!(cause.branch_id, "b");
    let error = cause.error.unwrap();
    assert_eq!((error.code, error.reason.as_str()), (9, "SOLD_OUT"));
    assert_eq!(error.message, "none left");
    // The refused one is cancelled too: its refusal may have been a lie.
    assert_eq!((world.a.count("Cancel"), world.b.count("Cancel")), (1, 1));
    assert_eq!(world.b.count("Try"), 1);
}

#[tokio::test]
async fn doubt_is_tried_again_until_its_attempts_are_used_up() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::code(Code::Unavailable));

    let transaction = world.execute(execute("g", &["a"])).await.unwrap();

    let cause = transaction.cancel_cause.clone().unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::InDoubt);
    assert_eq!(world.a.count("Try"), 3);
    let attempts: Vec<_> = world
        .a
        .seen()
        .iter()
        .map(crate::support::Seen::attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 1]);
    assert_eq!(world.a.count("Cancel"), 1);
}

#[tokio::test]
async fn a_broken_connection_is_code_14() {
    let world = World::start().await;
    world.a.on_method("Try", Behaviour::Break);
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    let codes: Vec<_> = transaction
        .attempts
        .iter()
        .map(|attempt| attempt.code)
        .collect();
    assert_eq!(codes, [14, 14, 14, 0]);
}

#[tokio::test]
async fn a_time_out_is_code_4() {
    let world = World::start_with(|config| {
        for participant in config.participants.values_mut() {
            participant.timeout = tercet_service::ConfigDuration::from_millis(30);
        }
    })
    .await;
    world.a.on_method("Try", Behaviour::Hang);
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    // The cancels are answered at once, but on a busy machine that may take longer than the time-out, too.
    let (tries, cancels): (Vec<_>, Vec<_>) = transaction
        .attempts
        .iter()
        .map(|attempt| (attempt.phase(), attempt.code))
        .partition(|(phase, _)| *phase == pb::Phase::Try);
    assert_eq!(tries, [(pb::Phase::Try, 4); 3]);
    assert_eq!(cancels.last(), Some(&(pb::Phase::Cancel, 0)));
}

#[tokio::test]
async fn the_deadline_decides() {
    let world = World::start().await;
    world.b.on_method("Try", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.options = Some(options(Duration::from_secs(2)));

    let transaction = world.execute(request).await.unwrap();

    let cause = transaction.cancel_cause.clone().unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Deadline);
    assert_eq!(cause.branch_id, "b");
    assert_eq!(transaction.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn retry_info_uses_up_no_attempt() {
    let world = World::start().await;
    world.a.on(|seen| {
        if seen.method == "Try" && seen.attempt() <= 5 {
            let mut details = ErrorDetails::new();
            details.set_retry_info(Some(Duration::from_millis(10)));
            return Behaviour::Refuse(Status::with_error_details(
                Code::Unavailable,
                "still working",
                details,
            ));
        }
        Behaviour::ok()
    });
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    assert_eq!(world.a.count("Try"), 6);
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_a_refusal() {
    let world = World::start_with(|config| config.limits.try_response_bytes = 100).await;
    world.a.on(|_| Behaviour::Reply(Bytes::from(vec![7; 101])));
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    let error = transaction.cancel_cause.unwrap().error.unwrap();
    assert_eq!(error.reason, "RESPONSE_TOO_LARGE");
    // The reply to cancel was as large, and nobody minded.
    assert_eq!(transaction.state, pb::TransactionState::Cancelled as i32);
}

#[tokio::test]
async fn a_large_reply_to_confirm_is_thrown_away() {
    let world = World::start().await;
    world.a.on(|seen| match seen.method.as_str() {
        "Confirm" => Behaviour::Reply(Bytes::from(vec![7; 5 * 1024 * 1024])),
        _ => Behaviour::ok(),
    });
    let transaction = world.execute(execute("g", &["a"])).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    assert_eq!(world.a.count("Confirm"), 1);
}

#[tokio::test]
async fn replies_that_are_too_large_together_refuse_the_last() {
    let world = World::start_with(|config| config.limits.try_responses_bytes = 150).await;
    for fake in [&world.a, &world.b] {
        fake.on_method("Try", Behaviour::Reply(Bytes::from(vec![7; 100])));
    }
    let transaction = world.execute(execute("g", &["a", "b"])).await.unwrap();
    let error = transaction.cancel_cause.unwrap().error.unwrap();
    assert_eq!(error.reason, "RESPONSE_TOO_LARGE");
}

#[tokio::test]
async fn sequential_tries_run_in_order_and_cancels_in_reverse() {
    let world = World::start().await;
    world
        .c
        .on_method("Try", Behaviour::code(Code::FailedPrecondition));
    let mut request = execute("g", &["a", "b", "c"]);
    request.options = Some(pb::TransactionOptions {
        try_order: pb::TryOrder::Sequential as i32,
        ..pb::TransactionOptions::default()
    });

    let transaction = world.execute(request).await.unwrap();

    let order: Vec<_> = transaction
        .attempts
        .iter()
        .map(|attempt| (attempt.branch_id.as_str(), attempt.phase()))
        .collect();
    let (tried, cancelled) = (pb::Phase::Try, pb::Phase::Cancel);
    assert_eq!(
        order,
        [
            ("a", tried),
            ("b", tried),
            ("c", tried),
            ("c", cancelled),
            ("b", cancelled),
            ("a", cancelled),
        ]
    );
}

#[tokio::test]
async fn a_branch_whose_try_was_never_sent_is_not_cancelled() {
    let world = World::start().await;
    world
        .a
        .on_method("Try", Behaviour::code(Code::FailedPrecondition));
    let mut request = execute("g", &["a", "b"]);
    request.options = Some(pb::TransactionOptions {
        try_order: pb::TryOrder::Sequential as i32,
        ..pb::TransactionOptions::default()
    });
    let transaction = world.execute(request).await.unwrap();
    assert_eq!(transaction.branches[1].state(), pb::BranchState::Cancelled);
    assert!(world.b.seen().is_empty());
}

#[tokio::test]
async fn absent_verbs_count_as_done() {
    let world = World::start().await;
    let mut request = execute("g", &["a", "b"]);
    request.branches[0].action = "saga".to_owned();
    request.branches[1].action = "message".to_owned();
    let transaction = world.execute(request).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    assert_eq!((world.a.count("Try"), world.a.count("Confirm")), (1, 0));
    assert_eq!((world.b.count("Try"), world.b.count("Confirm")), (0, 1));
}

#[tokio::test]
async fn a_confirm_that_fails_is_repeated_until_it_is_done() {
    let world = World::start().await;
    world
        .a
        .on(|seen| match (seen.method.as_str(), seen.attempt()) {
            ("Confirm", 1..=4) => Behaviour::code(Code::Internal),
            _ => Behaviour::ok(),
        });
    let transaction = world.execute(execute("g", &["a", "b"])).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    assert_eq!(transaction.branches[0].attempts, 5);
    assert_eq!(world.b.count("Confirm"), 1);
}

#[tokio::test]
async fn a_refused_confirm_is_flagged_and_still_repeated() {
    let world = World::start().await;
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::NotFound));
    let mut request = execute("g", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    let decided = world.execute(request).await.unwrap();
    assert_eq!(decided.state(), pb::TransactionState::Confirming);
    let flagged = world
        .wait_until("g", "attention", |transaction| {
            transaction.attention.is_some()
        })
        .await;
    assert!(!flagged.attention.unwrap().parked);
    world.a.wait_for("Confirm", 3).await;
    world.a.on(|_| Behaviour::ok());
    let ended = world.ended("g").await;
    assert_eq!(ended.attention, None);
}

#[tokio::test]
async fn the_dead_participant_is_never_called() {
    let mut world = World::start().await;
    world.a.die().await;
    let transaction = world.execute(execute("g", &["a", "b"])).await;
    let cancelled = transaction.unwrap();
    // Its tries never left, and this process knows: nothing is to be cancelled there.
    assert_eq!(cancelled.state(), pb::TransactionState::Cancelled);
    let cause = cancelled.cancel_cause.unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::InDoubt);
    assert_eq!(cause.error.unwrap().code, 14);
    assert_eq!(world.b.count("Cancel"), 1);
}

#[tokio::test]
async fn many_at_once_all_end() {
    let world = World::start().await;
    let requests = (0..200).map(|number| {
        let mut request = execute(&format!("g-{number}"), &["a", "b", "c"]);
        request.branches.push(branch("second of a", "a"));
        request.branches[3].id = "a2".to_owned();
        world.execute(request)
    });
    for transaction in futures::future::join_all(requests).await {
        assert_eq!(
            transaction.unwrap().state(),
            pb::TransactionState::Confirmed
        );
    }
    assert_eq!(world.a.count("Confirm"), 400);
}
