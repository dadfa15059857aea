//! The service put together.

use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::order::v1::order_service_server::OrderServiceServer;
use tercet_service::Drain;

use super::Database;
use super::api::Api;
use super::create::Create;

pub(super) async fn start(
    database: Database,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let client = config.client()?;
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .layer(layer)
        .action(Create)
        .grpc(OrderServiceServer::new(Api::new(database, client)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}
