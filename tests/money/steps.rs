//! What buyers, merchants and the provider do, one step each.

use std::time::Duration;

use tercet_participant::{micros, now_micros, timestamp};
use tercet_proto::shop::order::v1::get_order_request::Key;
use tercet_proto::shop::order::v1::{
    ApproveRefundRequest, Campaign, CancelOrderRequest, CreateCampaignRequest, GetOrderRequest,
    Order, OrderState, PayOrderRequest, PayOrderResponse, PaymentMethod, PlaceOrderRequest,
    RejectRefundRequest, RequestRefundRequest, ReturnOrderRequest, StockTaking,
};
use tercet_proto::shop::payment::v1::{GetPaymentRequest, Payment, Refund};
use tercet_proto::shop::points::v1::{Account, GetAccountRequest, SeedAccountRequest};
use tercet_proto::shop::provider::v1::{
    ChargeState, EndChargeRequest, GetChargeRequest, NoticePlan,
};
use tercet_proto::shop::stock::v1::{GetSkuRequest, SeedSkuRequest, Sku};
use tonic::Status;
use tonic_types::StatusExt;

use crate::world::{LIMIT, World};

/// A campaign in which everything can be bought that these tests buy.
pub(crate) fn campaign(id: &str, sku: &str) -> Campaign {
    let hour = micros(Duration::from_hours(1));
    Campaign {
        campaign_id: id.to_owned(),
        sku: sku.to_owned(),
        starts_at: Some(timestamp(now_micros() - hour)),
        ends_at: Some(timestamp(now_micros() + hour)),
        price_cents: 1_001,
        price_points: 7,
        stock_taking: StockTaking::Order.into(),
        hold_time: None,
        payment_time: Some(duration(Duration::from_mins(30))),
        quantity_max: 10,
        grant_points: 5,
        ..Campaign::default()
    }
}

pub(crate) fn duration(of: Duration) -> prost_types::Duration {
    of.try_into().unwrap()
}

/// One notice, at once.
pub(crate) fn honest() -> NoticePlan {
    NoticePlan::default()
}

pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}

/// The answer, repeating what is safe to repeat.
pub(crate) async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    let started = tokio::time::Instant::now();
    loop {
        match call().await {
            Ok(reply) => return Ok(reply.into_inner()),
            Err(status) if is_again(&status) && started.elapsed() < LIMIT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => return Err(status),
        }
    }
}

fn is_again(status: &Status) -> bool {
    use tonic::Code::{Aborted, Cancelled, DeadlineExceeded, Unavailable, Unknown};
    // A killed server's connections end in any of these.
    matches!(
        status.code(),
        Aborted | Cancelled | DeadlineExceeded | Unavailable | Unknown
    ) || reason(status) == "ORDER_BUSY"
}

impl World {
    pub(crate) async fn create(&self, campaign: Campaign) {
        let request = CreateCampaignRequest {
            campaign: Some(campaign),
        };
        self.campaigns().create_campaign(request).await.unwrap();
    }

    pub(crate) async fn seed_sku(&self, sku: &str, quantity: i64) {
        let sku = sku.to_owned();
        let request = SeedSkuRequest { sku, quantity };
        self.stock().seed_sku(request).await.unwrap();
    }

    pub(crate) async fn seed_account(&self, user: &str, points: i64) {
        let user_id = user.to_owned();
        let request = SeedAccountRequest { user_id, points };
        self.points().seed_account(request).await.unwrap();
    }

    /// One order of a user in a campaign, created.
    pub(crate) async fn place(&self, user: &str, campaign: &str, quantity: i64) -> Order {
        let started = tokio::time::Instant::now();
        for attempt in 1.. {
            let request = PlaceOrderRequest {
                request_id: format!("{campaign}-{user}-{attempt}"),
                user_id: user.to_owned(),
                quantity,
                campaign_id: campaign.to_owned(),
                ..PlaceOrderRequest::default()
            };
            let placed = patiently(|| {
                let (mut orders, request) = (self.orders(), request.clone());
                async move { orders.place_order(request).await }
            });
            let placed = placed.await.unwrap();
            if let Some(refusal) = placed.refusal {
                // The order service died in the middle of it: nothing was bought. The place in the campaign is given back with
                // the cancel, which may take until the service is up again.
                let is_again = refusal.reason == "IN_DOUBT"
                    || (attempt > 1 && refusal.reason == "ONE_PER_USER");
                assert!(is_again, "{refusal:?}");
                assert!(started.elapsed() < LIMIT, "{refusal:?}");
                continue;
            }
            let order_no = placed.order.unwrap().order_no;
            return self
                .until(&order_no, |order| order.state() != OrderState::Pending)
                .await;
        }
        unreachable!("attempts don't end");
    }

