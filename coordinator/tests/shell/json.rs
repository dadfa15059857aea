//! JSON payloads, by the participant's own reflection.

use prost::Message as _;
use serde_json::json;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::support::{World, execute, json_branch, refusal};

fn reserve(
    gid: &str,
    participant: &str,
    json: &serde_json::Value,
) -> pb::ExecuteTransactionRequest {
    pb::ExecuteTransactionRequest {
        branches: vec![json_branch("x", participant, json)],
        ..execute(gid, &[])
    }
}

#[tokio::test]
async fn the_participant_gets_its_own_message() {
    let world = World::start().await;
    let request = reserve("g", "a", &json!({"sku": "s-1", "quantity": "3"}));
    let transaction = world.execute(request).await.unwrap();
    assert_eq!(transaction.state(), pb::TransactionState::Confirmed);
    for seen in world.a.seen() {
        let message = ReserveStockRequest::decode(seen.payload).unwrap();
        assert_eq!((message.sku.as_str(), message.quantity), ("s-1", 3));
    }
    assert_eq!(world.a.count("Confirm"), 1);
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_nothing_begins() {
    let world = World::start().await;
    let bad = [
        (
            json!({"sku": "s", "quantitty": 1}),
            "branches[0].json.quantitty",
        ),
        (json!({"sku": 7}), "branches[0].json.sku"),
        (json!({"quantity": 1.5}), "branches[0].json.quantity"),
        (
            json!({"quantity": 9_007_199_254_740_993_i64}),
            "branches[0].json.quantity",
        ),
    ];
    for (json, path) in bad {
        let told = refusal(world.execute(reserve("g", "a", &json)).await);
        assert_eq!(told.code, Code::InvalidArgument);
        assert_eq!(
            (told.reason.as_str(), told.field.as_str()),
            ("INVALID_PAYLOAD", path)
        );
    }
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
    assert!(world.a.seen().is_empty());
}

#[tokio::test]
async fn a_step_by_step_branch_is_converted_too() {
    let world = World::start().await;
    world.begin("g").await;
    let branch = json_branch("x", "a", &json!({"sku": "s", "quantity": 2}));
    let tried = world.try_branch("g", branch.clone()).await.unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    let again = world.register("g", branch).await.unwrap();
    assert_eq!(again.state(), pb::BranchState::Tried);
    let bad = json_branch("y", "a", &json!({"nope": 2}));
    let told = refusal(world.try_branch("g", bad).await);
    assert_eq!(
        (told.reason.as_str(), told.field.as_str()),
        ("INVALID_PAYLOAD", "branch.json.nope")
    );
}

#[tokio::test]
async fn without_its_descriptors_nothing_begins() {
    let mut world = World::start().await;
    world.a.die().await;
    let told = refusal(world.execute(reserve("g", "a", &json!({"sku": "s"}))).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "SCHEMA_UNAVAILABLE")
    );
    assert!(told.retry_after.is_some());
    // A service that nobody describes can't be read either.
    let mut request = reserve("g", "b", &json!({"sku": "s"}));
    request.branches[0].action = "act".to_owned();
    assert_eq!(
        refusal(world.execute(request).await).reason,
        "SCHEMA_UNAVAILABLE"
    );
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
}

#[tokio::test]
async fn a_repetition_needs_no_descriptors() {
    let mut world = World::start().await;
    let request = reserve("g", "a", &json!({"sku": "s", "quantity": 1}));
    let begun = world.execute(request.clone()).await.unwrap();
    // Another coordinator, which has read no descriptors yet, and nobody to read them from.
    world.a.die().await;
    world.crash_and_restart().await;
    assert_eq!(world.execute(request).await.unwrap(), begun);
}
