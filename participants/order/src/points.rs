//! Paying without money: with points, or nothing where an order costs nothing.

use tercet_client::{Branch, CallContext, Execute};
use tercet_participant::{ActionError, Refusal};
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tonic::Status;

use super::attempt::refused;
use super::desk::{DOMAIN, Desk, busy, refusal};
use super::flow::{Flows, refused_for_good};
use crate::order::Order;
use crate::sale::sale;
use crate::state::{Event, State, next};

/// How often a payment is tried that something else got in the way of.
const TRIES: u32 = 5;

/// Pays orders with points. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct PointsPay {
    pub(super) desk: Desk,
    pub(super) flows: Flows,
}

impl PointsPay {
    /// Pays an order that costs no money. The same again changes nothing.
    pub(super) async fn pay(
        &self,
        order_no: &str,
        owner: &str,
        context: CallContext,
    ) -> Result<Order, Status> {
        for _ in 0..TRIES {
            let order = self.desk.read(order_no, Some(owner)).await?;
            if order.submission.amount_cents != 0 {
                let message = format!("order {order_no} costs money");
                let refusal = Refusal::precondition("WRONG_METHOD", message);
                return Err(ActionError::from(refusal).into_status(DOMAIN));
            }
            if order.state() == State::Paid {
                return Ok(order);
            }
            next(order.state(), Event::PayTried)
                .map_err(|no| refusal(no, &order).into_status(DOMAIN))?;
            let name = format!("pay-{order_no}");
            let outcome = self.flows.run(&name, context.clone(), |execute, round| {
                transaction(execute, &order, round)
            });
            let outcome = outcome.await?;
            if outcome.is_confirm() {
                return self.desk.read(order_no, Some(owner)).await;
            }
            if refused_for_good(&outcome).is_some() {
                let order = self.desk.read(order_no, Some(owner)).await?;
                if order.state() == State::Paid {
                    return Ok(order);
                }
                return Err(refused(outcome.cause()));
            }
        }
        Err(busy())
    }
}

/// The order first, so that who loses a race disturbs nobody.
fn transaction(execute: Execute, order: &Order, round: i64) -> Execute {
    let (pay, sell) = sale(order, String::new());
    let mut execute = execute
        .sequential()
        .label("order_no", &order.number)
        .branch(Branch::new("order", "order", "pay").message(&pay));
    if order.submission.points_due > 0 {
        let spend = SpendPointsRequest {
            user_id: order.submission.user_id.clone(),
            points: order.submission.points_due,
            order_ref: order.points_ref.clone(),
            order_no: order.points_ref.clone(),
            // What was begun and cancelled can't be begun again under its number.
            spend_no: format!("pay-{}", round + 1),
        };
        execute = execute.branch(Branch::new("points", "points", "spend").message(&spend));
    }
    execute.branch(Branch::new("stock", "stock", "sell").message(&sell))
}