    /// Begins to pay from outside.
    pub(crate) async fn pay(&self, order: &Order) -> Result<PayOrderResponse, Status> {
        let request = PayOrderRequest {
            order_no: order.order_no.clone(),
            user_id: order.user_id.clone(),
            method: PaymentMethod::Outside.into(),
        };
        patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.pay_order(request).await }
        })
        .await
    }

    /// Begins to pay, and waits until the provider knows of it. Answers the payment's number.
    pub(crate) async fn begin(&self, order: &Order) -> String {
        let paying = self.pay(order).await.unwrap().order.unwrap();
        self.known(&paying.payment_no).await;
        paying.payment_no
    }

    /// Waits until the provider knows a payment.
    pub(crate) async fn known(&self, payment_no: &str) {
        let started = tokio::time::Instant::now();
        loop {
            let payment_no = payment_no.to_owned();
            let request = GetChargeRequest { payment_no };
            match self.provider().get_charge(request).await {
                Ok(_) => return,
                Err(status) => assert!(started.elapsed() < LIMIT, "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The customer ends a payment, and the provider sends what is planned.
    pub(crate) async fn end(
        &self,
        payment_no: &str,
        outcome: ChargeState,
        notices: Vec<NoticePlan>,
    ) {
        let request = EndChargeRequest {
            payment_no: payment_no.to_owned(),
            outcome: outcome.into(),
            notices,
        };
        self.control().end_charge(request).await.unwrap();
    }

    pub(crate) async fn cancel(&self, order: &Order) -> Result<Order, Status> {
        let request = CancelOrderRequest {
            order_no: order.order_no.clone(),
            user_id: order.user_id.clone(),
        };
        let cancelled = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.cancel_order(request).await }
        });
        Ok(cancelled.await?.order.unwrap())
    }

    /// An order that is paid from outside.
    pub(crate) async fn paid(&self, user: &str, campaign: &str, quantity: i64) -> Order {
        let order = self.place(user, campaign, quantity).await;
        let payment_no = self.begin(&order).await;
        self.end(&payment_no, ChargeState::Succeeded, vec![honest()])
            .await;
        self.until(&order.order_no, |order| order.state() == OrderState::Paid)
            .await
    }

    /// Asks for a refund; answers its number.
    pub(crate) async fn ask(&self, order: &Order, request_id: &str) -> Result<String, Status> {
        let request = RequestRefundRequest {
            order_no: order.order_no.clone(),
            user_id: order.user_id.clone(),
            request_id: request_id.to_owned(),
            reason: "it is broken".to_owned(),
        };
        let asked = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.request_refund(request).await }
        });
        Ok(asked.await?.refund_no)
    }

    pub(crate) async fn approve(&self, refund_no: &str, cents: i64) -> Result<Order, Status> {
        let request = ApproveRefundRequest {
            refund_no: refund_no.to_owned(),
            amount_cents: cents,
            points: 0,
        };
        let given = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.approve_refund(request).await }
        });
        Ok(given.await?.order.unwrap())
    }

    pub(crate) async fn take_back(&self, refund_no: &str, pieces: i64) -> Result<Order, Status> {
        let request = ReturnOrderRequest {
            refund_no: refund_no.to_owned(),
            pieces,
        };
        let given = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.return_order(request).await }
        });
        Ok(given.await?.order.unwrap())
    }

    pub(crate) async fn reject(&self, refund_no: &str) -> Result<Order, Status> {
        let request = RejectRefundRequest {
            refund_no: refund_no.to_owned(),
        };
        let rejected = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.reject_refund(request).await }
        });
        Ok(rejected.await?.order.unwrap())
    }

    pub(crate) async fn order(&self, order_no: &str) -> Order {
        let request = GetOrderRequest {
            key: Some(Key::OrderNo(order_no.to_owned())),
            ..GetOrderRequest::default()
        };
        let read = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.get_order(request).await }
        });
        read.await.unwrap().order.unwrap()
    }

    /// Waits until an order is as it should be.
    pub(crate) async fn until(&self, order_no: &str, is_so: impl Fn(&Order) -> bool) -> Order {
        let started = tokio::time::Instant::now();
        loop {
            let order = self.order(order_no).await;
            if is_so(&order) {
                return order;
            }
            assert!(started.elapsed() < LIMIT, "{order:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn payment(&self, payment_no: &str) -> (Payment, Vec<Refund>) {
        let request = GetPaymentRequest {
            payment_no: payment_no.to_owned(),
        };
        let read = patiently(|| {
            let (mut payments, request) = (self.payments(), request.clone());
            async move { payments.get_payment(request).await }
        });
        let read = read.await.unwrap();
        (read.payment.unwrap(), read.refunds)
    }

    /// Waits until a payment is as it should be.
    pub(crate) async fn until_payment(
        &self,
        payment_no: &str,
        is_so: impl Fn(&Payment) -> bool,
    ) -> Payment {
        let started = tokio::time::Instant::now();
        loop {
            let (payment, refunds) = self.payment(payment_no).await;
            if is_so(&payment) {
                return payment;
            }
            assert!(started.elapsed() < LIMIT, "{payment:?} {refunds:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the provider has given back of a payment.
    pub(crate) async fn given_back(&self, payment_no: &str) -> i64 {
        let payment_no = payment_no.to_owned();
        let request = GetChargeRequest { payment_no };
        let reply = self.provider().get_charge(request).await.unwrap();
        reply.into_inner().charge.unwrap().refunded_cents
    }

    /// Waits until the provider has given back so much.
    pub(crate) async fn until_given_back(&self, payment_no: &str, cents: i64) {
        let started = tokio::time::Instant::now();
        loop {
            let back = self.given_back(payment_no).await;
            if back == cents {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{back} cents, not {cents}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn sku(&self, sku: &str) -> Sku {
        let sku = sku.to_owned();
        let reply = self.stock().get_sku(GetSkuRequest { sku }).await.unwrap();
        reply.into_inner().sku.unwrap()
    }

    pub(crate) async fn account(&self, user: &str) -> Account {
        let user_id = user.to_owned();
        let request = GetAccountRequest { user_id };
        let reply = self.points().get_account(request).await.unwrap();
        reply.into_inner().account.unwrap()
    }
}
