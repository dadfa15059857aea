//! What ends an unpaid order, or its hold: the buyer's cancel, and time.

use tercet_client::{Branch, CallContext, Execute};
use tercet_proto::shop::order::v1::{CloseCause, CloseOrderRequest, ReleaseHoldRequest};
use tercet_proto::shop::points::v1::RefundPointsRequest;
use tercet_proto::shop::stock::v1::ReleaseStockRequest;
use tonic::Status;

use super::attempt::refused;
use super::desk::{Desk, busy, refusal};
use super::flow::{Flows, refused_for_good};
use crate::order::{Hold, Order};
use crate::state::{Event, State, next};

/// How often a cancel is tried that something else got in the way of.
const TRIES: u32 = 5;

/// Closes orders.
#[derive(Debug, Clone)]
pub(super) struct Closer {
    pub(super) desk: Desk,
    pub(super) flows: Flows,
}

impl Closer {
    /// The buyer's cancel.
    pub(super) async fn cancel(
        &self,
        order_no: &str,
        owner: &str,
        context: CallContext,
    ) -> Result<Order, Status> {
        for _ in 0..TRIES {
            let order = self.desk.read(order_no, Some(owner)).await?;
            if order.state() == State::Closed {
                return Ok(order);
            }
            next(order.state(), Event::CloseTried)
                .map_err(|no| refusal(no, &order).into_status(super::desk::DOMAIN))?;
            let name = format!("cancel-{order_no}");
            let outcome = self.flows.run(&name, context.clone(), |execute, _| {
                close(execute, &order, CloseCause::Cancelled)
            });
            let outcome = outcome.await?;
            if outcome.is_confirm() {
                return self.desk.read(order_no, Some(owner)).await;
            }
            if refused_for_good(&outcome).is_some() {
                let order = self.desk.read(order_no, Some(owner)).await?;
                if order.state() == State::Closed {
                    return Ok(order);
                }
                return Err(refused(outcome.cause()));
            }
        }
        Err(busy())
    }

    /// The payment deadline has passed. Whatever stands in the way, the deadline comes again.
    pub(super) async fn time_out(&self, order_no: &str) -> Result<(), Status> {
        let order = self.desk.read(order_no, None).await?;
        if next(order.state(), Event::CloseTried).is_err() {
            return Ok(());
        }
        let name = format!("timeout-{order_no}");
        let run = self.flows.run(&name, CallContext::new(), |execute, _| {
            close(execute, &order, CloseCause::TimedOut)
        });
        let outcome = run.await?;
        tracing::debug!(
            order_no,
            is_closed = outcome.is_confirm(),
            "payment deadline"
        );
        Ok(())
    }

    /// The hold is over; the order stays payable.
    pub(super) async fn end_hold(&self, order_no: &str) -> Result<(), Status> {
        let order = self.desk.read(order_no, None).await?;
        if order.standing.hold != Hold::Held || next(order.state(), Event::HoldEnds).is_err() {
            return Ok(());
        }
        let name = format!("hold-{order_no}");
        let run = self.flows.run(&name, CallContext::new(), |execute, _| {
            let release = ReleaseHoldRequest {
                order_no: order.number.clone(),
            };
            let execute = execute
                .label("order_no", &order.number)
                .branch(Branch::new("order", "order", "release_hold").message(&release));
            stock(execute, &order)
        });
        run.await.map(|_| ())
    }
}

fn stock(execute: Execute, order: &Order) -> Execute {
    let release = ReleaseStockRequest {
        sku: order.submission.sku.clone(),
        quantity: order.submission.quantity,
        order_no: order.stock_ref.clone(),
    };
    execute.branch(Branch::new("stock", "stock", "release").message(&release))
}

/// The order first, so that who loses a race disturbs nobody.
fn close(execute: Execute, order: &Order, cause: CloseCause) -> Execute {
    let releases_held = order.standing.hold == Hold::Held;
    let request = CloseOrderRequest {
        order_no: order.number.clone(),
        cause: cause.into(),
        releases_held,
    };
    let mut execute = execute
        .sequential()
        .label("order_no", &order.number)
        .branch(Branch::new("order", "order", "close").message(&request));
    if releases_held {
        execute = stock(execute, order);
    }
    if order.submission.points == 0 {
        return execute;
    }
    let refund = RefundPointsRequest {
        account_id: order.submission.user_id.clone(),
        order_no: order.points_ref.clone(),
        refund_no: format!("close-{}", order.number),
        points: order.submission.points,
    };
    execute.branch(Branch::new("points", "points", "refund").message(&refund))
}
