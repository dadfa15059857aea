//! The demo shop's order service.
//!
//! It plays both parts: its `PlaceOrder` begins a global transaction over order, stock and points through the
//! client crate, and its action `order.create` ([`CREATE`]) is one of that transaction's branches.
//!
//! Must never: touch another service's data; place a second order for one request id.
//!
//! Where next: `place.rs` for the transaction, `create.rs` for the action, `queries.rs` for its SQL.

mod mysql;
mod number;
mod sqlite;

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7411;
/// The service of the action `order.create`.
pub const CREATE: &str = "shop.order.v1.CreateOrderService";

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
