//! The whole shop as processes: a coordinator and three participants, each with a database of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tercet_checker::Service;
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{PlaceOrderRequest, PlaceOrderResponse};
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::points::v1::{Account, GetAccountRequest, SeedAccountRequest};
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{GetSkuRequest, SeedSkuRequest, Sku};
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tonic::transport::Channel;

use super::databases::Databases;
use super::process::Server;

/// Below the ports that the kernel gives to outgoing connections: there a client of another test could sit on the port
/// of a server that is down for a moment, or meet itself on it.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody has just now, and that no other test of this process gets. A server that is killed comes back on
/// its own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Test processes that run beside each other begin far apart.
    let start = std::process::id().wrapping_mul(7_919);
    for _ in 0..count {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        let port = PORTS.start + u16::try_from(offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}

/// Writes a coordinator's file with that log, these participants, and whatever else is asked for.
pub(crate) fn coordinator_file(
    folder: &Path,
    port: u16,
    databases: &Databases,
    participants: &str,
) -> PathBuf {
    let file = folder.join("coordinator.toml");
    let log = databases.url(Service::Coordinator);
    let text = format!(
        "listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = \"{log}\"\n{participants}"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// One participant of a coordinator's file.
pub(crate) fn participant(name: &str, endpoint: &str, timeout: &str, actions: &str) -> String {
    format!(
        "[participants.{name}]\nendpoints = [\"http://{endpoint}\"]\ntimeout = \"{timeout}\"\n[participants.{name}.actions]\n{actions}\n"
    )
}

/// What each service of the shop offers, as a coordinator's file says it.
pub(crate) const ACTIONS: [(&str, &str); 3] = [
    ("order", "create = \"shop.order.v1.CreateOrderService\""),
    ("points", "spend = \"shop.points.v1.SpendPointsService\""),
    (
        "stock",
        "reserve = \"shop.stock.v1.ReserveStockService\"\nnotify = { service = \"shop.stock.v1.NotifyService\", verbs = [\"confirm\"] }",
    ),
];

/// A lazily connected channel, which finds a restarted server again.
pub(crate) fn channel(address: &str) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy()
}

/// The four processes.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
    pub(crate) databases: Databases,
    /// Variables of the coordinator's environment, each `NAME=VALUE`.
    pub(crate) coordinator_env: Vec<String>,
    ports: Ports,
    pub(crate) coordinator: Option<Server>,
    pub(crate) order: Option<Server>,
    pub(crate) points: Option<Server>,
    pub(crate) stock: Option<Server>,
}

#[derive(Clone, Copy)]
struct Ports {
    coordinator: u16,
    order: u16,
    points: u16,
    stock: u16,
}

impl Shop {
    /// Everything up, nothing in it.
    pub(crate) async fn start() -> Self {
        let mut shop = Self::down("3s", "").await;
        shop.up().await;
        shop
    }

    /// Nothing up yet. `timeout` is that of every participant, `more` stands at the end of the coordinator's file.
    pub(crate) async fn down(timeout: &str, more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let databases = Databases::new(folder.path()).await;
        Self::down_with(folder, databases, timeout, more)
    }

    /// The same with databases that the test has made.
    pub(crate) fn down_with(
        folder: TempDir,
        databases: Databases,
        timeout: &str,
        more: &str,
    ) -> Self {
        let ports = Ports {
            coordinator: free_port(),
            order: free_port(),
            points: free_port(),
            stock: free_port(),
        };
        let shop = Self {
            folder,
            databases,
            coordinator_env: Vec::new(),
            ports,
            coordinator: None,
            order: None,
            points: None,
            stock: None,
        };
        shop.write_files(timeout, more);
        shop
    }

    /// Starts what isn't up.
    pub(crate) async fn up(&mut self) {
        for name in ["stock", "points", "order", "serve"] {
            if self.slot(name).is_none() {
                let server = self.server(name).await;
                *self.slot(name) = Some(server);
            }
        }
    }

    /// `kill -9` of one server: `serve`, `order`, `points` or `stock`.
    pub(crate) async fn kill(&mut self, name: &str) {
        if let Some(server) = self.slot(name).take() {
            server.kill().await;
        }
    }

    /// Where the server of that command is kept.
    pub(crate) fn slot(&mut self, name: &str) -> &mut Option<Server> {
        match name {
            "serve" => &mut self.coordinator,
            "order" => &mut self.order,
            "points" => &mut self.points,
            "stock" => &mut self.stock,
            _ => panic!("no server is called {name}"),
        }
    }

    fn write_files(&self, timeout: &str, more: &str) {
        self.write_services(&[format!("http://{}", self.endpoint())]);
        let participants =
            ACTIONS.map(|(name, actions)| participant(name, &self.address(name), timeout, actions));
        let participants = participants.concat() + more;
        coordinator_file(
            self.folder.path(),
            self.ports.coordinator,
            &self.databases,
            &participants,
        );
    }

    /// Writes the services' files, which name these coordinators.
    pub(crate) fn write_services(&self, coordinators: &[String]) {
        for service in [Service::Order, Service::Points, Service::Stock] {
            // Nobody pays these orders, and what is checked at the end is what was placed, however long a run takes.
            let own = match service {
                Service::Order => "payment_time = \"3650d\"\n",
                _ => "",
            };
            let text = format!(
                "{own}listen = \"{}\"\nhttp_listen = \"127.0.0.1:0\"\n[database]\nurl = \"{}\"\n[coordinator]\nendpoints = {coordinators:?}\n",
                self.address(service.name()),
                self.databases.url(service),
            );
            let file = format!("{}.toml", service.name());
            std::fs::write(self.folder.path().join(file), text).unwrap();
        }
    }

    /// `HOST:PORT` of a service of the shop, also while it is down.
    pub(crate) fn address(&self, service: &str) -> String {
        let port = match service {
            "order" => self.ports.order,
            "points" => self.ports.points,
            "stock" => self.ports.stock,
            _ => panic!("no service is called {service}"),
        };
        format!("127.0.0.1:{port}")
    }

    /// Starts one server from its file: `serve`, `order`, `points` or `stock`.
    pub(crate) async fn server(&self, command: &str) -> Server {
        if command != "serve" {
            let file = format!("{command}.toml");
            return Server::start(&[command, "--config", &file], self.folder.path()).await;
        }
        let wrapper: Vec<&str> = match self.coordinator_env.as_slice() {
            [] => Vec::new(),
            variables => std::iter::once("env")
                .chain(variables.iter().map(String::as_str))
                .collect(),
        };
        let arguments = [command, "--config", "coordinator.toml"];
        Server::start_through(&wrapper, &arguments, self.folder.path()).await
    }

    /// `HOST:PORT` of the coordinator, also while it is down.
    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.ports.coordinator)
    }

    pub(crate) fn transactions(&self) -> TransactionServiceClient<Channel> {
        TransactionServiceClient::new(channel(&self.endpoint()))
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(channel(&self.endpoint()))
    }

    pub(crate) fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(channel(&self.order_endpoint()))
    }

    /// `HOST:PORT` of the order service, also while it is down.
    pub(crate) fn order_endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.ports.order)
    }

    pub(crate) async fn seed(&self, sku: &str, quantity: i64, user: &str, points: i64) {
        let sku = SeedSkuRequest {
            sku: sku.into(),
            quantity,
        };
        self.stock_client().seed_sku(sku).await.unwrap();
        let account = SeedAccountRequest {
            user_id: user.into(),
            points,
        };
        self.points_client().seed_account(account).await.unwrap();
    }

    pub(crate) async fn place(
        &self,
        order: PlaceOrderRequest,
    ) -> Result<PlaceOrderResponse, tonic::Status> {
        self.orders()
            .place_order(order)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn sku(&self, sku: &str) -> Sku {
        let request = GetSkuRequest { sku: sku.into() };
        self.stock_client()
            .get_sku(request)
            .await
            .unwrap()
            .into_inner()
            .sku
            .unwrap()
    }

    pub(crate) async fn account(&self, user: &str) -> Account {
        let request = GetAccountRequest {
            user_id: user.into(),
        };
        self.points_client()
            .get_account(request)
            .await
            .unwrap()
            .into_inner()
            .account
            .unwrap()
    }

    fn stock_client(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(channel(&format!("127.0.0.1:{}", self.ports.stock)))
    }

    fn points_client(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(channel(&format!("127.0.0.1:{}", self.ports.points)))
    }
}
