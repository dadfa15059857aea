//! The demo shop's points service.
//!
//! Three actions: `points.spend` ([`SPEND`]) freezes a customer's points, then takes them out of the account or gives
//! them back; `points.refund` ([`REFUND`]) gives spent ones back, never more than were spent for the order in total;
//! `points.grant` ([`GRANT`]) is a message that rewards an order. `shop.points.v1.PointsService` is for looking at
//! accounts and their ledger.
//!
//! `available` and `frozen` never change without a row in the ledger, which is only ever added to, and never go below
//! zero. Must never: know what the points were spent on beyond the order's key.
//!
//! Where next: `spend.rs` for an action, `ledger.rs` for its words, `queries.rs` for the SQL.

mod ledger;
mod mysql;
mod sqlite;

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7412;
/// The service of the action `points.spend`.
pub const SPEND: &str = "shop.points.v1.SpendPointsService";
/// The service of the action `points.grant`.
pub const GRANT: &str = "shop.points.v1.GrantPointsService";
/// The service of the action `points.refund`.
pub const REFUND: &str = "shop.points.v1.RefundPointsService";

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
        DatabaseUrl::MySql(url) => mysql::serve(url, config, drain, layer).await,
    }
}

/// Creates or upgrades the tables. Safe to run twice; answers how they stood before.
pub async fn migrate(url: &DatabaseUrl) -> Result<SchemaState, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path).await,
        DatabaseUrl::MySql(url) => mysql::migrate(url).await,
    }
}

/// Opens an account with points in it, for demos and tests, without a running service. One that is there already is
/// left as it is; answers whether it was opened.
pub async fn seed(url: &DatabaseUrl, user_id: &str, points: u32) -> Result<bool, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::seed(path, user_id, points).await,
        DatabaseUrl::MySql(url) => mysql::seed(url, user_id, points).await,
    }
}
