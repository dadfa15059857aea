//! The service put together.

use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant, now_micros};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::points::v1::points_service_server::PointsServiceServer;
use tercet_service::Drain;

use super::api::Api;
use super::spend::Spend;
use super::{Database, queries};

pub(super) async fn start(
    database: Database,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .layer(layer)
        .action(Spend)
        .grpc(PointsServiceServer::new(Api::new(database)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}

pub(super) async fn seed(database: &Database, user_id: &str, points: u32) -> sqlx::Result<bool> {
    let mut transaction = database.begin().await?;
    let opened = queries::open(&mut transaction, user_id, i64::from(points), now_micros()).await?;
    transaction.commit().await?;
    Ok(opened)
}
