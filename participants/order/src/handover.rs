//! From the merchant to the buyer: shipping, receipt, and what time does when nobody says anything.

use tercet_participant::{ActionError, Refusal, now_micros};
use tonic::Status;

use super::Connection;
use super::deadline::{Kind, queries as deadlines};
use super::desk::{DOMAIN, Desk, again, owned, receipt_micros};
use crate::order::{Order, Standing};
use crate::state::{Event, State, next};

/// Hands orders over.
#[derive(Debug, Clone)]
pub(super) struct Handover {
    pub(super) desk: Desk,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "other edits of an order can refuse"
)]
fn unchanged(_: &Order, _: &mut Standing) -> Result<(), ActionError> {
    Ok(())
}

impl Handover {
    /// The merchant has sent it. The same again changes nothing.
    pub(super) async fn ship(&self, order_no: &str) -> Result<Order, Status> {
        self.once(order_no, None, Event::Shipped, State::Shipped)
            .await
    }

    /// The buyer has it. The same again changes nothing.
    pub(super) async fn receive(&self, order_no: &str, owner: &str) -> Result<Order, Status> {
        let (event, to) = (Event::Received, State::Received);
        self.once(order_no, Some(owner), event, to).await
    }

    async fn once(
        &self,
        order_no: &str,
        owner: Option<&str>,
        event: Event,
        to: State,
    ) -> Result<Order, Status> {
        let order = self.desk.read(order_no, owner).await?;
        if order.state() == to {
            return Ok(order);
        }
        self.desk
            .change_alone(order_no, owner, event, unchanged)
            .await
    }

    /// Puts the automatic receipt off: a buyer once, the merchant (nobody named) often.
    pub(super) async fn extend(
        &self,
        order_no: &str,
        buyer: Option<&str>,
    ) -> Result<Order, Status> {
        let extended = again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            let order = self.extend_once(&mut transaction, order_no, buyer).await?;
            transaction.commit().await?;
            Ok(order)
        });
        extended.await.map_err(|error| error.into_status(DOMAIN))
    }

    async fn extend_once(
        &self,
        connection: &mut Connection,
        order_no: &str,
        buyer: Option<&str>,
    ) -> Result<Order, ActionError> {
        let order = owned(&mut *connection, order_no, buyer).await?;
        let put_off = |order: &Order, after: &mut Standing| {
            if buyer.is_none() {
                return Ok(());
            }
            if order.standing.is_put_off {
                let message = format!("the receipt of order {order_no} was put off before");
                return Err(Refusal::precondition("ALREADY_EXTENDED", message).into());
            }
            after.is_put_off = true;
            Ok(())
        };
        let event = Event::ReceiptPutOff;
        let changed = self.desk.change(&mut *connection, order, event, put_off);
        let order = changed.await?.into_order();
        let due = deadlines::get(&mut *connection, order_no, Kind::Receipt.code()).await?;
        let more = receipt_micros(&mut *connection, &order).await?;
        let due = due.unwrap_or_else(now_micros).saturating_add(more);
        self.desk
            .set(connection, order_no, Kind::Receipt, due)
            .await?;
        Ok(order)
    }

    /// Nobody has said that it didn't arrive.
    pub(super) async fn assume_received(&self, order_no: &str) -> Result<(), Status> {
        self.by_time(order_no, Event::Received).await
    }

    /// The time for complaints is over.
    pub(super) async fn complete(&self, order_no: &str) -> Result<(), Status> {
        self.by_time(order_no, Event::Completed).await
    }

    /// Where another change is under way, or a refund is asked for, the deadline comes again.
    async fn by_time(&self, order_no: &str, event: Event) -> Result<(), Status> {
        let order = self.desk.read(order_no, None).await?;
        if next(order.state(), event).is_err() {
            return Ok(());
        }
        self.desk
            .change_alone(order_no, None, event, unchanged)
            .await
            .map(|_| ())
    }
}
