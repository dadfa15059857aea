//! The payment service between a real test provider and a pretended order service, over real sockets on a real database.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tercet_participant::serve::{CoordinatorSection, DatabaseSection, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::order::v1 as order;
use tercet_proto::shop::order::v1::payment_event_service_server::{
    PaymentEventService, PaymentEventServiceServer,
};
use tercet_proto::shop::payment::v1::payment_service_client::PaymentServiceClient;
use tercet_proto::shop::payment::v1::refund_payment_service_client::RefundPaymentServiceClient;
use tercet_proto::shop::payment::v1::{
    GetPaymentRequest, ListNoticesRequest, NoticeVerdict, Payment, PaymentState, Refund,
    RefundPaymentRequest, RefundState, ReportVerdict, RetryPaymentRequest, StartPaymentRequest,
};
use tercet_proto::shop::provider::v1 as provider;
use tercet_proto::shop::provider::v1::control_service_client::ControlServiceClient;
use tercet_proto::shop::provider::v1::provider_service_client::ProviderServiceClient;
use tercet_proto::shop::provider::v1::{ChargeState, NoticePlan};
use tercet_service::{
    Bound, ConfigDuration, Drain, Endpoint, Listen, ListenAddress, Running, Services,
};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt;

use super::super::home::Home;
use crate::config::ScheduleSection;
use crate::{NotifySection, PaymentConfig, PeerSection, ProviderSection};

mod notices;
mod reasons;
mod refunds;
mod storm;
mod times;

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// The order service, pretended: one payment of an order is accepted, every other one is to be refunded.
#[derive(Default, Clone)]
struct Orders {
    state: Arc<Mutex<OrdersState>>,
}

#[derive(Default)]
struct OrdersState {
    /// Reports to be answered with WAIT before any other answer.
    waits: u32,
    paid: HashMap<String, String>,
    reports: Vec<(String, order::PaymentOutcome)>,
}

#[tonic::async_trait]
impl PaymentEventService for Orders {
    async fn report_payment(
        &self,
        request: Request<order::ReportPaymentRequest>,
    ) -> Result<Response<order::ReportPaymentResponse>, Status> {
        let report = request.into_inner();
        let mut state = self.state.lock().unwrap();
        let outcome = report.outcome();
        state.reports.push((report.payment_no.clone(), outcome));
        let verdict = if state.waits > 0 {
            state.waits -= 1;
            order::PaymentVerdict::Wait
        } else if outcome == order::PaymentOutcome::Failed {
            order::PaymentVerdict::Accepted
        } else {
            let payer = state
                .paid
                .entry(report.order_no)
                .or_insert(report.payment_no.clone());
            if *payer == report.payment_no {
                order::PaymentVerdict::Accepted
            } else {
                order::PaymentVerdict::Refund
            }
        };
        Ok(Response::new(order::ReportPaymentResponse {
            verdict: verdict.into(),
        }))
    }
}

/// Everybody, for one test.
struct Shop {
    home: Home,
    config: PaymentConfig,
    running: Option<RunningParticipant>,
    orders: Orders,
    provider: Running,
    _order_server: Running,
}

fn channel(url: String) -> Channel {
    Channel::from_shared(url).unwrap().connect_lazy()
}

/// Making an RSA key is slow: one for all tests.
fn keys() -> &'static tempfile::TempDir {
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("key.pem"), folder.path().join("key.der"));
        shop_provider::SigningKey::load_or_make(&private, &public).unwrap();
        folder
    })
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Short times, and no question of its own accord.
fn schedule() -> ScheduleSection {
    let millis = |text: &str| text.parse::<ConfigDuration>().unwrap();
    ScheduleSection {
        ask_after: vec![millis("1h")],
        back_off: millis("20ms"),
        back_off_max: millis("100ms"),
        attention_after: 3,
        lease: millis("10s"),
        poll: millis("50ms"),
    }
}

impl Shop {
    /// None where this database can't be had.
    async fn open() -> Option<Self> {
        Self::with(schedule()).await
    }

    async fn with(schedule: ScheduleSection) -> Option<Self> {
        let home = Home::new().await?;
        let orders = Orders::default();
        let bound = Bound::bind(&Listen::any_loopback()).await.unwrap();
        let services = Services::new().grpc(PaymentEventServiceServer::new(orders.clone()));
        let order_server = bound.start(services, Drain::new()).unwrap();
        let provider_config = shop_provider::ProviderConfig {
            listen: Some(ListenAddress::loopback(0)),
            http_listen: None,
            key_file: keys().path().join("key.pem"),
            public_key_file: keys().path().join("key.der"),
            telemetry: tercet_service::config::Telemetry::default(),
        };
        let provider = shop_provider::serve(&provider_config, Drain::new());
        let provider = provider.await.unwrap();
        let endpoint =
            |running: &Running| Endpoint::http("127.0.0.1", running.addresses().grpc.port());
        let config = PaymentConfig {
            listen: Some(ListenAddress::loopback(0)),
            http_listen: Some(ListenAddress::loopback(free_port())),
            database: DatabaseSection { url: home.url() },
            // Nobody listens on port 1: the service must do without its coordinator.
            coordinator: CoordinatorSection {
                endpoints: vec![Endpoint::http("127.0.0.1", 1)],
            },
            provider: ProviderSection {
                endpoint: endpoint(&provider),
                public_key_file: provider_config.public_key_file.clone(),
            },
            order: PeerSection {
                endpoint: endpoint(&order_server),
            },
            notify: NotifySection::default(),
            schedule,
            fence: tercet_participant::serve::FenceSection::default(),
            telemetry: tercet_service::config::Telemetry::default(),
            tls: tercet_service::config::Tls::default(),
        };
        let running = crate::serve(&config, Drain::new()).await.unwrap();
        Some(Self {
            home,
            config,
            running: Some(running),
            orders,
            provider,
            _order_server: order_server,
        })
    }

