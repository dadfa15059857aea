//! The contract's border: metadata, the fence's listing, reflection.

use tercet_proto::tercet::v1::fence_service_client::FenceServiceClient;
use tercet_proto::tercet::v1::{FenceState, ListBranchesRequest};

use super::*;

#[tokio::test]
async fn calls_that_arent_the_contracts_are_refused_by_key() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut client = ReserveStockServiceClient::new(shop.channel.clone());
    let message = ReserveStockRequest {
        sku: "tea".to_owned(),
        quantity: 1,
        ..Default::default()
    };

    let bare = client.r#try(message.clone()).await.unwrap_err();
    assert_eq!(bare.code(), Code::InvalidArgument);
    assert!(
        bare.message().contains("tercet-gid is missing"),
        "{}",
        bare.message()
    );

    let mixed = client
        .confirm(call(Phase::Try, "b", message))
        .await
        .unwrap_err();
    assert_eq!(mixed.code(), Code::InvalidArgument);
    assert!(
        mixed.message().contains("tercet-phase says try"),
        "{}",
        mixed.message()
    );
}

#[tokio::test]
async fn the_fence_can_be_read_by_reconciliation() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    for branch in ["a", "b", "c"] {
        shop.reserve(Phase::Try, branch, "tea", 1).await.unwrap();
    }
    shop.reserve(Phase::Confirm, "a", "tea", 1).await.unwrap();
    let mut client = FenceServiceClient::new(shop.channel.clone());

    let tried = ListBranchesRequest {
        states: vec![FenceState::Tried.into()],
        page_size: 1,
        ..Default::default()
    };
    let first = client
        .list_branches(tried.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.branches[0].branch_id, "b");
    assert_eq!(first.branches[0].action, crate::RESERVE);
    let rest = ListBranchesRequest {
        page_token: first.next_page_token,
        page_size: 9,
        ..tried
    };
    let rest = client.list_branches(rest).await.unwrap().into_inner();
    let ids: Vec<_> = rest
        .branches
        .iter()
        .map(|branch| branch.branch_id.as_str())
        .collect();
    assert_eq!(
        (ids.as_slice(), rest.next_page_token.as_str()),
        (&["c"][..], "")
    );
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_and_nothing_else() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let Some(shop) = Shop::open().await else {
        return;
    };
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let answers = ServerReflectionClient::new(shop.channel.clone())
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let mut names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    names.retain(|name| !name.starts_with("grpc."));
    names.sort_unstable();
    assert_eq!(
        names,
        [
            crate::NOTIFY,
            crate::RELEASE,
            crate::RESERVE,
            crate::RETURN,
            crate::SELL,
            "shop.stock.v1.StockService",
            "tercet.v1.FenceService"
        ]
    );
}
