//! `tercet config check` and `tercet config show`.

use tercet_database::DatabaseUrl;
use tercet_participant::serve::ParticipantConfig;
use tercet_service::config::Merged;

use crate::{
    cli::{Config, ConfigFile, Kind},
    failure::Failure,
    output,
    system::CoordinatorConfig,
};

pub(super) fn run(command: Config) -> Result<(), Failure> {
    match command {
        Config::Check(file) => {
            check(&file)?;
            output::print(&format!("{}: ok", file.server.config.display()));
        }
        Config::Show(file) => {
            let masked = check(&file)?.masked();
            output::print(&toml::to_string(&masked).map_err(Failure::failed)?);
        }
    }
    Ok(())
}

/// Reads the file as the server would.
fn check(file: &ConfigFile) -> Result<Merged, Failure> {
    let merged = Merged::read(&file.server.config, std::env::vars_os())?;
    match file.service.or(kind(&merged)) {
        Some(Kind::Coordinator) => {
            let config: CoordinatorConfig = merged.extract()?;
            DatabaseUrl::parse(&config.log.url)
                .map_err(|error| Failure::usage(format!("log.url: {error}")))?;
        }
        Some(Kind::Order | Kind::Points | Kind::Stock) | None => {
            merged.extract::<ParticipantConfig>()?;
        }
    }
    Ok(merged)
}

/// Only a participant has a database of its own; which one it is, the file doesn't say.
pub(super) fn kind(merged: &Merged) -> Option<Kind> {
    (!merged.masked().contains_key("database")).then_some(Kind::Coordinator)
}
