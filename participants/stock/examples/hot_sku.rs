//! How many reservations a second one SKU takes that everybody wants, beside a thousand SKUs that nobody shares.
//!
//! The stock service runs in this process on SQLite, and on MariaDB where a test server can be had; callers are a closed
//! loop over real gRPC. The two loads take turns, and a ratio is taken within its round, so that what disturbs the machine
//! disturbs both. It measures and asserts only that every reservation was served and is in the sums.
//!
//! ```text
//! cargo run --release -p shop-stock --example hot_sku
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measurement may panic, and its counts are small"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tercet_database::DatabaseUrl;
use tercet_participant::serve::ParticipantConfig;
use tercet_participant::{BranchContext, BranchKey, Phase, micros, now_micros};
use tercet_proto::shop::stock::v1::reserve_stock_service_client::ReserveStockServiceClient;
use tercet_proto::shop::stock::v1::stock_service_client::StockServiceClient;
use tercet_proto::shop::stock::v1::{GetSkuRequest, ReserveStockRequest, SeedSkuRequest};
use tercet_service::{Drain, Endpoint};
use tonic::Request;
use tonic::transport::Channel;

const IN_FLIGHT: usize = 256;
const SKUS: usize = 1000;
const ROUNDS: usize = 7;
const RESERVATIONS: usize = 6000;
/// Connections of the callers: h2 bounds the streams of one.
const CHANNELS: usize = 8;
const PIECES: i64 = 1_000_000;

/// How many SKUs the callers share.
#[derive(Debug, Clone, Copy)]
enum Load {
    One,
    Thousand,
}

impl Load {
    fn sku(self, number: usize) -> String {
        match self {
            Self::One => "hot".to_owned(),
            Self::Thousand => format!("sku-{}", number % SKUS),
        }
    }
}

#[tokio::main]
async fn main() {
    println!(
        "{IN_FLIGHT} in flight, {RESERVATIONS} reservations a round, medians of {ROUNDS} rounds"
    );
    println!(
        "{:<8} {:<18} {:>12} {:>12} {:>7}  SPREAD",
        "", "RESERVATION", "ONE SKU", "1000 SKUS", "RATIO"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = DatabaseUrl::Sqlite(folder.path().join("stock.db"));
    measure("SQLite", file).await;
    if let Some(server) = tercet_test_databases::Server::shared().await {
        let url = server.database("hot_sku").await;
        measure("MariaDB", DatabaseUrl::parse(&url).unwrap()).await;
    }
}

async fn measure(name: &str, url: DatabaseUrl) {
    let nobody = vec![Endpoint::http("127.0.0.1", 1)];
    let config = ParticipantConfig::embedded(url, nobody);
    let running = shop_stock::serve(&config, Drain::new()).await.unwrap();
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        let endpoint = Channel::from_shared(running.addresses().grpc_url()).unwrap();
        channels.push(endpoint.connect().await.unwrap());
    }
    let mut api = StockServiceClient::new(channels[0].clone());
    for sku in (0..SKUS)
        .map(|number| Load::Thousand.sku(number))
        .chain([Load::One.sku(0)])
    {
        let quantity = PIECES;
        api.seed_sku(SeedSkuRequest { sku, quantity })
            .await
            .unwrap();
    }
    let mut reserved = 0;
    for (what, confirms) in [("try", false), ("try and confirm", true)] {
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let name = format!("{what}-{round}");
            // Who begins takes turns too.
            let (one, thousand) = if round % 2 == 0 {
                let one = run(&channels, Load::One, &name, confirms).await;
                (one, run(&channels, Load::Thousand, &name, confirms).await)
            } else {
                let thousand = run(&channels, Load::Thousand, &name, confirms).await;
                (run(&channels, Load::One, &name, confirms).await, thousand)
            };
            reserved += RESERVATIONS;
            // The first round warms up.
            if round > 0 {
                rounds.push((one, thousand, one / thousand));
            }
        }
        let median = |pick: fn(&(f64, f64, f64)) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            (
                values[values.len() / 2],
                values[0],
                values[values.len() - 1],
            )
        };
        let (ratio, least, most) = median(|round| round.2);
        println!(
            "{name:<8} {what:<18} {:>10.0}/s {:>10.0}/s {ratio:>7.2}  {least:.2} to {most:.2}",
            median(|round| round.0).0,
            median(|round| round.1).0,
        );
    }
    let sku = Load::One.sku(0);
    let hot = api
        .get_sku(GetSkuRequest { sku })
        .await
        .unwrap()
        .into_inner()
        .sku
        .unwrap();
    assert_eq!(usize::try_from(hot.reserved + hot.held).unwrap(), reserved);
    assert_eq!(hot.available + hot.reserved + hot.held, PIECES);
    running.abort().await;
}

/// Reservations a second.
async fn run(channels: &[Channel], load: Load, name: &str, confirms: bool) -> f64 {
    let next = AtomicUsize::new(0);
    let began = tokio::time::Instant::now();
    let callers = (0..IN_FLIGHT).map(|caller| {
        let mut client = ReserveStockServiceClient::new(channels[caller % CHANNELS].clone());
        let next = &next;
        async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= RESERVATIONS {
                    return;
                }
                let branch = format!("{load:?}-{number}");
                let message = ReserveStockRequest {
                    sku: load.sku(number),
                    quantity: 1,
                    order_no: format!("{}-{branch}", name.replace(' ', "_")),
                };
                client
                    .r#try(call(Phase::Try, name, &branch, message.clone()))
                    .await
                    .unwrap();
                if confirms {
                    client
                        .confirm(call(Phase::Confirm, name, &branch, message))
                        .await
                        .unwrap();
                }
            }
        }
    });
    futures::future::join_all(callers).await;
    RESERVATIONS as f64 / began.elapsed().as_secs_f64()
}

fn call<T>(phase: Phase, name: &str, branch: &str, message: T) -> Request<T> {
    let deadline = now_micros() + micros(Duration::from_mins(1));
    let key = BranchKey::new(&name.replace(' ', "_"), branch).unwrap();
    let mut request = Request::new(message);
    BranchContext::new(key, phase, deadline).write_to(request.metadata_mut());
    request
}
