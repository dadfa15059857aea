//! The payments beside the provider's statement.

use std::path::Path;

use tercet_checker::Place;
use tercet_participant::now_micros;
use tercet_proto::shop::order::v1::campaign_service_client::CampaignServiceClient;
use tercet_proto::shop::order::v1::get_order_request::Key;
use tercet_proto::shop::order::v1::{
    Campaign, CreateCampaignRequest, GetOrderRequest, Order, OrderState, PayOrderRequest,
    PaymentMethod, PlaceOrderRequest, StockTaking,
};
use tercet_proto::shop::payment::v1::payment_service_client::PaymentServiceClient;
use tercet_proto::shop::payment::v1::{
    GetPaymentRequest, Payment, PaymentState, RefundState, StartPaymentRequest,
};
use tercet_proto::shop::provider::v1::control_service_client::ControlServiceClient;
use tercet_proto::shop::provider::v1::provider_service_client::ProviderServiceClient;
use tercet_proto::shop::provider::v1::{
    ChargeState, CreateChargeRequest, CreateRefundRequest, EndChargeRequest, NoticePlan,
};
use tercet_test_databases::Server as DatabaseServer;
use tonic::transport::Channel;

use crate::harness::databases::Kind;
use crate::harness::process::Server;
use crate::harness::shop::{channel, free_port, participant};
use crate::harness::until;
use crate::queries::{Tamper, tamper};
use crate::world::{World, place};

/// The actions that a paid order needs beside those that every shop of these tests has.
const MORE_ACTIONS: [(&str, &str); 2] = [
    (
        "create = \"shop.order.v1.CreateOrderService\"",
        "pay = \"shop.order.v1.PayOrderActionService\"\nclose = \"shop.order.v1.CloseOrderService\"",
    ),
    (
        "reserve = \"shop.stock.v1.ReserveStockService\"",
        "sell = \"shop.stock.v1.SellStockService\"\nrelease = \"shop.stock.v1.ReleaseStockService\"",
    ),
];

/// Changes the files so that orders can be paid through the payment service at that address.
fn sells_for_money(folder: &Path, payment: &str) {
    let file = folder.join("coordinator.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (known, more) in MORE_ACTIONS {
        text = text.replace(known, &format!("{known}\n{more}"));
    }
    std::fs::write(&file, text).unwrap();
    let file = folder.join("order.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let section = format!("[payment]\nendpoint = \"http://{payment}\"\n");
    std::fs::write(&file, text + &section).unwrap();
}

/// A shop with a payment service and a provider, which never asks by itself what became of a payment.
struct Till {
    world: World,
    payment: Server,
    provider: Option<Server>,
    place: Place,
}

impl Till {
    async fn start() -> Self {
        let (payment_port, provider_port, http_port) = (free_port(), free_port(), free_port());
        let refund = "refund = \"shop.payment.v1.RefundPaymentService\"";
        let address = format!("127.0.0.1:{payment_port}");
        let more = participant("payment", &address, "3s", refund);
        let world = World::with(&more, |folder| sells_for_money(folder, &address)).await;
        let folder = world.shop.folder.path();
        let url = if crate::DATABASES == Kind::Sqlite {
            "sqlite:payment.db".to_owned()
        } else {
            let server = DatabaseServer::shared().await.unwrap();
            server.restricted_database("payment").await
        };
        let files = [
            (
                "provider.toml",
                format!(
                    "listen = \"127.0.0.1:{provider_port}\"\nkey_file = \"key.pem\"\npublic_key_file = \"key.der\"\n"
                ),
            ),
            (
                "payment.toml",
                format!(
                    "listen = \"{address}\"\nhttp_listen = \"127.0.0.1:{http_port}\"\n[database]\nurl = \"{url}\"\n\
                     [coordinator]\nendpoints = [\"http://{}\"]\n[provider]\nendpoint = \"http://127.0.0.1:{provider_port}\"\n\
                     public_key_file = \"key.der\"\n[order]\nendpoint = \"http://{}\"\n\
                     [schedule]\nask_after = [\"1h\"]\nback_off = \"50ms\"\nback_off_max = \"200ms\"\n",
                    world.shop.endpoint(),
                    world.shop.order_endpoint()
                ),
            ),
        ];
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let provider = Server::start(&["provider", "--config", "provider.toml"], folder).await;
        let payment = Server::start(&["payment", "--config", "payment.toml"], folder).await;
        let place = place(folder, &url);
        Self {
            world,
            payment,
            provider: Some(provider),
            place,
        }
    }

