//! What everything must add up to once all is over, asked of each service and of the provider.

use std::collections::BTreeMap;
use std::time::Duration;

use tercet_proto::shop::order::v1::{Order, OrderState};
use tercet_proto::shop::payment::v1::{ListPaymentsRequest, Payment};
use tercet_proto::shop::provider::v1::{ChargeState, GetChargeRequest};

use crate::steps::patiently;
use crate::world::{LIMIT, World};

/// What there was, and who bought.
pub(crate) struct Before {
    pub(crate) sku: &'static str,
    pub(crate) stocked: i64,
    /// Of each user.
    pub(crate) points: i64,
    pub(crate) grant: i64,
}

/// Whether money was taken for good, whatever was given back later.
pub(crate) fn was_paid(order: &Order) -> bool {
    match order.state() {
        OrderState::Paid
        | OrderState::Shipped
        | OrderState::Received
        | OrderState::Completed
        | OrderState::RefundAsked
        | OrderState::Refunded
        | OrderState::Returned => true,
        OrderState::Created | OrderState::Cancelled | OrderState::TimedOut => false,
        state => panic!("{state:?} isn't an end: {order:?}"),
    }
}

impl World {
    /// Checks all sums of these orders, the only ones of their users and their SKU. Waits for what is still on its way: money
    /// that goes back, points that are granted.
    pub(crate) async fn check_sums(&self, before: &Before, orders: &[Order]) {
        let mut pieces_sold = 0;
        let mut pieces_held = 0;
        let mut points: BTreeMap<&str, i64> = BTreeMap::new();
        for order in orders {
            let of_user = points.entry(&order.user_id).or_insert(before.points);
            let is_paid = was_paid(order);
            if is_paid {
                pieces_sold += order.quantity - order.returned_pieces;
                *of_user += before.grant + order.refunded_points;
                *of_user -= order.points_spent + order.points_due;
            } else if order.state() == OrderState::Created {
                pieces_held += order.quantity;
                *of_user -= order.points_spent;
            }
            let kept = if is_paid {
                order.amount_cents - order.refunded_cents
            } else {
                0
            };
            self.check_money(order, kept).await;
        }
        let held = (pieces_held, before.stocked - pieces_sold - pieces_held);
        self.check_stock(before.sku, pieces_sold, held).await;
        for (user, points) in points {
            self.check_points(user, points).await;
        }
    }

    /// What the provider has of an order's payments is what the order was paid and not given back.
    async fn check_money(&self, order: &Order, kept: i64) {
        let payments = self.payments_of(&order.order_no).await;
        let started = tokio::time::Instant::now();
        loop {
            let mut balance = 0;
            for payment in &payments {
                let payment_no = payment.payment_no.clone();
                let request = GetChargeRequest { payment_no };
                let Ok(reply) = self.provider().get_charge(request).await else {
                    continue;
                };
                let charge = reply.into_inner().charge.unwrap();
                if charge.state() == ChargeState::Succeeded {
                    balance += charge.amount_cents - charge.refunded_cents;
                }
            }
            if balance == kept {
                return;
            }
            let payments = self.payments_of(&order.order_no).await;
            assert!(
                started.elapsed() < LIMIT,
                "{balance} cents, not {kept}: {order:?} {payments:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn payments_of(&self, order_no: &str) -> Vec<Payment> {
        let request = ListPaymentsRequest {
            order_no: order_no.to_owned(),
            page_size: 500,
            ..ListPaymentsRequest::default()
        };
        let listed = patiently(|| {
            let (mut payments, request) = (self.payments(), request.clone());
            async move { payments.list_payments(request).await }
        });
        listed.await.unwrap().payments
    }

    async fn check_stock(&self, sku: &str, sold: i64, (held, available): (i64, i64)) {
        let started = tokio::time::Instant::now();
        loop {
            let now = self.sku(sku).await;
            if (now.available, now.reserved, now.held, now.sold) == (available, 0, held, sold) {
                return;
            }
            let expected = format!("available {available}, held {held}, sold {sold}");
            assert!(started.elapsed() < LIMIT, "{now:?}, not {expected}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn check_points(&self, user: &str, points: i64) {
        let started = tokio::time::Instant::now();
        loop {
            let account = self.account(user).await;
            if (account.available, account.frozen) == (points, 0) {
                return;
            }
            assert!(
                started.elapsed() < LIMIT,
                "{account:?}, not {points} points"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
