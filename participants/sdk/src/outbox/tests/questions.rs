//! What the coordinator is answered when it asks about a message in doubt.

use std::sync::Arc;

use tercet_proto::tercet::v1::initiator_service_server::InitiatorService;
use tercet_proto::tercet::v1::{CheckOutcome, CheckTransactionRequest};
use tonic::Request;

use super::model::{Fault, ModelCourier, Step};
use super::{MessageState, Post, message};
use crate::outbox::{Courier, InitiatorCheck, MessageError, Standing};

impl Post {
    fn check(&self) -> InitiatorCheck<super::super::Db, ModelCourier> {
        InitiatorCheck::new(self.outbox.clone(), Arc::new(self.model.courier()))
    }

    async fn ask(&self, gid: &str) -> CheckOutcome {
        let request = Request::new(CheckTransactionRequest {
            gid: gid.to_owned(),
        });
        let answer = self.check().check_transaction(request).await.unwrap();
        answer.into_inner().outcome()
    }

    /// What a deadline does: it asks, and decides by the answer.
    async fn deadline(&self, gid: &str) {
        match self.ask(gid).await {
            CheckOutcome::Committed => self.model.decide(gid, Standing::Confirmed),
            CheckOutcome::Aborted => self.model.decide(gid, Standing::Cancelled),
            CheckOutcome::Unknown | CheckOutcome::Unspecified => {}
        }
    }
}

#[tokio::test]
async fn one_that_was_never_written_is_aborted_and_stays_so() {
    let post = given!(Post::new());
    assert_eq!(post.ask("m").await, CheckOutcome::Aborted);
    assert_eq!(post.ask("m").await, CheckOutcome::Aborted);

    let mut late = post.database().begin().await.unwrap();
    let error = post
        .outbox
        .write(&mut late, &message("m"))
        .await
        .unwrap_err();

    assert!(
        matches!(&error, MessageError::Aborted { gid } if gid == "m"),
        "{error}"
    );
    assert!(!error.is_retryable());
    late.rollback().await.unwrap();
    assert_eq!(post.state("m").await, Some(MessageState::Aborted));
}

#[tokio::test]
async fn one_whose_local_transaction_is_running_is_unknown() {
    let post = given!(Post::new());
    let mut running = post.database().begin().await.unwrap();
    post.outbox
        .write(&mut running, &message("m"))
        .await
        .unwrap();
    // Asked by another process, which can't share the writer's connection.
    let other = crate::outbox::Outbox::new(post.place.open().await, super::quick());
    let check = InitiatorCheck::new(other, Arc::new(post.model.courier()));
    let ask = Request::new(CheckTransactionRequest {
        gid: "m".to_owned(),
    });

    let answer = check.check_transaction(ask).await.unwrap();

    assert_eq!(answer.into_inner().outcome(), CheckOutcome::Unknown);
    running.commit().await.unwrap();
    post.model
        .courier()
        .begin(&post.row("m").await.unwrap())
        .await
        .unwrap();
    assert_eq!(post.ask("m").await, CheckOutcome::Committed);
}

#[tokio::test]
async fn a_death_between_begin_and_register_is_made_good_by_the_question() {
    let post = given!(Post::new());
    post.model.fail(Step::Begin, [Fault::HangAfter]);
    post.write("m").await;
    let first = post.run();
    post.model.until_somebody_hangs().await;
    first.kill().await;
    assert!(post.model.known("m").unwrap().branch.is_none());

    post.deadline("m").await;

    assert_eq!(post.model.delivered("m"), 1, "never confirmed empty");
    let _second = post.run();
    post.until("m", MessageState::Sent).await;
    assert_eq!(post.model.delivered("m"), 1);
}

#[tokio::test]
async fn committed_is_only_said_when_the_branch_is_there() {
    let post = given!(Post::new());
    post.write("m").await;
    let row = post.row("m").await.unwrap();
    post.model.courier().begin(&row).await.unwrap();
    post.model.fail(Step::Register, [Fault::Before]);

    assert_eq!(post.ask("m").await, CheckOutcome::Unknown);
    assert_eq!(post.ask("m").await, CheckOutcome::Committed);
    assert!(post.model.known("m").unwrap().branch.is_some());
}

#[tokio::test]
async fn one_that_is_sent_is_committed() {
    let post = given!(Post::new());
    post.write("m").await;
    let _running = post.run();
    post.until("m", MessageState::Sent).await;
    let registers = post.model.calls(Step::Register, "m");
    assert_eq!(post.ask("m").await, CheckOutcome::Committed);
    assert_eq!(post.model.calls(Step::Register, "m"), registers);
}

#[tokio::test]
async fn a_gid_that_cant_be_one_is_refused() {
    let post = given!(Post::new());
    let check = post.check();
    for gid in ["", "a b", &"g".repeat(129)] {
        let ask = Request::new(CheckTransactionRequest {
            gid: gid.to_owned(),
        });
        let error = check.check_transaction(ask).await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_races_with_the_write_has_one_winner() {
    let post = Arc::new(given!(Post::new()));
    let _running = post.run();
    for round in 0..40 {
        let gid = format!("m{round}");
        let asking = {
            let (post, gid) = (Arc::clone(&post), gid.clone());
            tokio::spawn(async move { post.ask(&gid).await })
        };
        let mut transaction = post.database().begin().await.unwrap();
        let written = match post.outbox.write(&mut transaction, &message(&gid)).await {
            Ok(_) => transaction.commit().await.map_err(MessageError::from),
            Err(error) => Err(error),
        };
        let answer = asking.await.unwrap();
        match written {
            Ok(()) => {
                assert_ne!(answer, CheckOutcome::Aborted, "{gid} is there");
                post.until(&gid, MessageState::Sent).await;
            }
            Err(MessageError::Aborted { .. }) => assert_eq!(answer, CheckOutcome::Aborted),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}
