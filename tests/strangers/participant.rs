//! A participant written in Python from the contract alone takes part in transactions.

use serde_json::json;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::tercet::v1::{
    Branch, BranchState, CancelReason, Phase, Transaction, TransactionState, branch,
};

use prost::Message as _;

use crate::harness::until;
use crate::queries;
use crate::seats::Seats;

fn reserve(quantity: i64) -> Branch {
    let request = ReserveStockRequest {
        sku: "tea".into(),
        quantity,
        ..Default::default()
    };
    Branch {
        id: "stock".into(),
        participant: "stock".into(),
        action: "reserve".into(),
        payload: Some(branch::Payload::Message(request.encode_to_vec().into())),
    }
}

/// Attempts of the stranger's branch in that phase, with their codes.
fn codes(transaction: &Transaction, phase: Phase) -> Vec<i32> {
    let attempts = transaction.attempts.iter();
    let of_phase =
        attempts.filter(|attempt| attempt.branch_id == "seat" && attempt.phase() == phase);
    of_phase.map(|attempt| attempt.code).collect()
}

fn calls(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    calls
        .iter()
        .map(|(phase, verdict)| ((*phase).to_owned(), (*verdict).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_confirms_and_cancels_together_with_a_participant_of_the_house() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    seats.shop.seed("tea", 10, "ann", 0).await;

    let yes = seats
        .book("yes", &json!({"seat": "A1"}), vec![reserve(2)])
        .await
        .unwrap();
    let no = seats
        .book("no", &json!({"seat": "A2"}), vec![reserve(11)])
        .await
        .unwrap();
    let taken = seats
        .book("taken", &json!({"seat": "A1"}), vec![reserve(1)])
        .await
        .unwrap();

    for (transaction, state) in [
        (yes, TransactionState::Confirmed),
        (no, TransactionState::Cancelled),
        (taken.clone(), TransactionState::Cancelled),
    ] {
        assert_eq!(
            seats.end_state(&transaction.gid).await,
            state,
            "{}",
            transaction.gid
        );
    }
    let cause = taken.cancel_cause.unwrap();
    assert_eq!(
        (cause.reason(), cause.branch_id.as_str()),
        (CancelReason::Refused, "seat")
    );
    assert_eq!(
        cause.error.unwrap().reason,
        "SEAT_TAKEN",
        "its own reason comes through"
    );
    let file = seats.file();
    assert_eq!(
        queries::seat(&file, "A1").await,
        ("sold".to_owned(), 2),
        "held and sold once each"
    );
    // Stock's refusal may have sent the cancel before the try was there; then it was never held at all.
    let (state, moves) = queries::seat(&file, "A2").await;
    assert!(state == "free" && matches!(moves, 0 | 2), "{state} {moves}");
    assert_eq!(queries::tried(&file).await, 0);
    let tea = seats.shop.sku("tea").await;
    assert_eq!((tea.available, tea.reserved, tea.held), (8, 0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_booking_from_many_clients_at_once_is_one() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    let payload = json!({"seat": "A1"});
    let books = (0..12).map(|_| seats.book("once", &payload, vec![]));
    for answer in futures::future::join_all(books).await {
        let state = answer.unwrap().state();
        assert!(matches!(
            state,
            TransactionState::Confirming | TransactionState::Confirmed
        ));
    }
    assert_eq!(seats.end_state("once").await, TransactionState::Confirmed);
    let journal = queries::journal(&seats.file(), "once").await;
    assert_eq!(journal, calls(&[("try", "ran"), ("confirm", "ran")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn still_working_uses_up_no_attempt() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    // Twice as often as the try attempts would allow.
    let payload = json!({"seat": "A1", "working": {"try": 6, "confirm": 3}});

    seats.book("working", &payload, vec![]).await.unwrap();

    let ended = seats.ended("working").await;
    assert_eq!(ended.state(), TransactionState::Confirmed);
    assert_eq!(codes(&ended, Phase::Try), [14, 14, 14, 14, 14, 14, 0]);
    assert_eq!(codes(&ended, Phase::Confirm), [14, 14, 14, 0]);
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("sold".to_owned(), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_no_message_is_kept_as_it_is() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    let payload = json!({"seat": "A1", "garbage": true});

    let decided = seats.book("garbage", &payload, vec![]).await.unwrap();

    let reply = &decided.branches[0].try_response;
    assert_eq!(&reply[..], b"\xff\xff\xff\xff\x0f\x00no message\xfe");
    assert_eq!(
        seats.end_state("garbage").await,
        TransactionState::Confirmed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_try_that_is_too_large_is_a_refusal_and_the_seat_is_given_back() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    // Just above the limit, and above what a gRPC message may be.
    for (gid, seat, bytes) in [("large", "A1", 65_537), ("huge", "A2", 5_000_000)] {
        let payload = json!({"seat": seat, "reply": {"try": bytes}});
        let decided = seats.book(gid, &payload, vec![]).await.unwrap();
        let cause = decided.cancel_cause.unwrap();
        assert_eq!(cause.reason(), CancelReason::Refused, "{gid}");
        assert_eq!(cause.error.unwrap().reason, "RESPONSE_TOO_LARGE", "{gid}");
        let ended = seats.ended(gid).await;
        assert_eq!(ended.state(), TransactionState::Cancelled);
        assert_eq!(
            codes(&ended, Phase::Try).len(),
            1,
            "{gid} isn't asked again"
        );
        assert_eq!(
            queries::seat(&seats.file(), seat).await,
            ("free".to_owned(), 2)
        );
    }
    let fits = json!({"seat": "A3", "reply": {"try": 65_536}});
    let decided = seats.book("fits", &fits, vec![]).await.unwrap();
    assert_eq!(decided.branches[0].try_response.len(), 65_536);
    assert_eq!(seats.end_state("fits").await, TransactionState::Confirmed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_confirm_may_have_any_size() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    let payload = json!({"seat": "A1", "reply": {"confirm": 5_000_000}});

    seats.book("huge", &payload, vec![]).await.unwrap();

    let ended = seats.ended("huge").await;
    assert_eq!(ended.state(), TransactionState::Confirmed);
    assert_eq!(codes(&ended, Phase::Confirm), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_comes_back_with_its_fence_and_is_confirmed_once() {
    let Some(mut seats) = Seats::start().await else {
        return;
    };
    let payload = json!({"seat": "A1", "working": {"confirm": 2}});
    seats.book("killed", &payload, vec![]).await.unwrap();
    until("its confirm to be put off", || async {
        let calls = queries::journal(&seats.file(), "killed").await;
        (calls.iter().filter(|(phase, _)| phase == "confirm").count() == 1).then_some(())
    })
    .await;

    seats.kill().await;
    assert_eq!(
        queries::fence(&seats.file(), "killed", "seat")
            .await
            .as_deref(),
        Some("tried")
    );
    seats.up().await;

    assert_eq!(seats.end_state("killed").await, TransactionState::Confirmed);
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("sold".to_owned(), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_before_its_try_has_looked_at_the_fence_the_late_try_does_nothing() {
    let Some(mut seats) = Seats::down("400ms").await else {
        return;
    };
    seats.up().await;
    let payload = json!({"seat": "A1", "hold": true});

    // Every try hangs until its time-out, and the transaction is cancelled.
    let decided = seats.book("late", &payload, vec![]).await.unwrap();
    assert_eq!(
        decided.cancel_cause.unwrap().reason(),
        CancelReason::InDoubt
    );
    let ended = seats.ended("late").await;
    assert_eq!(ended.state(), TransactionState::Cancelled);
    assert_eq!(codes(&ended, Phase::Try), [4, 4, 4], "three time-outs");
    assert_eq!(ended.branches[0].state(), BranchState::Cancelled);

    // Now the tries go on, behind a cancel that has long been answered.
    seats.release().await;
    let journal = until("the late tries to end", || async {
        let calls = queries::journal(&seats.file(), "late").await;
        (calls.len() >= 7).then_some(calls)
    })
    .await;
    let late = ("try", "CANCELLED_BEFORE_TRY");
    let held = ("try", "held");
    let expected = [held, held, held, ("cancel", "recorded"), late, late, late];
    assert_eq!(journal, calls(&expected));
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("free".to_owned(), 0),
        "never touched"
    );
}
