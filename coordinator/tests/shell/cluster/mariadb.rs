//! The same on a server, as `tercet serve` does it.

use tercet_proto::tercet::v1 as pb;
use tercet_service::ConfigDuration;
use tercet_test_databases::Server;

use crate::support::{Behaviour, Replicas, execute};

#[tokio::test]
async fn on_a_server_a_dead_one_is_followed_and_calls_reach_their_owner() {
    let Some(server) = Server::shared().await else {
        return;
    };
    let url = server.database("cluster").await;
    let replicas = Replicas::prepare(|config| {
        config.log.url = url;
        config.limits.drain_grace = ConfigDuration::from_millis(1);
        config.cluster.beat_every = ConfigDuration::from_millis(200);
        config.cluster.take_over_after = ConfigDuration::from_secs(2);
    })
    .await;
    let mut dying = replicas.start().await;
    let survivor = replicas.start().await;
    replicas.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("g", &["a", "b"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    dying.client.execute_transaction(request).await.unwrap();
    dying.begin("undecided").await;
    let found = survivor.get("undecided").await.unwrap();
    assert_eq!(found.coordinator, dying.address);
    assert_eq!(survivor.status().await.sessions.len(), 2);
    replicas.a.wait_for("Confirm", 1).await;
    dying.kill().await;
    replicas.a.release();

    survivor
        .until_state("g", pb::TransactionState::Confirmed)
        .await;
    survivor
        .until("undecided", "its new owner", |transaction| {
            transaction.coordinator == survivor.address
        })
        .await;
    let status = survivor
        .until_status("the dead one to be forgotten", |status| {
            status.sessions.len() == 1
        })
        .await;
    assert_eq!(status.adopted, 2);

    // One that leaves is followed before anybody could have fenced it.
    let next = replicas.start().await;
    let mut leaving = survivor;
    leaving.leave().await;
    next.until("undecided", "its next owner", |transaction| {
        transaction.coordinator == next.address
    })
    .await;
}
