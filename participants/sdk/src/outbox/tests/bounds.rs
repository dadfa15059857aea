//! Where sending ends by itself, and what a person can do then.

use std::time::Duration;

use super::model::{Fault, Step};
use super::{MessageState, OutboxOptions, Post, quick};
use crate::clock::micros;
use crate::now_micros;
use crate::outbox::{Courier, HandsError, Outbox, OutboxDb, Standing};

#[tokio::test]
async fn after_the_last_attempt_a_person_looks_and_lets_it_go_on() {
    let options = OutboxOptions {
        attempts_max: 3,
        ..quick()
    };
    let post = given!(Post::with(options));
    post.model.fail(Step::Begin, [Fault::Before; 3]);
    post.write("m").await;
    let _running = post.run();

    let row = post.until("m", MessageState::Attention).await;

    assert_eq!(row.attempts, 3);
    assert_eq!(row.last_error, "after 3 attempts: made to fail");
    assert!(!row.payload.is_empty(), "it can still be sent");
    post.until_counted(|now| now.attention == 1).await;
    assert_eq!(post.outbox.attention(None, 10).await.unwrap(), [row]);

    post.outbox.retry("m").await.unwrap();
    post.until("m", MessageState::Sent).await;
    assert_eq!(post.model.delivered("m"), 1);
    assert!(matches!(
        post.outbox.retry("m").await,
        Err(HandsError::NotWaiting(_))
    ));
}

#[tokio::test]
async fn one_that_is_older_than_the_coordinators_memory_is_not_sent_by_itself() {
    let options = OutboxOptions {
        age_max: Duration::ZERO,
        ..quick()
    };
    let post = given!(Post::with(options));
    post.write("m").await;
    let _running = post.run();

    let row = post.until("m", MessageState::Attention).await;

    assert!(row.last_error.contains("new gid"), "{}", row.last_error);
    assert_eq!(post.model.calls(Step::Begin, "m"), 0);
    assert!(matches!(
        post.outbox.retry("m").await,
        Err(HandsError::TooOld(_))
    ));
}

#[tokio::test]
async fn a_person_sends_it_again_under_a_new_gid() {
    let options = OutboxOptions {
        attempts_max: 1,
        ..quick()
    };
    let post = given!(Post::with(options));
    post.model.fail(Step::Begin, [Fault::Before]);
    post.write("old").await;
    let _running = post.run();
    post.until("old", MessageState::Attention).await;
    let courier = post.model.courier();
    let outbox = &post.outbox;
    assert!(outbox.resend(&courier, "old", "not a gid").await.is_err());
    assert!(matches!(
        outbox.resend(&courier, "old", "old").await,
        Err(HandsError::Taken(_))
    ));

    outbox.resend(&courier, "old", "new").await.unwrap();

    post.until("new", MessageState::Sent).await;
    assert_eq!(
        (post.model.delivered("old"), post.model.delivered("new")),
        (0, 1)
    );
    let old = post.row("old").await.unwrap();
    assert_eq!(
        (old.state, old.last_error.as_str()),
        (MessageState::Sent, "sent again as new")
    );
    assert!(matches!(
        outbox.resend(&courier, "old", "newer").await,
        Err(HandsError::NotWaiting(_))
    ));
}

#[tokio::test]
async fn what_the_coordinator_delivers_under_its_gid_isnt_sent_under_another() {
    let options = OutboxOptions {
        attempts_max: 1,
        ..quick()
    };
    let post = given!(Post::with(options));
    let courier = post.model.courier();
    for (gid, decide) in [("open", None), ("done", Some(Standing::Confirmed))] {
        post.model.fail(Step::Confirm, [Fault::Before]);
        post.write(gid).await;
        let running = post.run();
        post.until(gid, MessageState::Attention).await;
        running.kill().await;
        if let Some(decision) = decide {
            post.model.decide(gid, decision);
        }

        let refused = post.outbox.resend(&courier, gid, "other").await;

        assert!(matches!(refused, Err(HandsError::Known { .. })), "{gid}");
        assert_eq!(post.state("other").await, None);
    }
    assert_eq!(post.state("open").await, Some(MessageState::Attention));
    assert_eq!(post.state("done").await, Some(MessageState::Sent));
}

#[tokio::test]
async fn a_cancelled_one_needs_a_new_gid_at_once() {
    let post = given!(Post::new());
    for (gid, decision) in [
        ("cancelled", Standing::Cancelled),
        ("empty", Standing::Confirmed),
    ] {
        post.write(gid).await;
        let row = post.row(gid).await.unwrap();
        post.model.courier().begin(&row).await.unwrap();
        post.model.decide(gid, decision);
        let _running = post.run();

        let row = post.until(gid, MessageState::Attention).await;

        assert!(row.last_error.contains("new gid"), "{}", row.last_error);
        let new = format!("{gid}-2");
        let courier = post.model.courier();
        assert!(courier.find(gid).await.unwrap().is_some());
        post.outbox.resend(&courier, gid, &new).await.unwrap();
        post.until(&new, MessageState::Sent).await;
        assert_eq!(post.model.delivered(gid), 0);
    }
}

#[tokio::test]
async fn a_purged_gid_is_never_sent_again() {
    let post = given!(Post::new());
    // Delivered, but its sender never learns, until the coordinator has forgotten it.
    post.model.fail(Step::Confirm, [Fault::HangAfter]);
    post.write("m").await;
    let first = post.run();
    post.model.until_somebody_hangs().await;
    first.kill().await;
    assert_eq!(post.model.delivered("m"), 1);
    post.model.forget("m");

    let options = OutboxOptions {
        age_max: Duration::ZERO,
        ..quick()
    };
    let _much_later = post.run_other(Outbox::new(post.place.open().await, options));

    post.until("m", MessageState::Attention).await;
    assert!(post.model.known("m").is_none(), "not begun anew");
}

#[tokio::test]
async fn what_is_sent_or_aborted_is_cleaned_and_what_waits_never() {
    let post = given!(Post::new());
    post.write("sent").await;
    let running = post.run();
    post.until("sent", MessageState::Sent).await;
    running.kill().await;
    post.write("waiting").await;
    let mut writer = post.database().writer().acquire().await.unwrap();
    super::super::Db::insert_aborted(&mut *writer, "aborted", 0, now_micros())
        .await
        .unwrap();
    let later = now_micros() + micros(Duration::from_hours(1));

    let cleaned = super::super::Db::clean_messages(&mut *writer, now_micros() - 1_000_000_000, 10);
    assert_eq!(cleaned.await.unwrap(), 0);
    let cleaned = super::super::Db::clean_messages(&mut *writer, later, 10);
    assert_eq!(cleaned.await.unwrap(), 2);
    drop(writer);

    assert_eq!(post.state("waiting").await, Some(MessageState::Waiting));
    assert_eq!(post.state("sent").await, None);
    assert_eq!(post.state("aborted").await, None);
}
