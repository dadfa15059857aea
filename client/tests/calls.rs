//! The client against a coordinator that answers over real gRPC, and fails in chosen ways.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_client::{
    Branch, CallContext, Cause, Client, Error, Outcome, RetryPolicy,
    fake::{self, Fake, Fault},
    proto::{BranchState, Transaction, TransactionState, Verdict},
};
use tokio::net::TcpListener;
use tonic::{Code, Status};

/// Pauses that don't slow the tests down.
fn quick() -> RetryPolicy {
    RetryPolicy {
        backoff_initial: Duration::from_micros(100),
        backoff_max: Duration::from_millis(1),
        ..RetryPolicy::default()
    }
}

async fn client(fake: &Fake) -> Client {
    let client = Client::connect([fake.endpoint()]).await.unwrap();
    client.with_policy(quick())
}

fn order(client: &Client, gid: &str) -> tercet_client::Execute {
    client
        .execute(gid)
        .branch(Branch::new("1", "order", "create"))
        .branch(Branch::new("2", "stock", "reserve"))
}

fn draining() -> Fault {
    Fault::Before(fake::status(Code::Unavailable, "DRAINING", "", None))
}

fn broken() -> Status {
    Status::unknown("h2 protocol error: connection reset")
}

#[tokio::test]
async fn a_confirmed_and_a_refused_transaction_are_outcomes() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let yes = order(&client, "yes").send().await.unwrap();
    assert!(matches!(&yes, Outcome::Confirmed(transaction) if transaction.gid == "yes"));
    assert!(yes.is_confirm() && yes.is_ended() && yes.cause().is_none());
    assert!(matches!(yes.reply::<()>("1"), Some(Ok(()))));
    assert!(yes.reply::<()>("9").is_none());

    let no = order(&client, "no")
        .branch(Branch::new("3", "points", fake::REFUSE))
        .send()
        .await
        .unwrap();
    let Some(Cause::Refused { branch, error }) = no.cause() else {
        panic!("{no:?}");
    };
    assert_eq!((branch.as_str(), error.reason.as_str()), ("3", "REFUSED"));
    assert_eq!(
        no.cause().unwrap().to_string(),
        "branch 3 was refused: REFUSED: the fake refuses this action"
    );
}

#[tokio::test]
async fn an_answer_that_gets_lost_is_asked_for_again_and_is_one_transaction() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    fake.fail_next([Fault::After(broken()), Fault::After(broken())]);
    let outcome = order(&client, "once").send().await.unwrap();
    assert!(outcome.is_confirm());
    assert_eq!(fake.seen().len(), 3);
    assert_eq!(fake.transactions(), 1);
}

#[tokio::test]
async fn repeating_stops_at_the_bound() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    fake.fail_next(vec![draining(); 100]);
    let error = order(&client, "never").send().await.unwrap_err();
    assert_eq!(error.reason().as_deref(), Some("DRAINING"));
    assert!(error.is_retryable());
    assert_eq!(fake.seen().len(), 6);

    fake.fail_next(vec![Fault::Before(broken()); 100]);
    let once = client.with_policy(RetryPolicy::never());
    let seen = fake.seen().len();
    order(&once, "never").send().await.unwrap_err();
    assert_eq!(fake.seen().len(), seen + 1);
}

#[tokio::test]
async fn a_rejection_is_handed_over_at_once() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let conflict = fake::status(Code::AlreadyExists, "GID_CONFLICT", "other content", None);
    fake.fail_next([Fault::Before(conflict)]);
    let error = order(&client, "taken").send().await.unwrap_err();
    assert_eq!(error.to_string(), "GID_CONFLICT: other content");
    assert_eq!(error.code(), Some(Code::AlreadyExists));
    assert!(!error.is_retryable());
    assert_eq!(fake.seen().len(), 1);

    let error = client.get("nobody").await.unwrap_err();
    assert!(error.is_not_found());
}

