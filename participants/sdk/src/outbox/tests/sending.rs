//! What is sent, when, by whom, and what of it is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use tercet_client::Client;
use tercet_client::fake::{Fake, Fault as Failing, status};
use tonic::Code;

use super::model::Step;
use super::{Message, Outbox, OutboxOptions, Post, message, quick};
use crate::outbox::{
    Courier, CourierError, GrpcCourier, MessageError, MessageState, OutboxCounts, SEGMENTS,
    Standing, segment_of,
};

#[tokio::test]
async fn what_commits_is_sent_and_what_rolls_back_is_not() {
    let post = given!(Post::new());
    let mut transaction = post.database().begin().await.unwrap();
    post.outbox
        .write(&mut transaction, &message("undone"))
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    post.write("done").await;
    let _running = post.run();

    let sent = post.until("done", MessageState::Sent).await;

    assert!(
        sent.payload.is_empty(),
        "what it said is the coordinator's now"
    );
    assert_eq!(post.model.delivered("done"), 1);
    assert_eq!(
        post.model.known("done").unwrap().branch.unwrap(),
        message("done").payload()
    );
    assert_eq!(post.state("undone").await, None);
    assert!(post.model.known("undone").is_none());
    let counts = OutboxCounts {
        written: 2,
        sent: 1,
        ..OutboxCounts::default()
    };
    post.until_counted(|now| now == counts).await;
}

#[tokio::test]
async fn what_is_written_while_the_workers_run_is_sent_without_waiting_for_a_sweep() {
    let options = OutboxOptions {
        idle: std::time::Duration::from_hours(1),
        ..quick()
    };
    let post = given!(Post::with(options));
    let _running = post.run();
    for number in 0..5 {
        let gid = format!("m{number}");
        post.write(&gid).await;
        post.until(&gid, MessageState::Sent).await;
    }
}

#[tokio::test]
async fn the_same_message_is_written_once() {
    let post = given!(Post::new());
    post.write("m").await;
    let mut transaction = post.database().begin().await.unwrap();
    let again = post.outbox.write(&mut transaction, &message("m")).await;
    assert!(!again.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(post.outbox.backlog().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn names_that_the_coordinator_would_refuse_are_refused_here() {
    assert!(matches!(
        Message::new("a b", "stock", "notify"),
        Err(MessageError::Invalid(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_send_everything_once() {
    let options = OutboxOptions {
        page: 7,
        workers: 3,
        // Nobody dies here, so nothing is to be taken over from a slow one.
        lease: std::time::Duration::from_mins(5),
        ..quick()
    };
    let post = given!(Post::with(options.clone()));
    let other = Outbox::new(post.place.open().await, options);
    let gids: Vec<String> = (0..120).map(|number| format!("m{number}")).collect();
    for gid in &gids {
        post.write(gid).await;
    }
    assert_eq!(post.outbox.backlog().await.unwrap().waiting, 120);

    let _running = (post.run(), post.run_other(other.clone()));

    for gid in &gids {
        post.until(gid, MessageState::Sent).await;
        assert_eq!(post.model.delivered(gid), 1, "{gid}");
        assert_eq!(post.model.calls(Step::Begin, gid), 1, "{gid}");
    }
    post.until_counted(|now| now.sent + other.counts().sent == 120)
        .await;
    let backlog = post.outbox.backlog().await.unwrap();
    assert_eq!((backlog.waiting, backlog.oldest), (0, None));
}

#[tokio::test]
async fn the_workers_segments_are_disjoint_and_leave_none_out() {
    let post = given!(Post::new());
    for workers in [1, 2, 3, 64] {
        let options = OutboxOptions { workers, ..quick() };
        let outbox = Outbox::new(post.place.open().await, options);
        let courier = Arc::new(post.model.courier());
        let mut seen = BTreeSet::new();
        for number in 0..workers {
            let worker =
                crate::outbox::worker::Worker::new(outbox.clone(), Arc::clone(&courier), number);
            for segment in worker.segments() {
                assert!(seen.insert(*segment), "{segment} twice");
            }
        }
        assert_eq!(seen.len(), usize::from(SEGMENTS));
    }
    assert!(segment_of("anything") < SEGMENTS);
}

#[tokio::test]
async fn the_oldest_go_first() {
    let options = OutboxOptions {
        page: 3,
        concurrency: 1,
        workers: 1,
        ..quick()
    };
    let post = given!(Post::with(options));
    for number in 0..9 {
        post.write(&format!("m{number}")).await;
    }
    let mut worker =
        crate::outbox::worker::Worker::new(post.outbox.clone(), Arc::new(post.model.courier()), 0);
    for page in 0..3 {
        assert_eq!(worker.sweep(crate::now_micros()).await.unwrap(), 3);
        for number in 0..9 {
            let is_sent = post.state(&format!("m{number}")).await == Some(MessageState::Sent);
            assert_eq!(is_sent, number < 3 * (page + 1), "page {page}, m{number}");
        }
    }
    assert_eq!(worker.sweep(crate::now_micros()).await.unwrap(), 0);
}

#[tokio::test]
async fn over_the_wire_it_is_begin_register_confirm() {
    let post = given!(Post::new());
    let fake = Fake::start().await;
    let client = Client::lazy([fake.endpoint()]).unwrap();
    post.write("m").await;
    let running = tokio::spawn(post.outbox.clone().run(client.clone()));
    post.until("m", MessageState::Sent).await;
    running.abort();
    let rpcs: Vec<&str> = fake.seen().iter().map(|seen| seen.rpc).collect();
    assert_eq!(
        rpcs,
        ["BeginTransaction", "RegisterBranch", "ConfirmTransaction"]
    );

    let courier = GrpcCourier::new(&client, post.outbox.options());
    assert_eq!(courier.find("m").await.unwrap(), Some(Standing::Confirmed));
    assert_eq!(courier.find("nobody's").await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_no_repetition_changes_is_told_from_the_others() {
    let post = given!(Post::new());
    let fake = Fake::start().await;
    let client = Client::lazy([fake.endpoint()]).unwrap();
    let courier = GrpcCourier::new(&client, post.outbox.options());
    post.write("m").await;
    let row = post.row("m").await.unwrap();
    for (code, reason, is_final) in [
        (Code::AlreadyExists, "GID_CONFLICT", true),
        (Code::FailedPrecondition, "ALREADY_DECIDED", true),
        (Code::NotFound, "UNKNOWN_PARTICIPANT", false),
        (Code::PermissionDenied, "NOT_ALLOWED", false),
    ] {
        fake.fail_next([Failing::Before(status(code, reason, "x", None))]);
        let error = courier.begin(&row).await.unwrap_err();
        assert_eq!(
            matches!(error, CourierError::Never(_)),
            is_final,
            "{reason}: {error:?}"
        );
    }
}
