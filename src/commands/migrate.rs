//! `tercet migrate`: creates or upgrades the tables of the database that a configuration names.

use serde_json::{Value, json};
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

pub(super) async fn run(command: Migrate, is_json: bool) -> Result<(), Failure> {
    let file = &command.server.config;
    let merged = Merged::read(file, std::env::vars_os())?;
    let kind = kind(config::kind(&merged), command.service)
        .map_err(|problem| Failure::usage(format!("{}: {problem}", file.display())))?;
    let before = match kind {
        Kind::Coordinator => coordinator(&merged).await?,
        Kind::Order => {
            let config: shop_order::OrderConfig = merged.extract()?;
            shop_order::migrate(&config.database.url)
                .await
                .map_err(Failure::usage)?
        }
        Kind::Payment => {
            let config: shop_payment::PaymentConfig = merged.extract()?;
            shop_payment::migrate(&config.database.url)
                .await
                .map_err(Failure::usage)?
        }
        Kind::Points => shop_points::migrate(&database(&merged)?)
            .await
            .map_err(Failure::usage)?,
        Kind::Stock => shop_stock::migrate(&database(&merged)?)
            .await
            .map_err(Failure::usage)?,
    };
    output::print(&if is_json {
        document(before).to_string()
    } else {
        told(before).to_owned()
    });
    Ok(())
}

/// Whose tables are meant, from what the file shows and what was said.
fn kind(found: Option<Kind>, said: Option<Kind>) -> Result<Kind, &'static str> {
    match (found, said) {
        (Some(found), None) => Ok(found),
        (Some(found), Some(said)) if found == said => Ok(found),
        (Some(_), Some(_)) => Err("this is a coordinator's configuration"),
        (None, Some(Kind::Coordinator)) => Err("this is a participant's configuration"),
        (None, Some(said)) => Ok(said),
        (None, None) => Err("whose tables? Say --service order, payment, points or stock"),
    }
}

fn database(merged: &Merged) -> Result<DatabaseUrl, Failure> {
    let config: ParticipantConfig = merged.extract()?;
    Ok(config.database.url)
}

async fn coordinator(merged: &Merged) -> Result<SchemaState, Failure> {
    let config: CoordinatorConfig = merged.extract()?;
    let url = DatabaseUrl::parse(&config.log.url)
        .map_err(|error| Failure::usage(format!("log.url: {error}")))?;
    tercet_log::migrate(&url).await.map_err(Failure::usage)
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

/// What was found, and what was done about it.
fn document(before: SchemaState) -> Value {
    let (found, version, is_migrated) = match before {
        SchemaState::Empty => ("empty", None, true),
        SchemaState::Older { found } => ("older", Some(found), true),
        SchemaState::Current => ("current", None, false),
        SchemaState::NewerReadable { found } => ("newer", Some(found), false),
    };
    json!({ "found": found, "found_version": version, "migrated": is_migrated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_the_wrong_tables() {
        let coordinator = Some(Kind::Coordinator);
        assert_eq!(kind(coordinator, None), Ok(Kind::Coordinator));
        assert_eq!(kind(coordinator, coordinator), Ok(Kind::Coordinator));
        assert!(kind(coordinator, Some(Kind::Stock)).is_err());
        assert_eq!(kind(None, Some(Kind::Stock)), Ok(Kind::Stock));
        assert!(kind(None, coordinator).is_err());
        assert!(kind(None, None).is_err());
    }
}
