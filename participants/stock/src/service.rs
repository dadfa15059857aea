//! The service put together. Mounted once for each database, with everything that touches one.

mod actions;
mod api;
mod notify;
mod queries;
mod table;
#[cfg(test)]
mod tests;

use tercet_database::{Schema, SchemaState};
use tercet_participant::serve::{self, ParticipantConfig, RunningParticipant, StartError};
use tercet_participant::{CallLayer, HotRows, Participant};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::stock::v1::stock_service_server::StockServiceServer;
use tercet_service::Drain;

use super::{OWN, database};
use database::{Connection, Database, Db, Location};

fn schema() -> Schema {
    database::schema("stock", &OWN)
}

pub(in super::super) async fn serve(
    location: &Location,
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    let database = database::open(&schema(), location).await?;
    let rows = HotRows::<table::SkuTable>::default();
    let participant = Participant::new(database.clone(), (&config.fence).into())
        .named("stock")
        .layer(layer)
        .hot_action(&rows, actions::Reserve)
        .hot_action(&rows, actions::Sell)
        .hot_action(&rows, actions::Release)
        .hot_action(&rows, actions::Return)
        .action(notify::Notify)
        .grpc(StockServiceServer::new(api::Api::new(database, rows)))
        .descriptors(FILE_DESCRIPTOR_SET);
    serve::start(participant, config, crate::PORT, drain).await
}

pub(in super::super) async fn migrate(location: &Location) -> Result<SchemaState, StartError> {
    Ok(database::migrate(&schema(), location).await?)
}

pub(in super::super) async fn seed(
    location: &Location,
    sku: &str,
    quantity: u32,
) -> Result<bool, StartError> {
    let database = database::open(&schema(), location).await?;
    let added = add(&database, sku, quantity).await;
    database.close().await;
    added.map_err(StartError::Database)
}

async fn add(database: &Database, sku: &str, quantity: u32) -> sqlx::Result<bool> {
    let mut transaction = database.begin().await?;
    let added = queries::add(&mut transaction, sku, i64::from(quantity)).await?;
    transaction.commit().await?;
    Ok(added)
}
