//! The queue: tickets, results for whoever waits and for whoever comes late, and what a death leaves.

use tercet_client::fake::{self, Fault};
use tercet_proto::shop::order::v1::{OrderState, QueueOrderRequest, WaitForTicketRequest};
use tonic::Code;

use super::*;

impl Shop {
    pub(super) async fn queue(&self, request: PlaceOrderRequest) -> Result<String, Status> {
        let request = QueueOrderRequest {
            order: Some(request),
        };
        let queued = self.api().queue_order(request).await?;
        Ok(queued.into_inner().ticket)
    }

    pub(super) async fn wait(&self, ticket: &str) -> Result<PlaceOrderResponse, Status> {
        let request = WaitForTicketRequest {
            ticket: ticket.to_owned(),
        };
        let waited = self.api().wait_for_ticket(request).await?;
        Ok(waited.into_inner().placed.unwrap())
    }
}

#[tokio::test]
async fn a_ticket_has_one_result_for_whoever_asks_whenever() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let ticket = shop.queue(submission("r1")).await.unwrap();
    assert_eq!(shop.queue(submission("r1")).await.unwrap(), ticket);
    let (first, second) = tokio::join!(shop.wait(&ticket), shop.wait(&ticket));
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert_eq!(first.order.as_ref().unwrap().request_id, "r1");
    assert_eq!(shop.wait(&ticket).await.unwrap(), first, "late");
    assert_eq!(shop.queue(submission("r1")).await.unwrap(), ticket);
    assert_eq!(shop.coordinator.transactions(), 1);
    let other = PlaceOrderRequest {
        quantity: 1,
        ..submission("r1")
    };
    let status = shop.queue(other).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_CONFLICT");
}

#[tokio::test]
async fn a_refusal_waits_as_well() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.coordinator
        .put(refused("order-r1", "stock", "OUT_OF_STOCK"));
    let ticket = shop.queue(submission("r1")).await.unwrap();
    let placed = shop.wait(&ticket).await.unwrap();
    assert_eq!(placed.refusal.unwrap().reason, "OUT_OF_STOCK");
    assert_eq!(placed.order.unwrap().state(), OrderState::Cancelled);
}

#[tokio::test]
async fn a_coordinator_that_is_away_for_a_while_is_waited_for() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let away = || fake::status(Code::Unavailable, "DRAINING", "going away", None);
    let faults = (0..10).map(|_| Fault::Before(away()));
    shop.coordinator.fail_next(faults);
    let ticket = shop.queue(submission("r1")).await.unwrap();
    shop.wait(&ticket).await.unwrap();
    assert_eq!(shop.coordinator.transactions(), 1);
}

#[tokio::test]
async fn a_death_leaves_the_tickets_that_were_begun() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    let ticket = shop.queue(submission("r1")).await.unwrap();
    let placed = shop.wait(&ticket).await.unwrap();
    shop.stop().await;
    shop.start().await;
    assert_eq!(shop.wait(&ticket).await.unwrap(), placed);
    assert_eq!(shop.coordinator.transactions(), 1);
    let status = shop.wait("never-queued").await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "UNKNOWN_TICKET")
    );
}

#[tokio::test]
async fn what_can_never_be_an_order_gets_no_ticket() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let none = PlaceOrderRequest {
        quantity: 0,
        ..submission("r1")
    };
    let status = shop.queue(none).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_ORDER");
    let empty = shop.api().queue_order(QueueOrderRequest::default()).await;
    assert_eq!(reason(&empty.unwrap_err()), "INVALID_REQUEST");
    assert_eq!(
        reason(&shop.wait("a b").await.unwrap_err()),
        "INVALID_REQUEST"
    );
}
