//! An initiator in Python goes step by step: it begins, lets the coordinator try one branch, tries another one itself, and
//! decides. The participant is a stranger as well, so here nobody but the coordinator is of the house.

use serde_json::{Value, json};
use tonic::metadata::BinaryMetadataValue;

use crate::clients::Stranger as _;
use crate::queries;
use crate::seats::{SERVICE, Seats};

/// Calls a method of the transaction service.
async fn call(seats: &Seats, method: &str, request: &Value) -> Result<Value, String> {
    let rpc = format!("tercet.v1.TransactionService/{method}");
    let endpoint = seats.shop.endpoint();
    let mut answers = seats.python.call(&endpoint, &rpc, request).await?;
    Ok(answers.remove(0))
}

/// A branch with its payload as proto3 JSON has bytes: in base 64, as gRPC has binary metadata.
fn branch(id: &str, seat: &str) -> Value {
    let payload = json!({"seat": seat}).to_string();
    let encoded = BinaryMetadataValue::from_bytes(payload.as_bytes());
    let message = String::from_utf8(encoded.as_encoded_bytes().to_vec()).unwrap();
    json!({"id": id, "participant": "seats", "action": "book", "message": message})
}

/// Calls the participant's try as the initiator of a registered branch does.
async fn try_it(seats: &Seats, gid: &str, id: &str, seat: &str) -> Value {
    let (endpoint, payload) = (seats.endpoint(), json!({"seat": seat}).to_string());
    let arguments = [&endpoint, SERVICE, "Try", gid, id, "1", &payload];
    let (is_done, mut printed) = seats.python.run("verb.py", &arguments).await;
    assert!(is_done);
    printed.remove(0)[0].take()
}

async fn verdict(seats: &Seats, gid: &str, id: &str) -> Value {
    let request = json!({"gid": gid, "branchId": id});
    call(seats, "ResolveBranch", &request).await.unwrap()["verdict"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_tried_itself_is_confirmed_with_what_the_coordinator_tried() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    call(&seats, "BeginTransaction", &json!({"gid": "steps"}))
        .await
        .unwrap();
    let one = json!({"gid": "steps", "branch": branch("one", "A1")});
    let tried = call(&seats, "TryBranch", &one).await.unwrap();
    assert_eq!(tried["branch"]["state"], "BRANCH_STATE_TRIED");
    let two = json!({"gid": "steps", "branch": branch("two", "A2")});
    call(&seats, "RegisterBranch", &two).await.unwrap();
    assert_eq!(try_it(&seats, "steps", "two", "A2").await["code"], "OK");
    assert_eq!(verdict(&seats, "steps", "two").await, "VERDICT_PENDING");

    let confirm = json!({"gid": "steps", "waitFor": "WAIT_FOR_COMPLETION"});
    let confirmed = call(&seats, "ConfirmTransaction", &confirm).await.unwrap();

    assert_eq!(
        confirmed["transaction"]["state"],
        "TRANSACTION_STATE_CONFIRMED"
    );
    assert_eq!(verdict(&seats, "steps", "two").await, "VERDICT_CONFIRM");
    for seat in ["A1", "A2"] {
        assert_eq!(
            queries::seat(&seats.file(), seat).await,
            ("sold".to_owned(), 2)
        );
    }
    let cancel = call(&seats, "CancelTransaction", &json!({"gid": "steps"})).await;
    assert!(cancel.unwrap_err().contains("ALREADY_DECIDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_registered_and_never_tried_is_cancelled_and_its_late_try_is_refused() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    call(&seats, "BeginTransaction", &json!({"gid": "given-up"}))
        .await
        .unwrap();
    let one = json!({"gid": "given-up", "branch": branch("one", "A1")});
    call(&seats, "RegisterBranch", &one).await.unwrap();

    let cancel = json!({"gid": "given-up", "reason": "too dear", "waitFor": "WAIT_FOR_COMPLETION"});
    let cancelled = call(&seats, "CancelTransaction", &cancel).await.unwrap();

    let transaction = &cancelled["transaction"];
    assert_eq!(transaction["state"], "TRANSACTION_STATE_CANCELLED");
    assert_eq!(transaction["cancelCause"]["note"], "too dear");
    let late = try_it(&seats, "given-up", "one", "A1").await;
    assert_eq!(
        (&late["code"], &late["reason"]),
        (
            &json!("FAILED_PRECONDITION"),
            &json!("CANCELLED_BEFORE_TRY")
        )
    );
    assert_eq!(verdict(&seats, "given-up", "one").await, "VERDICT_CANCEL");
    assert_eq!(
        queries::seat(&seats.file(), "A1").await,
        ("free".to_owned(), 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_without_reflection_takes_bytes_and_no_json() {
    let Some(seats) = Seats::start().await else {
        return;
    };
    let request = json!({
        "gid": "json",
        "branches": [{"id": "1", "participant": "seats", "action": "book", "json": {"seat": "A1"}}],
    });
    let error = call(&seats, "ExecuteTransaction", &request)
        .await
        .unwrap_err();
    assert!(error.contains("SCHEMA_UNAVAILABLE"), "{error}");
    let unknown = call(&seats, "GetTransaction", &json!({"gid": "json"}))
        .await
        .unwrap_err();
    assert!(
        unknown.contains("UNKNOWN_TRANSACTION"),
        "nothing has begun: {unknown}"
    );
    let resolve = json!({"gid": "json", "branchId": "1"});
    let unknown = call(&seats, "ResolveBranch", &resolve).await.unwrap_err();
    assert!(
        unknown.contains("UNKNOWN_TRANSACTION"),
        "a branch of it would be kept: {unknown}"
    );
}
