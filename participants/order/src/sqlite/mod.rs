//! The order service on SQLite: everything that names a database is mounted here, so that another database is
//! another module like this one.

use std::path::Path;

use tercet_database::sqlite::{self, Database, Db};
use tercet_database::{Schema, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

#[path = "../api.rs"]
mod api;
#[path = "../create.rs"]
mod create;
#[path = "../order.rs"]
mod order;
#[path = "../place.rs"]
mod place;
#[path = "../queries.rs"]
mod queries;
#[path = "../start.rs"]
mod start;
#[cfg(test)]
#[path = "../tests.rs"]
mod tests;

/// The connection that actions and queries run on.
type Connection = <Db as sqlx::Database>::Connection;

fn schema() -> Schema {
    tercet_participant::schema("order", &sqlx::migrate!("../../migrations/order/sqlite"))
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
