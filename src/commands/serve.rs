//! `tercet serve`: one coordinator, until it is drained.

use tercet_coordinator::{Config, Coordinator};
use tercet_service::telemetry;

use super::servers::{drain_on_signals, started};
use crate::{cli::Serve, failure::Failure};

pub(super) async fn run(command: Serve) -> Result<(), Failure> {
    let config: Config = tercet_service::load(&command.server.config)?;
    telemetry::init(&config.telemetry);
    let drain = drain_on_signals()?;
    let running = if command.restored {
        started(
            &drain,
            Box::pin(Coordinator::start_restored(config, drain.clone())),
        )
        .await?
    } else {
        started(&drain, Box::pin(Coordinator::start(config, drain.clone()))).await?
    };
    running.announce();
    running.wait().await.map_err(Failure::failed)
}
