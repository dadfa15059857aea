//! The service put together.

use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::stock::v1::stock_service_server::StockServiceServer;
use tercet_service::Drain;

use super::api::Api;
use super::notify::Notify;
use super::reserve::Reserve;
use super::{Database, queries};

pub(super) async fn start(
    database: Database,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .layer(layer)
        .action(Reserve)
        .action(Notify)
        .grpc(StockServiceServer::new(Api::new(database)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}

pub(super) async fn seed(database: &Database, sku: &str, quantity: u32) -> sqlx::Result<bool> {
    let mut transaction = database.begin().await?;
    let added = queries::add(&mut transaction, sku, i64::from(quantity)).await?;
    transaction.commit().await?;
    Ok(added)
}
