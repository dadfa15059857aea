//! The service put together. Mounted once for each database, with everything that touches one.

mod api;
mod create;
mod order;
mod place;
mod queries;
#[cfg(test)]
mod tests;

use tercet_database::{Schema, SchemaState};
use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::order::v1::order_service_server::OrderServiceServer;
use tercet_service::Drain;

use super::{OWN, database};
use database::{Connection, Database, Db, Location};

fn schema() -> Schema {
    database::schema("order", &OWN)
}

pub(in super::super) async fn serve(
    location: &Location,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let database = database::open(&schema(), location).await?;
    let client = config.client()?;
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .layer(layer)
        .action(create::Create)
        .grpc(OrderServiceServer::new(api::Api::new(database, client)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}

pub(in super::super) async fn migrate(location: &Location) -> Result<SchemaState, StartError> {
    Ok(database::migrate(&schema(), location).await?)
}