    /// Dies as a killed process does.
    async fn kill(&mut self) {
        self.running.take().unwrap().abort().await;
    }

    async fn restart(&mut self) {
        assert_eq!(self.config.database.url, self.home.url());
        self.running = Some(crate::serve(&self.config, Drain::new()).await.unwrap());
    }

    fn url(&self) -> String {
        self.running.as_ref().unwrap().addresses().grpc_url()
    }

    fn api(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(channel(self.url()))
    }

    fn provider_api(&self) -> ProviderServiceClient<Channel> {
        ProviderServiceClient::new(channel(self.provider.addresses().grpc_url()))
    }

    async fn start(&self, payment_no: &str, order_no: &str, amount_cents: i64) -> Payment {
        let request = StartPaymentRequest {
            payment_no: payment_no.to_owned(),
            order_no: order_no.to_owned(),
            user_id: "ann".to_owned(),
            amount_cents,
        };
        let reply = self.api().start_payment(request).await.unwrap();
        reply.into_inner().payment.unwrap()
    }

    /// The customer ends a payment, and the provider sends what is planned.
    async fn end(&self, payment_no: &str, outcome: ChargeState, notices: Vec<NoticePlan>) {
        let url = self.provider.addresses().grpc_url();
        let request = provider::EndChargeRequest {
            payment_no: payment_no.to_owned(),
            outcome: outcome.into(),
            notices,
        };
        let mut control = ControlServiceClient::new(channel(url));
        control.end_charge(request).await.unwrap();
    }

    async fn get(&self, payment_no: &str) -> (Payment, Vec<Refund>) {
        let payment_no = payment_no.to_owned();
        let request = GetPaymentRequest { payment_no };
        let reply = self.api().get_payment(request).await.unwrap().into_inner();
        (reply.payment.unwrap(), reply.refunds)
    }

    /// Waits until a payment is as it should be.
    async fn until(
        &self,
        payment_no: &str,
        is_so: impl Fn(&Payment, &[Refund]) -> bool,
    ) -> Payment {
        let started = tokio::time::Instant::now();
        loop {
            let (payment, refunds) = self.get(payment_no).await;
            if is_so(&payment, &refunds) {
                return payment;
            }
            assert!(started.elapsed() < LIMIT, "{payment:?} {refunds:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The verdicts on a payment's notices, oldest first, once there are `count`.
    async fn notices(&self, payment_no: &str, count: usize) -> Vec<NoticeVerdict> {
        let started = tokio::time::Instant::now();
        loop {
            let request = ListNoticesRequest {
                payment_no: payment_no.to_owned(),
                page_size: 500,
                ..Default::default()
            };
            let notices = self.api().list_notices(request).await.unwrap();
            let notices = notices.into_inner().notices;
            if notices.len() >= count {
                let verdicts = notices.iter().rev();
                return verdicts
                    .map(tercet_proto::shop::payment::v1::Notice::verdict)
                    .collect();
            }
            assert!(started.elapsed() < LIMIT, "{notices:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn refund(
        &self,
        phase: Phase,
        branch: &str,
        refund: (&str, &str, i64),
    ) -> Result<i64, Status> {
        let message = RefundPaymentRequest {
            payment_no: refund.0.to_owned(),
            refund_no: refund.1.to_owned(),
            amount_cents: refund.2,
        };
        let deadline = now_micros() + micros(Duration::from_secs(30));
        let mut request = Request::new(message);
        BranchContext::new(BranchKey::new("g", branch).unwrap(), phase, deadline)
            .write_to(request.metadata_mut());
        let mut client = RefundPaymentServiceClient::new(channel(self.url()));
        match phase {
            Phase::Try => {
                let reply = client.r#try(request).await?;
                Ok(reply.into_inner().refundable_cents)
            }
            Phase::Confirm => client.confirm(request).await.map(|_| 0),
            Phase::Cancel => client.cancel(request).await.map(|_| 0),
        }
    }

    /// What the provider has given back of a payment.
    async fn given_back(&self, payment_no: &str) -> i64 {
        let payment_no = payment_no.to_owned();
        let request = provider::GetChargeRequest { payment_no };
        let reply = self.provider_api().get_charge(request).await.unwrap();
        reply.into_inner().charge.unwrap().refunded_cents
    }

    fn reports(&self, payment_no: &str) -> usize {
        let state = self.orders.state.lock().unwrap();
        state
            .reports
            .iter()
            .filter(|(no, _)| no == payment_no)
            .count()
    }
}

fn is_accepted(payment: &Payment, _: &[Refund]) -> bool {
    payment.verdict() == ReportVerdict::Accepted
}

fn are_done(_: &Payment, refunds: &[Refund]) -> bool {
    !refunds.is_empty()
        && refunds
            .iter()
            .all(|refund| refund.state() == RefundState::Done)
}

fn honest() -> NoticePlan {
    NoticePlan::default()
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}
