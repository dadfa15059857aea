//! The demo shop's stock service.
//!
//! Two actions: `stock.reserve` ([`RESERVE`]) sets pieces aside for an order, `stock.notify` ([`NOTIFY`]) is a
//! message to the warehouse. `shop.stock.v1.StockService` is for looking and for restocking.
//!
//! `available + reserved + held + sold` of a SKU never changes but by adding and restocking, and none of them goes
//! below zero. Must never: know what an order costs or who placed it.
//!
//! Where next: `reserve.rs` for the action, `queries.rs` for its SQL.

mod sqlite;

use tercet_database::{DatabaseUrl, OpenError, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7413;
/// The service of the action `stock.reserve`.
pub const RESERVE: &str = "shop.stock.v1.ReserveStockService";
/// The service of the action `stock.notify`.
pub const NOTIFY: &str = "shop.stock.v1.NotifyService";

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

/// Adds a SKU with stock, for demos and tests, without a running service. One that is there already is left as it
/// is; answers whether it was added.
pub async fn seed(url: &DatabaseUrl, sku: &str, quantity: u32) -> Result<bool, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::seed(path, sku, quantity).await,
        DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
    }
}

fn not_built_yet(url: &DatabaseUrl) -> StartError {
    StartError::Open(OpenError::NotBuiltYet {
        what: "the service stock",
        url: url.to_string(),
    })
}