    fn payments(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(channel(&self.payment.grpc))
    }

    fn provider(&self) -> Channel {
        channel(&self.provider.as_ref().unwrap().grpc)
    }

    async fn payment(&self, payment_no: &str) -> Payment {
        let payment_no = payment_no.to_owned();
        let answer = self
            .payments()
            .get_payment(GetPaymentRequest { payment_no })
            .await;
        answer.unwrap().into_inner().payment.unwrap()
    }

    /// A payment that the provider knows.
    async fn started(&self, payment_no: &str) {
        let request = StartPaymentRequest {
            payment_no: payment_no.to_owned(),
            order_no: format!("order-of-{payment_no}"),
            user_id: "ann".to_owned(),
            amount_cents: 500,
        };
        let answer = self.payments().start_payment(request).await.unwrap();
        let payment = answer.into_inner().payment.unwrap();
        assert_ne!(payment.provider_no, "", "the provider knows it");
    }

    /// The customer pays; the shop is told, or not.
    async fn paid(&self, payment_no: &str, notices: Vec<NoticePlan>) {
        let request = EndChargeRequest {
            payment_no: payment_no.to_owned(),
            outcome: ChargeState::Succeeded.into(),
            notices,
        };
        let mut control = ControlServiceClient::new(self.provider());
        control.end_charge(request).await.unwrap();
    }

    /// A payment that the provider has told of.
    async fn told(&self, payment_no: &str) {
        self.paid(payment_no, vec![NoticePlan::default()]).await;
        until("the notice to be taken", || async {
            let payment = self.payment(payment_no).await;
            (payment.state() == PaymentState::Succeeded).then_some(())
        })
        .await;
    }

    /// An order of ann's for a piece of tea, which she begins to pay.
    async fn paying(&self) -> Order {
        let hour = 3_600;
        let at = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        let now = now_micros() / 1_000_000;
        let campaign = Campaign {
            campaign_id: "c".to_owned(),
            sku: "tea".to_owned(),
            starts_at: Some(at(now - hour)),
            ends_at: Some(at(now + hour)),
            price_cents: 500,
            stock_taking: StockTaking::Order.into(),
            payment_time: Some(prost_types::Duration {
                seconds: hour,
                nanos: 0,
            }),
            quantity_max: 1,
            ..Campaign::default()
        };
        let campaign = Some(campaign);
        let mut campaigns = CampaignServiceClient::new(channel(&self.world.shop.order_endpoint()));
        let created = campaigns.create_campaign(CreateCampaignRequest { campaign });
        created.await.unwrap();
        let order = PlaceOrderRequest {
            request_id: "r".to_owned(),
            user_id: "ann".to_owned(),
            quantity: 1,
            campaign_id: "c".to_owned(),
            ..PlaceOrderRequest::default()
        };
        let placed = self.world.shop.place(order).await.unwrap();
        assert_eq!(placed.refusal, None);
        let request = PayOrderRequest {
            order_no: placed.order.unwrap().order_no,
            user_id: "ann".to_owned(),
            method: PaymentMethod::Outside.into(),
        };
        let paying = self.world.shop.orders().pay_order(request).await.unwrap();
        let order = paying.into_inner().order.unwrap();
        until("the provider to know the payment", || async {
            let payment = self.payment(&order.payment_no).await;
            (!payment.provider_no.is_empty()).then_some(())
        })
        .await;
        order
    }

    async fn order(&self, order_no: &str) -> Order {
        let request = GetOrderRequest {
            key: Some(Key::OrderNo(order_no.to_owned())),
            ..GetOrderRequest::default()
        };
        let answer = self.world.shop.orders().get_order(request).await;
        answer.unwrap().into_inner().order.unwrap()
    }

    /// A payment that is made, told, and taken by the order.
    async fn settled(&self, payment_no: &str) {
        self.started(payment_no).await;
        self.told(payment_no).await;
        // Nobody has placed the order that this payment is for.
        for (column, value) in [("verdict", 1), ("report_at", -1)] {
            let value = if value < 0 { i64::MAX } else { value };
            let what = Tamper::Payment(payment_no, column, value);
            tamper(&self.place, what).await;
        }
    }
}

#[tokio::test]
async fn the_statement_finds_what_the_shop_was_not_told() {
    let till = Till::start().await;
    till.settled("a-right").await;
    till.started("b-open").await;
    till.world.reconcile(&[], "").await.is(&[]);

    till.started("c-lost").await;
    till.paid("c-lost", Vec::new()).await;
    let found = till.world.reconcile(&[], "").await;
    found.is(&[("payment-unheard", "c-lost", "stands")]);
    let mended = till.world.reconcile(&["--repair", "--yes"], "").await;
    mended.is(&[("payment-unheard", "c-lost", "mended")]);
    assert_eq!(
        till.payment("c-lost").await.state(),
        PaymentState::Succeeded
    );
}

