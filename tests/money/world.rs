//! Everybody who has to do with money, in one process over real sockets: the coordinator, the four services of the shop,
//! and the test provider. Each has a database of its own.

use std::sync::OnceLock;
use std::time::Duration;

use shop_payment::{NotifySection, PaymentConfig, PeerSection, ProviderSection, ScheduleSection};
use tempfile::TempDir;
use tercet_coordinator::config::{ActionConfig, ParticipantConfig as CalledConfig};
use tercet_coordinator::{Config, Coordinator};
use tercet_core::Verbs;
use tercet_participant::serve::{
    CoordinatorSection, DatabaseSection, FenceSection, ParticipantConfig, RunningParticipant,
};
use tercet_proto::shop::order::v1::campaign_service_client::CampaignServiceClient;
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::payment::v1::payment_service_client::PaymentServiceClient;
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::provider::v1::control_service_client::ControlServiceClient;
use tercet_proto::shop::provider::v1::provider_service_client::ProviderServiceClient;
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_service::{Addresses, Drain, Endpoint, ListenAddress, Running};
use tercet_test_databases::Server;
use tokio::sync::Mutex;
use tonic::transport::Channel;

use crate::DATABASES;
use crate::ports::free_port;

/// Where a target's databases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each target is one of them")]
pub(crate) enum Kind {
    Sqlite,
    MariaDb,
}

/// Everybody.
pub(crate) struct World {
    _folder: TempDir,
    urls: Vec<(&'static str, String)>,
    ports: Ports,
    coordinator: Mutex<Option<tercet_coordinator::Running>>,
    order: Mutex<Option<RunningParticipant>>,
    payment: Mutex<Option<RunningParticipant>>,
    points: RunningParticipant,
    stock: RunningParticipant,
    provider: Running,
    schedule: ScheduleSection,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    coordinator: u16,
    order: u16,
    payment: u16,
    notices: u16,
}

const NAMES: [&str; 5] = ["coordinator", "order", "points", "stock", "payment"];

/// Times that tests can wait for.
fn schedule(ask_after: Duration) -> ScheduleSection {
    let milliseconds = |ms: u64| format!("{ms}ms").parse().unwrap();
    let ask_after = format!("{}ms", ask_after.as_millis()).parse().unwrap();
    ScheduleSection {
        ask_after: vec![ask_after; 200],
        back_off: milliseconds(50),
        back_off_max: milliseconds(500),
        attention_after: 1000,
        lease: milliseconds(6000),
        poll: milliseconds(50),
    }
}

/// Making an RSA key is slow: one for all tests.
fn keys() -> &'static TempDir {
    static KEYS: OnceLock<TempDir> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("key.pem"), folder.path().join("key.der"));
        shop_provider::SigningKey::load_or_make(&private, &public).unwrap();
        folder
    })
}

