//! Shipping, receipt, and what time does when nobody says anything.

use tercet_proto::shop::order::v1::{
    Campaign, ExtendReceiptRequest, OrderState, ReceiveOrderRequest, ShipOrderRequest,
};

use super::super::deadline::queries as deadlines;
use super::campaigns::{branch, campaign};
use super::*;
use crate::state::State;

const RECEIPT: i64 = 3;
const LONG: Duration = Duration::from_hours(1);

impl Shop {
    async fn ship(&self, order_no: &str) -> Result<OrderState, Status> {
        let request = ShipOrderRequest {
            order_no: order_no.to_owned(),
        };
        let shipped = self.api().ship_order(request).await?;
        Ok(shipped.into_inner().order.unwrap().state())
    }

    async fn receive(&self, order_no: &str, user_id: &str) -> Result<OrderState, Status> {
        let request = ReceiveOrderRequest {
            order_no: order_no.to_owned(),
            user_id: user_id.to_owned(),
        };
        let received = self.api().receive_order(request).await?;
        Ok(received.into_inner().order.unwrap().state())
    }

    async fn extend(&self, order_no: &str, user_id: &str) -> String {
        let request = ExtendReceiptRequest {
            order_no: order_no.to_owned(),
            user_id: user_id.to_owned(),
        };
        let extended = self.api().extend_receipt(request).await;
        extended.map_or_else(|status| reason(&status), |_| String::new())
    }

    /// A paid order in a campaign whose receipt is assumed after so long.
    async fn paid(&self, receipt: Duration) -> String {
        self.campaign(Campaign {
            receipt_time: Some(receipt.try_into().unwrap()),
            ..campaign("c")
        })
        .await;
        let message = branch("r1", "ann", "c");
        let order_no = self.call(Phase::Try, "order-r1", message.clone()).await;
        self.call(Phase::Confirm, "order-r1", message)
            .await
            .unwrap();
        let order_no = order_no.unwrap();
        self.force(&order_no, |standing| standing.state = State::Paid)
            .await;
        order_no
    }

    async fn completed(&self, order_no: &str) {
        until("completion", async || {
            let order = self.get(Key::OrderNo(order_no.to_owned())).await.ok()?;
            (order.state() == OrderState::Completed).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_order_is_shipped_and_received_and_its_owner_alone_says_so() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.paid(LONG).await;
    let early = shop.receive(&order_no, "ann").await.unwrap_err();
    assert_eq!(reason(&early), "WRONG_STATE");
    for _ in 0..2 {
        assert_eq!(shop.ship(&order_no).await.unwrap(), OrderState::Shipped);
    }
    let stranger = shop.receive(&order_no, "eve").await.unwrap_err();
    assert_eq!(reason(&stranger), "UNKNOWN_ORDER");
    let nobody = shop.receive(&order_no, "").await.unwrap_err();
    assert_eq!(reason(&nobody), "INVALID_REQUEST");
    for _ in 0..2 {
        let received = shop.receive(&order_no, "ann").await.unwrap();
        assert_eq!(received, OrderState::Received);
    }
    let late = shop.ship(&order_no).await.unwrap_err();
    assert_eq!(reason(&late), "WRONG_STATE");
}

#[tokio::test]
async fn the_buyer_puts_receipt_off_once_and_the_merchant_often() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.paid(LONG).await;
    assert_eq!(shop.extend(&order_no, "").await, "WRONG_STATE");
    shop.ship(&order_no).await.unwrap();
    let database = shop.database().await;
    let due = async || {
        let mut connection = database.reader().acquire().await.unwrap();
        let due = deadlines::get(&mut connection, &order_no, RECEIPT).await;
        due.unwrap().unwrap()
    };
    let first = due().await;
    for (who, expected, extensions) in [
        ("", "", 1),
        ("ann", "", 2),
        ("ann", "ALREADY_EXTENDED", 2),
        ("eve", "UNKNOWN_ORDER", 2),
        ("", "", 3),
    ] {
        assert_eq!(shop.extend(&order_no, who).await, expected);
        assert_eq!(due().await, first + extensions * micros(LONG));
    }
    database.close().await;
}

#[tokio::test]
async fn receipt_and_completion_come_by_themselves() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.paid(Duration::from_millis(50)).await;
    shop.ship(&order_no).await.unwrap();
    shop.completed(&order_no).await;
}

#[tokio::test]
async fn what_was_due_while_nobody_was_there_comes_after_the_start() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.paid(Duration::from_millis(50)).await;
    shop.stop().await;
    shop.force(&order_no, |standing| standing.state = State::Shipped)
        .await;
    let database = shop.database().await;
    let mut transaction = database.begin().await.unwrap();
    let past = now_micros() - micros(LONG);
    let set = deadlines::set(&mut transaction, &order_no, RECEIPT, past);
    set.await.unwrap();
    transaction.commit().await.unwrap();
    database.close().await;

    shop.start().await;
    shop.completed(&order_no).await;
}
