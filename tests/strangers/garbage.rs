//! A participant's port that answers with anything but gRPC. Whatever it is, the transaction is decided, phase two goes
//! on until a real participant is there, and nothing is lost.

use serde_json::json;
use tercet_proto::tercet::v1::{
    BranchState, CancelReason, GetTransactionRequest, Phase, TransactionState,
};

use crate::harness::until;
use crate::queries;
use crate::seats::Seats;

/// No clear answer, each in its own way.
const IN_DOUBT: [&str; 8] = [
    "close",
    "noise",
    "http1",
    "no-status",
    "word-status",
    "status-999",
    "html-503",
    "details",
];

/// A reply that can't be read, under a status that says OK. To try that is no clear answer, since the reply is kept; to
/// confirm and cancel it is one, since theirs are discarded unread.
const OK_WITHOUT_A_REPLY: [&str; 2] = ["short", "compressed"];

#[tokio::test(flavor = "multi_thread")]
async fn no_clear_answer_is_in_doubt_and_the_cancel_comes_before_the_try() {
    let Some(mut seats) = Seats::down("1s").await else {
        return;
    };
    for kind in IN_DOUBT {
        seats.garbage(kind).await;
        let decided = seats
            .book(kind, &json!({"seat": "A1"}), vec![])
            .await
            .unwrap();
        let cause = decided.cancel_cause.unwrap();
        assert_eq!(
            cause.reason(),
            CancelReason::InDoubt,
            "{kind}: {:?}",
            cause.error
        );
        let tries = decided
            .attempts
            .iter()
            .filter(|attempt| attempt.phase() == Phase::Try);
        assert_eq!(tries.count(), 3, "{kind}: it is tried again");
        // Garbage is no answer to a cancel either.
        until("some cancels to fail", || async {
            let request = GetTransactionRequest { gid: kind.into() };
            let answer = seats
                .shop
                .transactions()
                .get_transaction(request)
                .await
                .unwrap();
            let transaction = answer.into_inner().transaction.unwrap();
            assert_eq!(transaction.state(), TransactionState::Cancelling, "{kind}");
            let cancels = transaction
                .attempts
                .iter()
                .filter(|attempt| attempt.phase() == Phase::Cancel);
            (cancels.count() >= 2).then_some(())
        })
        .await;
        seats.kill().await;

        seats.up().await;
        let ended = seats.ended(kind).await;
        assert_eq!(ended.state(), TransactionState::Cancelled, "{kind}");
        assert_eq!(ended.branches[0].state(), BranchState::Cancelled);
        let journal = queries::journal(&seats.file(), kind).await;
        assert_eq!(
            journal,
            [("cancel".to_owned(), "recorded".to_owned())],
            "{kind}"
        );
        seats.kill().await;
    }
    seats.up().await;
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("free".to_owned(), 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_cannot_be_read_is_in_doubt_for_try_and_done_for_cancel() {
    let Some(mut seats) = Seats::down("1s").await else {
        return;
    };
    for kind in OK_WITHOUT_A_REPLY {
        seats.garbage(kind).await;
        let payload = json!({"seat": "A1"});
        let decided = seats.book(kind, &payload, vec![]).await.unwrap();
        let cause = decided.cancel_cause.unwrap();
        assert_eq!(
            cause.reason(),
            CancelReason::InDoubt,
            "{kind}: {:?}",
            cause.error
        );
        assert_eq!(seats.end_state(kind).await, TransactionState::Cancelled);
        seats.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_that_knows_no_such_page_refuses_and_is_flagged_when_it_should_cancel() {
    let Some(mut seats) = Seats::down("1s").await else {
        return;
    };
    // gRPC's mapping of HTTP: 404 is UNIMPLEMENTED, a clear no.
    seats.garbage("html-404").await;
    let decided = seats
        .book("page", &json!({"seat": "A1"}), vec![])
        .await
        .unwrap();
    let cause = decided.cancel_cause.unwrap();
    assert_eq!(cause.reason(), CancelReason::Refused, "{:?}", cause.error);
    assert_eq!(cause.error.unwrap().code, 12);
    // To cancel it is a clear no as well, and nobody may take that for done.
    until("a person to be called", || async {
        let request = GetTransactionRequest { gid: "page".into() };
        let answer = seats
            .shop
            .transactions()
            .get_transaction(request)
            .await
            .unwrap();
        answer.into_inner().transaction.unwrap().attention
    })
    .await;
    seats.kill().await;
    seats.up().await;
    assert_eq!(seats.end_state("page").await, TransactionState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_after_the_decision_delays_the_confirm_and_changes_nothing() {
    let Some(mut seats) = Seats::start().await else {
        return;
    };
    let payload = json!({"seat": "A1", "working": {"confirm": "released"}});
    let decided = seats.book("later", &payload, vec![]).await.unwrap();
    assert_eq!(decided.state(), TransactionState::Confirming);
    for kind in ["noise", "http1", "html-503", "no-status"] {
        seats.kill().await;
        let before = confirms(&seats).await;
        seats.garbage(kind).await;
        until("confirms to meet garbage", || async {
            (confirms(&seats).await >= before + 2).then_some(())
        })
        .await;
        assert_eq!(
            queries::fence(&seats.file(), "later", "seat")
                .await
                .as_deref(),
            Some("tried")
        );
    }
    seats.kill().await;
    seats.up().await;
    seats.release().await;
    assert_eq!(seats.end_state("later").await, TransactionState::Confirmed);
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("sold".to_owned(), 2)
    );
}

async fn confirms(seats: &Seats) -> u32 {
    let request = GetTransactionRequest {
        gid: "later".into(),
    };
    let answer = seats
        .shop
        .transactions()
        .get_transaction(request)
        .await
        .unwrap();
    answer.into_inner().transaction.unwrap().branches[0].attempts
}