#[tokio::test]
async fn an_order_that_was_not_told_that_it_is_paid_is_told() {
    let mut till = Till::start().await;
    let Order {
        order_no,
        payment_no,
        ..
    } = till.paying().await;
    till.world.reconcile(&[], "").await.is(&[]);
    till.world.shop.kill("order").await;
    till.told(&payment_no).await;
    // When it should be told again is lost, as it would be with an older backup.
    let lost = Tamper::Payment(&payment_no, "report_at", i64::MAX);
    tamper(&till.place, lost).await;
    till.world.shop.up().await;

    let found = |outcome| [("payment-unreported", payment_no.as_str(), outcome)];
    till.world.reconcile(&[], "").await.is(&found("stands"));
    assert_eq!(till.order(&order_no).await.state(), OrderState::Paying);
    let mended = till.world.reconcile(&["--repair", "--yes"], "").await;
    mended.is(&found("mended"));
    until("the order to be paid", || async {
        let order = till.order(&order_no).await;
        (order.state() == OrderState::Paid).then_some(())
    })
    .await;
    assert_eq!(till.world.tea().await, [9, 0, 0, 1]);
    till.world.reconcile(&[], "").await.is(&[]);
}

#[tokio::test]
async fn what_is_owed_is_given_back_and_what_was_never_booked_is_left_to_a_person() {
    let till = Till::start().await;
    for payment_no in ["owed", "unbooked"] {
        till.settled(payment_no).await;
    }
    let owed = Tamper::Refund("owed", 200, RefundState::Owed);
    tamper(&till.place, owed).await;
    let unbooked = Tamper::Refund("unbooked", 300, RefundState::Done);
    tamper(&till.place, unbooked).await;

    let unbooked = ("refund-unbooked", "unbooked", "stands");
    let found = |outcome| [("refund-owed", "owed", outcome), unbooked];
    till.world.reconcile(&[], "").await.is(&found("stands"));
    let mended = till.world.reconcile(&["--repair"], "y\n").await;
    mended.is(&found("mended"));
    let why = mended.document["findings"].to_string();
    assert!(
        why.contains(
            "refund r-1: the shop takes 300 cents for given back, the provider has booked none"
        ),
        "{why}"
    );
    // The provider has it in its books now, with the right amount: nothing more is said of it.
    till.world.reconcile(&[], "").await.is(&[unbooked]);
}

#[tokio::test]
async fn the_statement_and_the_payments_are_compared_from_both_sides() {
    let mut till = Till::start().await;
    for payment_no in ["amount", "refunded", "right", "twice"] {
        till.settled(payment_no).await;
    }
    tamper(&till.place, Tamper::Payment("amount", "amount_cents", 400)).await;
    // Somebody else's: booked, and of no payment of the shop's.
    let mut provider = ProviderServiceClient::new(till.provider());
    let charge = CreateChargeRequest {
        payment_no: "strange".to_owned(),
        order_no: "strange".to_owned(),
        amount_cents: 9,
        notify_url: "http://127.0.0.1:1/".to_owned(),
    };
    provider.create_charge(charge).await.unwrap();
    till.paid("strange", Vec::new()).await;
    let refund = CreateRefundRequest {
        payment_no: "refunded".to_owned(),
        refund_no: "r-1".to_owned(),
        amount_cents: 100,
    };
    provider.create_refund(refund).await.unwrap();
    let expected = [
        ("payment-amount", "amount", "stands"),
        ("payment-unknown", "strange", "stands"),
        ("refund-unknown", "refunded", "stands"),
    ];
    till.world
        .reconcile(&["--repair", "--yes"], "")
        .await
        .is(&expected);

    // A test provider keeps its books in memory: a new one has booked nothing.
    till.provider.take().unwrap().kill().await;
    let folder = till.world.shop.folder.path();
    let provider = Server::start(&["provider", "--config", "provider.toml"], folder).await;
    till.provider = Some(provider);
    till.world.reconcile(&[], "").await.is(&[
        ("payment-unbooked", "amount", "stands"),
        ("payment-unbooked", "refunded", "stands"),
        ("payment-unbooked", "right", "stands"),
        ("payment-unbooked", "twice", "stands"),
    ]);
}