impl World {
    /// Everybody up, nothing anywhere. The provider is asked about a payment after that time, again and again. None where
    /// the database can't be had.
    pub(crate) async fn start(ask_after: Duration) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut urls = Vec::new();
        for name in NAMES {
            let url = match DATABASES {
                Kind::Sqlite => format!("sqlite:{}", folder.path().join(name).display()),
                Kind::MariaDb => Server::shared().await?.restricted_database(name).await,
            };
            urls.push((name, url));
        }
        let ports = Ports {
            coordinator: free_port(),
            order: free_port(),
            payment: free_port(),
            notices: free_port(),
        };
        let embedded = |name: &str| {
            let (_, url) = urls.iter().find(|(of, _)| *of == name).unwrap();
            ParticipantConfig::embedded(url.parse().unwrap(), vec![at(ports.coordinator)])
        };
        let provider = shop_provider::ProviderConfig {
            listen: Some(ListenAddress::loopback(0)),
            http_listen: None,
            key_file: keys().path().join("key.pem"),
            public_key_file: keys().path().join("key.der"),
            telemetry: tercet_service::config::Telemetry::default(),
        };
        let provider = shop_provider::serve(&provider, Drain::new());
        let world = Self {
            coordinator: Mutex::default(),
            order: Mutex::default(),
            payment: Mutex::default(),
            points: shop_points::serve(&embedded("points"), Drain::new())
                .await
                .unwrap(),
            stock: shop_stock::serve(&embedded("stock"), Drain::new())
                .await
                .unwrap(),
            provider: provider.await.unwrap(),
            _folder: folder,
            urls,
            ports,
            schedule: schedule(ask_after),
        };
        world.up().await;
        Some(world)
    }

    /// Starts whoever of the coordinator, order and payment is down.
    pub(crate) async fn up(&self) {
        let mut order = self.order.lock().await;
        if order.is_none() {
            *order = Some(self.serve_order().await);
        }
        drop(order);
        let mut payment = self.payment.lock().await;
        if payment.is_none() {
            let config = self.payment_config();
            *payment = Some(shop_payment::serve(&config, Drain::new()).await.unwrap());
        }
        drop(payment);
        let mut coordinator = self.coordinator.lock().await;
        if coordinator.is_none() {
            let config = self.coordinator_config();
            *coordinator = Some(Coordinator::start(config, Drain::new()).await.unwrap());
        }
    }

    /// The order service dies as a killed process does, and comes back on its port with [`World::up`].
    pub(crate) async fn kill_order(&self) {
        self.order.lock().await.take().unwrap().abort().await;
    }

    /// The same of the payment service.
    pub(crate) async fn kill_payment(&self) {
        self.payment.lock().await.take().unwrap().abort().await;
    }

    fn url(&self, name: &str) -> &str {
        let (_, url) = self.urls.iter().find(|(of, _)| *of == name).unwrap();
        url
    }

    fn embedded(&self, name: &str, port: u16) -> ParticipantConfig {
        let url = self.url(name).parse().unwrap();
        let mut config = ParticipantConfig::embedded(url, vec![at(self.ports.coordinator)]);
        config.listen = Some(ListenAddress::loopback(port));
        config
    }

    async fn serve_order(&self) -> RunningParticipant {
        let config = shop_order::OrderConfig {
            payment: Some(shop_order::PaymentSection {
                endpoint: at(self.ports.payment),
            }),
            ..self.embedded("order", self.ports.order).into()
        };
        // Here, in one process, the files of a service that was killed may still be closing.
        let started = tokio::time::Instant::now();
        loop {
            match shop_order::serve(&config, Drain::new()).await {
                Ok(running) => return running,
                Err(error) => assert!(started.elapsed() < LIMIT, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn payment_config(&self) -> PaymentConfig {
        let url = self.url("payment").parse().unwrap();
        PaymentConfig {
            listen: Some(ListenAddress::loopback(self.ports.payment)),
            http_listen: Some(ListenAddress::loopback(self.ports.notices)),
            database: DatabaseSection { url },
            coordinator: CoordinatorSection {
                endpoints: vec![at(self.ports.coordinator)],
            },
            provider: ProviderSection {
                endpoint: at(self.provider.addresses().grpc.port()),
                public_key_file: keys().path().join("key.der"),
            },
            order: PeerSection {
                endpoint: at(self.ports.order),
            },
            notify: NotifySection::default(),
            schedule: self.schedule.clone(),
            fence: FenceSection::default(),
            telemetry: tercet_service::config::Telemetry::default(),
            tls: tercet_service::config::Tls::default(),
        }
    }

    fn coordinator_config(&self) -> Config {
        let mut config = Config {
            listen: ListenAddress::loopback(self.ports.coordinator),
            http_listen: ListenAddress::loopback(0),
            ..Config::default()
        };
        self.url("coordinator").clone_into(&mut config.log.url);
        let port = |addresses: Addresses| addresses.grpc.port();
        let participants = [
            (
                "order",
                self.ports.order,
                vec![
                    ("create", shop_order::CREATE, Verbs::Tcc),
                    ("pay", shop_order::PAY, Verbs::Tcc),
                    ("close", shop_order::CLOSE, Verbs::Tcc),
                    ("release_hold", shop_order::RELEASE_HOLD, Verbs::Tcc),
                    ("refund", shop_order::REFUND, Verbs::Tcc),
                    ("return", shop_order::RETURN, Verbs::Tcc),
                ],
            ),
            (
                "points",
                port(self.points.addresses()),
                vec![
                    ("spend", shop_points::SPEND, Verbs::Tcc),
                    ("refund", shop_points::REFUND, Verbs::Tcc),
                    ("grant", shop_points::GRANT, Verbs::Message),
                ],
            ),
            (
                "stock",
                port(self.stock.addresses()),
                vec![
                    ("reserve", shop_stock::RESERVE, Verbs::Tcc),
                    ("sell", shop_stock::SELL, Verbs::Tcc),
                    ("release", shop_stock::RELEASE, Verbs::Tcc),
                    ("return", shop_stock::RETURN, Verbs::Tcc),
                    ("notify", shop_stock::NOTIFY, Verbs::Message),
                ],
            ),
            (
                "payment",
                self.ports.payment,
                vec![("refund", shop_payment::REFUND, Verbs::Tcc)],
            ),
        ];
        for (name, port, actions) in participants {
            let mut called = CalledConfig::new(vec![at(port)]);
            for (action, service, verbs) in actions {
                let action_config = ActionConfig::new(service, verbs);
                called = called.with_action(action, action_config).unwrap();
            }
            config.add_participant(name, called).unwrap();
        }
        config
    }

    pub(crate) fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(channel(self.ports.order))
    }

    pub(crate) fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(channel(self.ports.order))
    }

    pub(crate) fn payments(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(channel(self.ports.payment))
    }

    pub(crate) fn points(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(channel(self.points.addresses().grpc.port()))
    }

    /// The coordinator, asked about transactions.
    pub(crate) fn transactions(&self) -> tercet_client::Client {
        tercet_client::Client::lazy([at(self.ports.coordinator).to_string()]).unwrap()
    }

    pub(crate) fn stock(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(channel(self.stock.addresses().grpc.port()))
    }

    pub(crate) fn provider(&self) -> ProviderServiceClient<Channel> {
        ProviderServiceClient::new(channel(self.provider.addresses().grpc.port()))
    }

    pub(crate) fn control(&self) -> ControlServiceClient<Channel> {
        ControlServiceClient::new(channel(self.provider.addresses().grpc.port()))
    }

    pub(crate) fn order_channel(&self) -> Channel {
        channel(self.ports.order)
    }
}

fn at(port: u16) -> Endpoint {
    Endpoint::http("127.0.0.1", port)
}

fn channel(port: u16) -> Channel {
    Channel::from_shared(format!("http://127.0.0.1:{port}"))
        .unwrap()
        .connect_lazy()
}

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);
