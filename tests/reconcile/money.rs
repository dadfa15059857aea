//! The payments beside the provider's statement.

use tercet_checker::Place;
use tercet_proto::shop::payment::v1::payment_service_client::PaymentServiceClient;
use tercet_proto::shop::payment::v1::{
    GetPaymentRequest, Payment, PaymentState, StartPaymentRequest,
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
        let world = World::with(&more).await;
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

    /// A payment that is made, told, and taken by the order.
    async fn settled(&self, payment_no: &str) {
        self.started(payment_no).await;
        self.paid(payment_no, vec![NoticePlan::default()]).await;
        until("the notice to be taken", || async {
            let payment = self.payment(payment_no).await;
            (payment.state() == PaymentState::Succeeded).then_some(())
        })
        .await;
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
