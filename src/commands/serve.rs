//! `tercet serve`: one coordinator, until it is drained.

use tercet_service::telemetry;

use super::servers::{drain_on_signals, started};
use crate::{cli::Serve, failure::Failure};

pub(super) async fn run(command: Serve) -> Result<(), Failure> {
    if command.restored {
        return Err(Failure::usage(
            "--restored is not effective in this version, leave it out",
        ));
    }
    let config: tercet_coordinator::Config = tercet_service::load(&command.server.config)?;
    telemetry::init(&config.telemetry);
    let drain = drain_on_signals()?;
    let start = tercet_coordinator::Coordinator::start(config, drain.clone());
    let running = started(&drain, start).await?;
    running.announce();
    running.wait().await.map_err(Failure::failed)
}
