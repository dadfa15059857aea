//! The stock service over real gRPC on a real database: what each verb does to the sums, what is refused and how.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::stock::v1::release_stock_service_client::ReleaseStockServiceClient;
use tercet_proto::shop::stock::v1::reserve_stock_service_client::ReserveStockServiceClient;
use tercet_proto::shop::stock::v1::return_stock_service_client::ReturnStockServiceClient;
use tercet_proto::shop::stock::v1::sell_stock_service_client::SellStockServiceClient;
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{
    GetSkuRequest, ListOrderStockRequest, OrderStock, ReleaseStockRequest, ReserveStockRequest,
    ReturnStockRequest, SeedSkuRequest, SellStockRequest, Sku, StockSource,
};
use tercet_service::{Drain, Endpoint};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::super::home::Home;
use super::queries;

mod api;
mod border;
mod constraints;
mod death;
mod flows;
mod hot;
mod model;
mod orders;
mod races;
mod reserve;

/// The actions that move pieces; a sale by its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Reserve,
    SellHeld,
    SellAvailable,
    Release,
    Return,
}

const ACTS: [Act; 5] = [
    Act::Reserve,
    Act::SellHeld,
    Act::SellAvailable,
    Act::Release,
    Act::Return,
];

/// Which pieces of whose.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pieces {
    sku: String,
    order_no: String,
    quantity: i64,
}

fn pieces(sku: &str, order_no: &str, quantity: i64) -> Pieces {
    Pieces {
        sku: sku.to_owned(),
        order_no: order_no.to_owned(),
        quantity,
    }
}

/// A running service on a database of its own, and a connection to it.
struct Shop {
    home: Home,
    running: RunningParticipant,
    channel: Channel,
}

fn config(home: &Home) -> ParticipantConfig {
    // Nobody listens on port 1: the service must do without its coordinator.
    ParticipantConfig::embedded(home.url(), vec![Endpoint::http("127.0.0.1", 1)])
}

/// A service on the database, and a connection to it.
async fn running(home: &Home) -> (RunningParticipant, Channel) {
    let running = crate::serve(&config(home), Drain::new()).await.unwrap();
    let channel = Channel::from_shared(running.addresses().grpc_url())
        .unwrap()
        .connect_lazy();
    (running, channel)
}

impl Shop {
    /// None where this database can't be had.
    async fn open() -> Option<Self> {
        Some(Self::at(Home::new().await?).await)
    }

    async fn at(home: Home) -> Self {
        let (running, channel) = running(&home).await;
        Self {
            home,
            running,
            channel,
        }
    }

    /// Dies, and comes back with its database.
    async fn killed_and_restarted(self) -> Self {
        self.running.abort().await;
        Self::at(self.home).await
    }

    async fn reserve(
        &self,
        phase: Phase,
        branch: &str,
        sku: &str,
        quantity: i64,
    ) -> Result<i64, Status> {
        let pieces = pieces(sku, "", quantity);
        self.act(Act::Reserve, phase, branch, &pieces).await
    }

    /// One call of an action. Answers what is left where a try took its pieces.
    async fn act(
        &self,
        act: Act,
        phase: Phase,
        branch: &str,
        pieces: &Pieces,
    ) -> Result<i64, Status> {
        act_on(&self.channel, act, phase, branch, pieces).await
    }

    /// A try and its confirm.
    async fn done(&self, act: Act, branch: &str, pieces: &Pieces) {
        self.act(act, Phase::Try, branch, pieces).await.unwrap();
        self.act(act, Phase::Confirm, branch, pieces).await.unwrap();
    }

    fn api(&self) -> StockServiceClient<Channel> {
        StockServiceClient::new(self.channel.clone())
    }

    async fn seed(&self, sku: &str, quantity: i64) -> bool {
        let request = SeedSkuRequest {
            sku: sku.to_owned(),
            quantity,
        };
        let seeded = self.api().seed_sku(request).await.unwrap();
        seeded.into_inner().created
    }

    /// available, reserved, held, sold.
    async fn stock(&self, sku: &str) -> [i64; 4] {
        let request = GetSkuRequest {
            sku: sku.to_owned(),
        };
        let found = self.api().get_sku(request).await.unwrap().into_inner();
        let Sku {
            available,
            reserved,
            held,
            sold,
            ..
        } = found.sku.unwrap();
        [available, reserved, held, sold]
    }

    /// What orders have, whatever the SKU: all orders, or one.
    async fn shares(&self, order_no: &str) -> Vec<OrderStock> {
        let (mut rows, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListOrderStockRequest {
                order_no: order_no.to_owned(),
                page_size: 500,
                page_token: token,
            };
            let page = self.api().list_order_stock(request).await.unwrap();
            let page = page.into_inner();
            rows.extend(page.orders);
            token = page.next_page_token;
            if token.is_empty() {
                return rows;
            }
        }
    }

    /// held, moving, sold of one order's one SKU.
    async fn share(&self, order_no: &str) -> [i64; 3] {
        match self.shares(order_no).await.as_slice() {
            [] => [0, 0, 0],
            [row] => [row.held, row.moving, row.sold],
            rows => panic!("{rows:?}"),
        }
    }
}

async fn act_on(
    channel: &Channel,
    act: Act,
    phase: Phase,
    branch: &str,
    pieces: &Pieces,
) -> Result<i64, Status> {
    let Pieces {
        sku,
        order_no,
        quantity,
    } = pieces.clone();
    macro_rules! verb {
        ($client:ident, $message:expr) => {{
            let mut client = $client::new(channel.clone());
            let request = call(phase, branch, $message);
            match phase {
                Phase::Try => client.r#try(request).await?.into_inner().remaining,
                Phase::Confirm => client.confirm(request).await.map(|_| 0)?,
                Phase::Cancel => client.cancel(request).await.map(|_| 0)?,
            }
        }};
    }
    let sell = |source: StockSource| SellStockRequest {
        sku: sku.clone(),
        quantity,
        source: source.into(),
        order_no: order_no.clone(),
    };
    Ok(match act {
        Act::SellHeld => verb!(SellStockServiceClient, sell(StockSource::Held)),
        Act::SellAvailable => verb!(SellStockServiceClient, sell(StockSource::Available)),
        Act::Reserve => {
            let message = ReserveStockRequest {
                sku,
                quantity,
                order_no,
            };
            verb!(ReserveStockServiceClient, message)
        }
        Act::Release => {
            let message = ReleaseStockRequest {
                sku,
                quantity,
                order_no,
            };
            verb!(ReleaseStockServiceClient, message)
        }
        Act::Return => {
            let message = ReturnStockRequest {
                sku,
                quantity,
                order_no,
            };
            verb!(ReturnStockServiceClient, message)
        }
    })
}

fn call<T>(phase: Phase, branch: &str, message: T) -> Request<T> {
    let deadline = now_micros() + micros(Duration::from_secs(30));
    let mut request = Request::new(message);
    BranchContext::new(BranchKey::new("g", branch).unwrap(), phase, deadline)
        .write_to(request.metadata_mut());
    request
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// The seed of a random test, printed so that it can be run again.
fn seed() -> u64 {
    let seed = std::env::var("TERCET_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("TERCET_TEST_SEED={seed}");
    seed
}
