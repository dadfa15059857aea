//! JSON payloads, checked against the participant's own schema.

use serde_json::json;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use prost::Message as _;

use crate::support::{World, execute, json_branch, refusal};

fn request(gid: &str, payload: &serde_json::Value) -> pb::ExecuteTransactionRequest {
    pb::ExecuteTransactionRequest {
        branches: vec![json_branch("x", "a", payload)],
        ..execute(gid, &[])
    }
}

#[tokio::test]
async fn it_becomes_the_actions_own_message() {
    let world = World::start().await;
    let payload = json!({"sku": "tea", "quantity": "3"});
    world.execute(request("g", &payload)).await.unwrap();
    let sent = ReserveStockRequest::decode(world.a.seen()[0].payload.clone()).unwrap();
    assert_eq!((sent.sku.as_str(), sent.quantity), ("tea", 3));
}

#[tokio::test]
async fn what_does_not_fit_the_schema_names_its_path_and_nothing_begins() {
    let world = World::start().await;
    let cases = [
        (json!({"skew": "tea"}), "skew"),
        (json!({"sku": 7}), "sku"),
        (json!({"quantity": 9_007_199_254_740_993.0_f64}), "quantity"),
        (json!({"quantity": 1.5}), "quantity"),
    ];
    for (payload, path) in cases {
        let told = refusal(world.execute(request("g", &payload)).await);
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::InvalidArgument, "INVALID_PAYLOAD"),
            "{path}"
        );
        assert_eq!(told.field, format!("branches[0].json.{path}"));
    }
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
    assert!(world.a.seen().is_empty());
}

#[tokio::test]
async fn a_schema_that_cannot_be_read_now_begins_nothing() {
    let mut world = World::start().await;
    world.a.die().await;
    let told = refusal(world.execute(request("g", &json!({"sku": "tea"}))).await);
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Code::Unavailable, "SCHEMA_UNAVAILABLE")
    );
    assert_eq!(refusal(world.get("g").await).reason, "UNKNOWN_TRANSACTION");
}
