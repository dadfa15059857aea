//! What a coordinator says of itself when it is up.

use tercet_proto::tercet::v1 as pb;

use crate::support::{World, execute};

#[tokio::test]
async fn it_announces_what_it_has_really_bound_and_names_itself_so() {
    let world = World::start().await;
    let running = world.running();
    let addresses = running.addresses();
    assert_eq!(
        running.ready_line(),
        format!("ready grpc={} http={}", addresses.grpc, addresses.http)
    );
    let begun = world.begin("g").await;
    assert_eq!(begun.coordinator, addresses.grpc_url());
    let status = world
        .admin
        .clone()
        .get_status(pb::GetStatusRequest::default())
        .await
        .unwrap();
    assert!(format!("{:?}", status.into_inner()).contains(&addresses.grpc_url()));
    world.execute(execute("other", &["a"])).await.unwrap();
}
