//! `tercet config check` and `tercet config show`.

use tercet_service::config::Merged;

use crate::{
    cli::{Config, ConfigFile, Kind},
    failure::Failure,
    output,
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
    match file.service.unwrap_or_else(|| kind(&merged)) {
        Kind::Coordinator => {
            merged.extract::<toml::Table>()?;
        }
        Kind::Order | Kind::Points | Kind::Stock => {
            merged.extract::<tercet_participant::serve::ParticipantConfig>()?;
        }
    }
    Ok(merged)
}

/// Only a participant has a database of its own.
pub(super) fn kind(merged: &Merged) -> Kind {
    if merged.masked().contains_key("database") {
        Kind::Order
    } else {
        Kind::Coordinator
    }
}