#[tokio::test]
async fn a_delay_that_the_coordinator_asks_for_is_kept_within_the_bound() {
    let fake = Fake::start().await;
    let policy = RetryPolicy {
        backoff_initial: Duration::ZERO,
        backoff_max: Duration::from_millis(40),
        ..RetryPolicy::default()
    };
    let client = client(&fake).await.with_policy(policy);
    let hour = Some(Duration::from_hours(1));
    let overloaded = fake::status(Code::ResourceExhausted, "OVERLOADED", "", hour);
    fake.fail_next([Fault::Before(overloaded)]);
    let before = tokio::time::Instant::now();
    assert!(order(&client, "later").send().await.unwrap().is_confirm());
    // The policy's own pause would be none at all, and the coordinator's an hour.
    assert!(before.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn the_callers_deadline_ends_the_wait_and_travels_on() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    fake.fail_next([Fault::Silence]);
    let context = CallContext::new().timeout(Duration::from_millis(30));
    let error = order(&client.within(context), "late").send().await;
    assert!(matches!(error, Err(Error::Deadline)), "{error:?}");
    let seen = fake.seen();
    assert!(seen[0].metadata.contains_key("grpc-timeout"));
    assert!(Error::Deadline.is_retryable());
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_waited_for() {
    let fake = Fake::start().await;
    let policy = RetryPolicy {
        backoff_max: Duration::from_hours(1),
        ..RetryPolicy::default()
    };
    let client = client(&fake).await.with_policy(policy);
    let hour = Some(Duration::from_hours(1));
    fake.fail_next([Fault::Before(fake::status(
        Code::ResourceExhausted,
        "OVERLOADED",
        "",
        hour,
    ))]);
    let context = CallContext::new().timeout(Duration::from_mins(10));
    let error = order(&client.within(context), "late").send().await;
    assert!(matches!(error, Err(Error::Deadline)), "{error:?}");
}

#[tokio::test]
async fn the_trace_travels_on() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fake = Fake::start().await;
    let context = CallContext::new().traceparent(TRACE);
    let client = client(&fake).await.within(context);
    order(&client, "traced").send().await.unwrap();
    let metadata = &fake.seen()[0].metadata;
    assert_eq!(metadata.get("traceparent").unwrap(), TRACE);
}

#[tokio::test]
async fn endpoints_are_tried_in_turn() {
    let fake = Fake::start().await;
    // One that nobody listens on, and one that accepts and hangs up.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = closed.local_addr().unwrap().to_string();
    drop(closed);
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude_address = rude.local_addr().unwrap().to_string();
    tokio::spawn(async move { while rude.accept().await.is_ok() {} });

    let client = Client::lazy([dead.clone(), rude_address, fake.endpoint()]).unwrap();
    let client = client.with_policy(quick());
    assert!(order(&client, "a").send().await.unwrap().is_confirm());
    // The good one stays current: the next call goes straight there.
    assert!(order(&client, "b").send().await.unwrap().is_confirm());
    assert_eq!(fake.seen().len(), 2);

    let error = Client::connect([dead]).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn several_endpoints_are_as_patient_as_one() {
    let fake = Fake::start().await;
    // Each of three that are about to be replaced says so as often as one may: five times each, and one answers.
    let client = Client::lazy([fake.endpoint(), fake.endpoint(), fake.endpoint()]).unwrap();
    fake.fail_next(vec![draining(); 15]);
    assert!(order(&client, "a").send().await.unwrap().is_confirm());
    assert_eq!(fake.seen().len(), 16);
    fake.fail_next(vec![draining(); 100]);
    order(&client, "b").send().await.unwrap_err();
    assert_eq!(fake.seen().len(), 16 + 18);
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_left_by_the_next_call() {
    let fake = Fake::start().await;
    // Frozen: the kernel accepts, and nobody ever reads.
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = frozen.local_addr().unwrap().to_string();
    let client = Client::lazy([address, fake.endpoint()]).unwrap();
    let hurried = || client.within(CallContext::new().timeout(Duration::from_millis(300)));
    let error = order(&hurried(), "a").send().await.unwrap_err();
    assert!(matches!(error, Error::Deadline), "{error}");
    let patient = client.within(CallContext::new().timeout(Duration::from_secs(30)));
    assert!(order(&patient, "a").send().await.unwrap().is_confirm());
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_that_can_not_be_expressed() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let error = client
        .execute("bad")
        .branch(Branch::new("1", "a", "b").json(serde_json::json!([1])))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "branch 1: a JSON payload is an object");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_repeated_begin_without_a_gid_is_one_transaction() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    fake.fail_next([Fault::After(broken())]);
    let transaction = client.begin("").send().await.unwrap();
    assert_eq!(fake.transactions(), 1);
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|call| call.gid == transaction.gid()));
    assert_eq!(transaction.gid().len(), 36, "a UUID");
}

#[tokio::test]
async fn step_by_step_runs_to_its_decision() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let transaction = client.begin("steps").send().await.unwrap();
    assert!(matches!(transaction.begun(), Some(Outcome::Undecided(_))));
    let tried = transaction
        .try_branch(Branch::new("1", "stock", "reserve"))
        .await
        .unwrap();
    assert_eq!(tried.state(), BranchState::Tried);
    let registered = transaction
        .register_branch(Branch::new("2", "points", "spend"))
        .await
        .unwrap();
    assert_eq!(registered.state(), BranchState::Registered);
    let asked = client.resolve_branch("steps", "1").await.unwrap();
    assert_eq!(asked, Verdict::Pending);
    transaction.renew(Duration::from_mins(1)).await.unwrap();
    assert!(transaction.confirm().await.unwrap().is_confirm());
    assert!(transaction.get().await.unwrap().is_ended());
    let asked = client.resolve_branch("steps", "1").await.unwrap();
    assert_eq!(asked, Verdict::Confirm);
}

#[tokio::test]
async fn a_cancel_tells_whether_the_gid_was_unknown() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let cancelled = client
        .open("ghost")
        .cancel("changed my mind")
        .await
        .unwrap();
    assert!(cancelled.was_unknown);
    assert_eq!(
        cancelled.outcome.cause(),
        Some(&Cause::Requested {
            note: "changed my mind".to_owned()
        })
    );
}

#[tokio::test]
async fn a_watch_outlives_its_streams_and_shows_each_state_once() {
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let state = |state: TransactionState| Transaction {
        gid: "w".to_owned(),
        state: state.into(),
        ..Transaction::default()
    };
    let mut watch = client.watch("w");
    let mut shown = Vec::new();
    for next in [
        TransactionState::Trying,
        TransactionState::Confirming,
        TransactionState::Confirmed,
    ] {
        fake.put(state(next));
        // The fake ends every stream after one look, and this one before it.
        fake.fail_next([draining()]);
        let outcome = watch.next().await.unwrap().expect("not over yet");
        shown.push(outcome.transaction().state());
    }
    assert_eq!(
        shown,
        [
            TransactionState::Trying,
            TransactionState::Confirming,
            TransactionState::Confirmed
        ]
    );
    assert!(watch.next().await.unwrap().is_none());

    let error = client.watch("nobody").next().await.unwrap_err();
    assert!(error.is_not_found());
}

#[tokio::test]
async fn an_rpc_that_is_not_there_is_an_answer() {
    // The fake has no AdminService.
    let fake = Fake::start().await;
    let client = client(&fake).await;
    let error = client
        .admin()
        .retry_transaction("a", "now")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Rejected(_)));
    assert_eq!(error.code(), Some(Code::Unimplemented));
    assert!(!error.is_retryable());
}
