//! `tercet order`, `payment`, `points`, `provider`, `stock`: one service of the shop, until it is drained.

use std::fmt::Display;

use tercet_participant::serve::{ParticipantConfig, RunningParticipant};
use tercet_service::{Drain, telemetry};

use crate::{
    cli::{SeededServer, Server},
    failure::Failure,
};

pub(super) async fn order(command: Server) -> Result<(), Failure> {
    let config: shop_order::OrderConfig = tercet_service::load(&command.config)?;
    telemetry::init(&config.telemetry);
    let drain = drain_on_signals()?;
    stay(started(&drain, shop_order::serve(&config, drain.clone())).await?).await
}

pub(super) async fn payment(command: Server) -> Result<(), Failure> {
    let config: shop_payment::PaymentConfig = tercet_service::load(&command.config)?;
    telemetry::init(&config.telemetry);
    let drain = drain_on_signals()?;
    stay(started(&drain, shop_payment::serve(&config, drain.clone())).await?).await
}

pub(super) async fn provider(command: Server) -> Result<(), Failure> {
    let config: shop_provider::ProviderConfig = tercet_service::load(&command.config)?;
    telemetry::init(&config.telemetry);
    let drain = drain_on_signals()?;
    let running = started(&drain, shop_provider::serve(&config, drain.clone())).await?;
    running.announce();
    running.wait().await.map_err(Failure::failed)
}

pub(super) async fn points(command: SeededServer) -> Result<(), Failure> {
    let config = load(&command.server)?;
    for (user, points) in &command.seed {
        let seeded = shop_points::seed(&config.database.url, user, *points).await;
        seeded.map_err(Failure::usage)?;
    }
    let drain = drain_on_signals()?;
    stay(started(&drain, shop_points::serve(&config, drain.clone())).await?).await
}

pub(super) async fn stock(command: SeededServer) -> Result<(), Failure> {
    let config = load(&command.server)?;
    for (sku, quantity) in &command.seed {
        let seeded = shop_stock::seed(&config.database.url, sku, *quantity).await;
        seeded.map_err(Failure::usage)?;
    }
    let drain = drain_on_signals()?;
    stay(started(&drain, shop_stock::serve(&config, drain.clone())).await?).await
}

/// A drain that SIGTERM and SIGINT begin.
pub(super) fn drain_on_signals() -> Result<Drain, Failure> {
    let drain = Drain::new();
    drain
        .begin_on_signals()
        .map_err(|error| Failure::failed(format!("signals: {error}")))?;
    Ok(drain)
}

fn load(command: &Server) -> Result<ParticipantConfig, Failure> {
    let config: ParticipantConfig = tercet_service::load(&command.config)?;
    telemetry::init(&config.telemetry);
    Ok(config)
}

/// Waits for a server to be up. A start may take long, waiting for its log for one, and must not keep a process that
/// was told to go.
pub(super) async fn started<R, E: Display>(
    drain: &Drain,
    start: impl Future<Output = Result<R, E>>,
) -> Result<R, Failure> {
    tokio::select! {
        started = start => started.map_err(Failure::usage),
        () = drain.begun() => Err(Failure::failed("told to stop while starting")),
    }
}

async fn stay(running: RunningParticipant) -> Result<(), Failure> {
    running.announce();
    running.wait().await.map_err(Failure::failed)
}
