//! The service put together. Mounted once for each database, with everything that touches one.

mod api;
mod inbox;
mod queries;
mod refund;
mod settle;
mod shown;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use tercet_database::{Schema, SchemaState};
use tercet_participant::serve::{self, RunningParticipant, StartError};
use tercet_participant::{CallLayer, Participant};
use tercet_proto::FILE_DESCRIPTOR_SET;
use tercet_proto::shop::payment::v1::payment_service_server::PaymentServiceServer;
use tercet_service::Drain;

use super::{OWN, database};
use crate::outside::Outside;
use crate::{PaymentConfig, PaymentStartError};
use database::{Connection, Database, Db, Location};

fn schema() -> Schema {
    database::schema("payment", &OWN)
}

pub(in super::super) async fn serve(
    location: &Location,
    config: &PaymentConfig,
    outside: Outside,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, PaymentStartError> {
    let database = database::open(&schema(), location)
        .await
        .map_err(StartError::from)?;
    let store = settle::Store::new(database.clone());
    let inbox = inbox::router(store.clone(), outside.key.clone());
    let worker = worker::Worker {
        store: store.clone(),
        outside,
        schedule: Arc::new(config.schedule.clone()),
    };
    let api = api::Api {
        worker: worker.clone(),
    };
    let mut participant = Participant::new(database, (&config.fence).into())
        .named("payment")
        .layer(layer)
        .action(refund::Refund { store })
        .grpc(PaymentServiceServer::new(api))
        .http(inbox)
        .descriptors(FILE_DESCRIPTOR_SET);
    for duty in worker::Duty::ALL {
        participant = participant.background(worker.clone().run(duty));
    }
    let config = config.participant();
    Ok(serve::start(participant, &config, crate::PORT, drain).await?)
}

pub(in super::super) async fn migrate(location: &Location) -> Result<SchemaState, StartError> {
    Ok(database::migrate(&schema(), location).await?)
}
