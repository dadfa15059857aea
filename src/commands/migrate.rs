//! `tercet migrate`: creates or upgrades the tables of the database that a configuration names.

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::serve::ParticipantConfig;
use tercet_service::config::Merged;

use super::config;
use crate::{
    cli::{Kind, Migrate},
    failure::Failure,
    output,
    system::CoordinatorConfig,
};

pub(super) async fn run(command: Migrate) -> Result<(), Failure> {
    let file = &command.server.config;
    let merged = Merged::read(file, std::env::vars_os())?;
    let kind = match (config::kind(&merged), command.service) {
        (Some(_), None | Some(Kind::Coordinator)) => Kind::Coordinator,
        (None, Some(kind)) if kind != Kind::Coordinator => kind,
        (None, None) => {
            return Err(Failure::usage(
                "whose tables? Say --service order, points or stock",
            ));
        }
        (found, Some(_)) => {
            let whose = if found.is_some() {
                "a coordinator's"
            } else {
                "a participant's"
            };
            let file = file.display();
            return Err(Failure::usage(format!(
                "{file}: this is {whose} configuration"
            )));
        }
    };
    let before = match kind {
        Kind::Coordinator => coordinator(&merged).await?,
        Kind::Order => shop_order::migrate(&database(&merged)?)
            .await
            .map_err(Failure::usage)?,
        Kind::Points => shop_points::migrate(&database(&merged)?)
            .await
            .map_err(Failure::usage)?,
        Kind::Stock => shop_stock::migrate(&database(&merged)?)
            .await
            .map_err(Failure::usage)?,
    };
    output::print(told(before));
    Ok(())
}

fn database(merged: &Merged) -> Result<DatabaseUrl, Failure> {
    let config: ParticipantConfig = merged.extract()?;
    Ok(config.database.url)
}

async fn coordinator(merged: &Merged) -> Result<SchemaState, Failure> {
    let config: CoordinatorConfig = merged.extract()?;
    let url = DatabaseUrl::parse(&config.log.url)
        .map_err(|error| Failure::usage(format!("log.url: {error}")))?;
    let before = match url {
        DatabaseUrl::Sqlite(path) => tercet_log::sqlite::migrate(path).await,
    };
    before.map_err(Failure::usage)
}

fn told(before: SchemaState) -> &'static str {
    match before {
        SchemaState::Empty => "the tables were created",
        SchemaState::Older { .. } => "the tables were upgraded",
        SchemaState::Current => "the tables are up to date",
        SchemaState::NewerReadable { .. } => {
            "the tables are newer than this version, which can work with them"
        }
    }
}
