//! The service put together. Mounted once for each database, with everything that touches one.

mod api;
mod grant;
mod queries;
mod refund;
mod spend;
#[cfg(test)]
mod tests;

use tercet_database::{Schema, SchemaState};
use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant, now_micros};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::points::v1::points_service_server::PointsServiceServer;
use tercet_service::Drain;

use super::{OWN, database};
use database::{Connection, Database, Db, Location};

fn schema() -> Schema {
    database::schema("points", &OWN)
}

pub(in super::super) async fn serve(
    location: &Location,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let database = database::open(&schema(), location).await?;
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .named("points")
        .layer(layer)
        .action(spend::Spend)
        .action(grant::Grant)
        .action(refund::Refund)
        .grpc(PointsServiceServer::new(api::Api::new(database)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}

pub(in super::super) async fn migrate(location: &Location) -> Result<SchemaState, StartError> {
    Ok(database::migrate(&schema(), location).await?)
}

pub(in super::super) async fn seed(
    location: &Location,
    user_id: &str,
    points: u32,
) -> Result<bool, StartError> {
    let database = database::open(&schema(), location).await?;
    let opened = open(&database, user_id, points).await;
    database.close().await;
    opened.map_err(StartError::Database)
}

async fn open(database: &Database, user_id: &str, points: u32) -> sqlx::Result<bool> {
    let mut transaction = database.begin().await?;
    let opened = queries::open(&mut transaction, user_id, i64::from(points), now_micros()).await?;
    transaction.commit().await?;
    Ok(opened)
}
