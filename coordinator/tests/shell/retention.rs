//! What has ended is kept as long as configured, and not for ever.

use tercet_service::ConfigDuration;

use crate::support::{World, execute, soon};

#[tokio::test]
async fn what_has_ended_is_purged_and_what_is_open_stays() {
    let world = World::start_with(|config| {
        config.retention.ended = ConfigDuration::from_millis(100);
    })
    .await;
    world.begin("open").await;
    let first = world.execute(execute("g", &["a"])).await.unwrap();
    let purged = async {
        while world.get("g").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon("the purge", purged).await;
    world.get("open").await.unwrap();
    // The gid is free again.
    let second = world.execute(execute("g", &["b"])).await.unwrap();
    assert_ne!(second.begun_at, first.begun_at);
}
