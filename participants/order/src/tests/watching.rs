//! Watching an order: the present, each change, the end, and who may.

use tercet_proto::shop::order::v1::{OrderState, WatchOrderRequest, WatchOrderResponse};
use tonic::{Code, Streaming};

use super::*;
use crate::state::State;

impl Shop {
    async fn watch(
        &self,
        order_no: &str,
        user_id: &str,
    ) -> Result<Streaming<WatchOrderResponse>, Status> {
        let request = WatchOrderRequest {
            order_no: order_no.to_owned(),
            user_id: user_id.to_owned(),
        };
        let watching = self.api().watch_order(request).await?;
        Ok(watching.into_inner())
    }
}

async fn seen(watching: &mut Streaming<WatchOrderResponse>) -> Option<OrderState> {
    let next = tokio::time::timeout(Duration::from_mins(1), watching.message()).await;
    let order = next.unwrap().unwrap()?.order;
    Some(order.unwrap().state())
}

#[tokio::test]
async fn a_watcher_sees_the_present_the_changes_and_the_end() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.create(Phase::Try, "r1").await.unwrap();
    let mut watching = shop.watch(&order_no, "ann").await.unwrap();
    assert_eq!(seen(&mut watching).await, Some(OrderState::Pending));
    shop.create(Phase::Confirm, "r1").await.unwrap();
    assert_eq!(seen(&mut watching).await, Some(OrderState::Created));
    // By another instance, which wakes nobody here.
    shop.force(&order_no, |standing| standing.state = State::Paid)
        .await;
    assert_eq!(seen(&mut watching).await, Some(OrderState::Paid));
    shop.force(&order_no, |standing| standing.state = State::Completed)
        .await;
    assert_eq!(seen(&mut watching).await, Some(OrderState::Completed));
    assert_eq!(seen(&mut watching).await, None);
}

#[tokio::test]
async fn only_the_owner_watches() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    for (order_no, user_id) in [(order_no.as_str(), "eve"), ("nothing", "ann")] {
        let status = shop.watch(order_no, user_id).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, "UNKNOWN_ORDER")
        );
    }
}

#[tokio::test]
async fn a_drain_ends_the_streams() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    let mut watching = shop.watch(&order_no, "ann").await.unwrap();
    assert_eq!(seen(&mut watching).await, Some(OrderState::Created));
    let running = shop.running.take().unwrap();
    running.drain();
    let end = tokio::time::timeout(Duration::from_mins(1), watching.message());
    let status = end.await.unwrap().unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "DRAINING")
    );
    let waited = tokio::time::timeout(Duration::from_mins(1), running.wait());
    waited.await.unwrap().unwrap();
}
