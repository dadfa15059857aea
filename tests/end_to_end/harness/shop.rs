//! The whole shop as processes: a coordinator and three participants, each with a file of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tercet_proto::shop::order::v1::order_service_client::OrderServiceClient;
use tercet_proto::shop::order::v1::{PlaceOrderRequest, PlaceOrderResponse};
use tercet_proto::shop::points::v1::points_service_client::PointsServiceClient;
use tercet_proto::shop::points::v1::{Account, GetAccountRequest, SeedAccountRequest};
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{GetSkuRequest, SeedSkuRequest, Sku};
use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tonic::transport::Channel;

use super::process::Server;

/// A port that nobody has just now. A server that is killed comes back on its own.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes a coordinator's file with these participants, and whatever else is asked for.
pub(crate) fn coordinator_file(folder: &Path, port: u16, participants: &str) -> PathBuf {
    let file = folder.join("coordinator.toml");
    let text = format!(
        "listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = \"sqlite:coordinator.db\"\n{participants}"
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

/// A lazily connected channel, which finds a restarted server again.
pub(crate) fn channel(address: &str) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// The four processes.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
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
        let folder = TempDir::new().unwrap();
        let ports = Ports { coordinator: free_port(), order: free_port(), points: free_port(), stock: free_port() };
        let mut shop = Self { folder, ports, coordinator: None, order: None, points: None, stock: None };
        shop.write_files();
        shop.stock = Some(shop.server("stock").await);
        shop.points = Some(shop.server("points").await);
        shop.order = Some(shop.server("order").await);
        shop.coordinator = Some(shop.server("serve").await);
        shop
    }

    fn write_files(&self) {
        let address = |port| format!("127.0.0.1:{port}");
        for (name, port) in [("order", self.ports.order), ("points", self.ports.points), ("stock", self.ports.stock)] {
            let text = format!(
                "listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\n[database]\nurl = \"sqlite:{name}.db\"\n[coordinator]\nendpoints = [\"http://127.0.0.1:{}\"]\n",
                self.ports.coordinator
            );
            std::fs::write(self.folder.path().join(format!("{name}.toml")), text).unwrap();
        }
        let participants = [
            participant(
                "order",
                &address(self.ports.order),
                "3s",
                "create = \"shop.order.v1.CreateOrderService\"",
            ),
            participant("points", &address(self.ports.points), "3s", "spend = \"shop.points.v1.SpendPointsService\""),
            participant(
                "stock",
                &address(self.ports.stock),
                "3s",
                "reserve = \"shop.stock.v1.ReserveStockService\"\nnotify = { service = \"shop.stock.v1.NotifyService\", verbs = [\"confirm\"] }",
            ),
        ]
        .concat();
        coordinator_file(self.folder.path(), self.ports.coordinator, &participants);
    }

    /// Starts one server from its file: `serve`, `order`, `points` or `stock`.
    pub(crate) async fn server(&self, command: &str) -> Server {
        let file = if command == "serve" { "coordinator.toml".to_owned() } else { format!("{command}.toml") };
        Server::start(&[command, "--config", &file], self.folder.path()).await
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

    pub(crate) async fn seed(&self, sku: &str, quantity: i64, user: &str, points: i64) {
        let sku = SeedSkuRequest { sku: sku.into(), quantity };
        self.stock_client().seed_sku(sku).await.unwrap();
        let account = SeedAccountRequest { user_id: user.into(), points };
        self.points_client().seed_account(account).await.unwrap();
    }

    pub(crate) async fn place(&self, order: PlaceOrderRequest) -> Result<PlaceOrderResponse, tonic::Status> {
        let mut client = OrderServiceClient::new(channel(&format!("127.0.0.1:{}", self.ports.order)));
        client.place_order(order).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn sku(&self, sku: &str) -> Sku {
        let request = GetSkuRequest { sku: sku.into() };
        self.stock_client().get_sku(request).await.unwrap().into_inner().sku.unwrap()
    }

    pub(crate) async fn account(&self, user: &str) -> Account {
        let request = GetAccountRequest { user_id: user.into() };
        self.points_client().get_account(request).await.unwrap().into_inner().account.unwrap()
    }

    fn stock_client(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(channel(&format!("127.0.0.1:{}", self.ports.stock)))
    }

    fn points_client(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(channel(&format!("127.0.0.1:{}", self.ports.points)))
    }
}
