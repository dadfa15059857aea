//! The demo shop's points service.
//!
//! One action, `points.spend` ([`SPEND`]): freezes a customer's points, then takes them out of the account or gives
//! them back. `shop.points.v1.PointsService` is for looking at accounts and their ledger.
//!
//! `available` and `frozen` never change without a row in the ledger, and never go below zero. Must never: know what
//! the points were spent on beyond the order's key.
//!
//! Where next: `spend.rs` for the action, `queries.rs` for its SQL.

mod sqlite;

use tercet_database::{DatabaseUrl, OpenError, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7412;
/// The service of the action `points.spend`.
pub const SPEND: &str = "shop.points.v1.SpendPointsService";

/// Starts the service. The tables of an empty database are made; the coordinator need not be there yet.
pub async fn serve(
    config: &ParticipantConfig,
    drain: Drain,
) -> Result<RunningParticipant, StartError> {
    serve_with(config, drain, CallLayer::default()).await
}

/// The same with a layer of the caller's around every action.
pub async fn serve_with(
    config: &ParticipantConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, StartError> {
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => sqlite::serve(path, config, drain, layer).await,
        url @ DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
    }
}

/// Creates or upgrades the tables. Safe to run twice; answers how they stood before.
pub async fn migrate(url: &DatabaseUrl) -> Result<SchemaState, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path).await,
        DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
    }
}

/// Opens an account with points in it, for demos and tests, without a running service. One that is there already is
/// left as it is; answers whether it was opened.
pub async fn seed(url: &DatabaseUrl, user_id: &str, points: u32) -> Result<bool, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::seed(path, user_id, points).await,
        DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
    }
}

fn not_built_yet(url: &DatabaseUrl) -> StartError {
    StartError::Open(OpenError::NotBuiltYet {
        what: "the service points",
        url: url.to_string(),
    })
}
