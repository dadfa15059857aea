//! The shop's services: where the coordinator calls them.

use std::time::Duration;

use tercet_client::Client;
use tercet_proto::shop::{
    order::v1::{
        campaign_service_client::CampaignServiceClient, order_service_client::OrderServiceClient,
    },
    payment::v1::payment_service_client::PaymentServiceClient,
    points::v1::points_service_client::PointsServiceClient,
    stock::v1::stock_service_client::StockServiceClient,
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{commands::Context, failure::Failure};

/// Connections to all of them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Services {
    pub(super) context: Context,
    order: Channel,
    points: Channel,
    stock: Channel,
    payment: Option<Channel>,
}

impl Services {
    /// Where the coordinator of `context` calls them.
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let client = context.client()?;
        let timeout = context.timeout();
        let known = client.admin().list_participants().await?;
        let named = |name: &str| {
            let participant = known.iter().find(|known| known.name == name);
            let endpoint = participant.and_then(|known| known.endpoints.first());
            endpoint.map(|url| channel(url, timeout)).transpose()
        };
        let needed = |name: &str| {
            named(name)?.ok_or_else(|| {
                Failure::failed(format!("the coordinator has no participant {name}"))
            })
        };
        Ok(Self {
            context: context.clone(),
            order: needed("order")?,
            points: needed("points")?,
            stock: needed("stock")?,
            payment: named("payment")?,
        })
    }

    pub(super) fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.order.clone())
    }

    pub(super) fn campaigns(&self) -> CampaignServiceClient<Channel> {
        CampaignServiceClient::new(self.order.clone())
    }

    pub(super) fn points(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(self.points.clone())
    }

    pub(super) fn stock(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(self.stock.clone())
    }

    /// None where the coordinator has no payment service.
    pub(super) fn payments(&self) -> Option<PaymentServiceClient<Channel>> {
        self.payment.clone().map(PaymentServiceClient::new)
    }

    /// The coordinator, for as many calls as it takes.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.context.client_without_deadline()
    }
}

fn channel(url: &str, timeout: Duration) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(Failure::failed)?;
    Ok(endpoint.tcp_nodelay(true).timeout(timeout).connect_lazy())
}

/// A call that a service refused or couldn't serve.
pub(super) fn failed(status: &Status) -> Failure {
    let line = format!("{:?}: {}", status.code(), status.message());
    if status.code() == tonic::Code::NotFound {
        Failure::NotFound(line)
    } else {
        Failure::failed(line)
    }
}
