//! The shop's public APIs, as a customer uses them.

use tercet_client::Client;
use tercet_proto::shop::{
    order::v1::{
        GetOrderRequest, Order, PlaceOrderRequest, PlaceOrderResponse, get_order_request::Key,
        order_service_client::OrderServiceClient,
    },
    points::v1::{SeedAccountRequest, points_service_client::PointsServiceClient},
    stock::v1::{SeedSkuRequest, stock_service_client::StockServiceClient},
};
use tonic::transport::{Channel, Endpoint};

use crate::{failure::Failure, system::System};

/// Clients of everything.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) transactions: Client,
    orders: OrderServiceClient<Channel>,
    points: PointsServiceClient<Channel>,
    stock: StockServiceClient<Channel>,
}

impl Shop {
    /// Connects to everything.
    pub(crate) async fn connect(system: &System) -> Result<Self, Failure> {
        let transactions = Client::connect([system.coordinator().grpc_url()]).await?;
        Ok(Self {
            transactions,
            orders: OrderServiceClient::new(channel(system, "order")?),
            points: PointsServiceClient::new(channel(system, "points")?),
            stock: StockServiceClient::new(channel(system, "stock")?),
        })
    }

    /// Adds a SKU, unless it is there already.
    pub(crate) async fn seed_sku(&self, sku: &str, quantity: i64) -> Result<(), Failure> {
        let sku = sku.to_owned();
        let request = SeedSkuRequest { sku, quantity };
        self.stock
            .clone()
            .seed_sku(request)
            .await
            .map_err(|status| failed(&status))?;
        Ok(())
    }

    /// Opens an account, unless it is there already.
    pub(crate) async fn seed_account(&self, user_id: &str, points: i64) -> Result<(), Failure> {
        let user_id = user_id.to_owned();
        let request = SeedAccountRequest { user_id, points };
        self.points
            .clone()
            .seed_account(request)
            .await
            .map_err(|status| failed(&status))?;
        Ok(())
    }

    /// Places an order.
    pub(crate) async fn place(
        &self,
        request: PlaceOrderRequest,
    ) -> Result<PlaceOrderResponse, Failure> {
        let answer = self.orders.clone().place_order(request).await;
        Ok(answer.map_err(|status| failed(&status))?.into_inner())
    }

    /// The order of a submission.
    pub(crate) async fn order(&self, request_id: &str) -> Result<Order, Failure> {
        let request = GetOrderRequest {
            key: Some(Key::RequestId(request_id.to_owned())),
            ..GetOrderRequest::default()
        };
        let answer = self.orders.clone().get_order(request).await;
        answer
            .map_err(|status| failed(&status))?
            .into_inner()
            .order
            .ok_or_else(|| Failure::failed("an answer without an order"))
    }
}

fn channel(system: &System, name: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(system.service(name).grpc_url());
    Ok(endpoint.map_err(Failure::failed)?.connect_lazy())
}

fn failed(status: &tonic::Status) -> Failure {
    Failure::failed(format!("{:?}: {}", status.code(), status.message()))
}
