//! The stock service on SQLite: everything that names a database is mounted here, so that another database is
//! another module like this one.

use std::path::Path;

use tercet_database::sqlite::{self, Database, Db};
use tercet_database::{Schema, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

#[path = "../api.rs"]
mod api;
#[path = "../notify.rs"]
mod notify;
#[path = "../queries.rs"]
mod queries;
#[path = "../reserve.rs"]
mod reserve;
#[path = "../start.rs"]
mod start;
#[cfg(test)]
#[path = "../tests.rs"]
mod tests;

/// The connection that actions and queries run on.
type Connection = <Db as sqlx::Database>::Connection;

fn schema() -> Schema {
    tercet_participant::schema("stock", &sqlx::migrate!("../../migrations/stock/sqlite"))
}

pub(super) async fn serve(
    path: &Path,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let database = sqlite::open(&schema(), path).await?;
    start::start(database, config, drain, layer).await
}

pub(super) async fn migrate(path: &Path) -> Result<SchemaState, StartError> {
    Ok(sqlite::migrate(&schema(), path).await?)
}

pub(super) async fn seed(path: &Path, sku: &str, quantity: u32) -> Result<bool, StartError> {
    let database = sqlite::open(&schema(), path).await?;
    let added = start::seed(&database, sku, quantity).await;
    database.close().await;
    added.map_err(StartError::Database)
}
