//! The demo shop's stock service.
//!
//! Four actions move pieces of a SKU, always through `reserved`: `stock.reserve` ([`RESERVE`]) holds them for an order,
//! `stock.sell` ([`SELL`]) sells them, `stock.release` ([`RELEASE`]) gives an unpaid order's back, `stock.return`
//! ([`RETURN`]) takes sold ones back. `stock.notify` ([`NOTIFY`]) is a message to the warehouse.
//! `shop.stock.v1.StockService` is for looking and for restocking.
//!
//! `available + reserved + held + sold` of a SKU never changes but by adding and restocking, none of them goes below
//! zero, and no order gets rid of more than it has. Must never: know what an order costs or who placed it; end a hold by
//! itself: only a global transaction does.
//!
//! Where next: `moves.rs` for what each action moves, `actions.rs` for the actions, `table.rs` and `queries.rs` for the
//! rows.

mod moves;
mod mysql;
mod sqlite;

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{ParticipantConfig, RunningParticipant, StartError};
use tercet_service::Drain;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7413;
/// The service of the action `stock.reserve`.
pub const RESERVE: &str = "shop.stock.v1.ReserveStockService";
/// The service of the action `stock.sell`.
pub const SELL: &str = "shop.stock.v1.SellStockService";
/// The service of the action `stock.release`.
pub const RELEASE: &str = "shop.stock.v1.ReleaseStockService";
/// The service of the action `stock.return`.
pub const RETURN: &str = "shop.stock.v1.ReturnStockService";
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

/// Adds a SKU with stock, for demos and tests, without a running service. One that is there already is left as it
/// is; answers whether it was added.
pub async fn seed(url: &DatabaseUrl, sku: &str, quantity: u32) -> Result<bool, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::seed(path, sku, quantity).await,
        DatabaseUrl::MySql(url) => mysql::seed(url, sku, quantity).await,
    }
}
