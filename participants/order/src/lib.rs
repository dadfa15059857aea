//! The demo shop's order service.
//!
//! It plays both parts: its public rpcs begin global transactions over order, stock and points through the client crate,
//! and its actions (`order.create`, [`CREATE`], and the others below) are branches of them. Where an order may go from where
//! it stands is one table, `state.rs`, drawn in `docs/shop.md`; each step is one conditional update that names the state it
//! expects, so that of two changes that race one wins. What must happen later (an unpaid order ends, a hold ends, a
//! receipt is assumed) is a row with a time.
//!
//! Must never: touch another service's data; place a second order for one request id; call anybody while an SQL
//! transaction is open.
//!
//! Where next: `state.rs` for the states, `desk.rs` for how an order changes, `place.rs` and `close.rs` for transactions,
//! `actions.rs` for the order's part in them, `deadline.rs` for time, `queries.rs` for the SQL.

mod config;
mod money;
mod mysql;
mod number;
mod order;
mod peer;
mod sale;
mod split;
mod sqlite;
mod state;

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{RunningParticipant, StartError};
use tercet_service::Drain;

pub use config::{OrderConfig, PaymentSection, RetentionSection};

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7411;
/// The service of the action `order.create`.
pub const CREATE: &str = "shop.order.v1.CreateOrderService";
/// The service of the action `order.close`.
pub const CLOSE: &str = "shop.order.v1.CloseOrderService";
/// The service of the action `order.release_hold`.
pub const RELEASE_HOLD: &str = "shop.order.v1.ReleaseHoldService";
/// The service of the action `order.pay`.
pub const PAY: &str = "shop.order.v1.PayOrderActionService";
/// The service of the action `order.refund`.
pub const REFUND: &str = "shop.order.v1.RefundOrderService";
/// The service of the action `order.return`.
pub const RETURN: &str = "shop.order.v1.ReturnOrderService";

/// Why the service didn't start. One line each.
#[derive(Debug, thiserror::Error)]
pub enum OrderStartError {
    /// What fails for any participant.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its configuration.
    #[error("{0}")]
    Config(String),
    /// The payment service's address.
    #[error("payment.endpoint: {0}")]
    Payment(#[from] tonic::transport::Error),
}

/// Starts the service. The tables of an empty database are made; the coordinator need not be there yet.
pub async fn serve(
    config: &OrderConfig,
    drain: Drain,
) -> Result<RunningParticipant, OrderStartError> {
    serve_with(config, drain, CallLayer::default()).await
}

/// The same with a layer of the caller's around every action.
pub async fn serve_with(
    config: &OrderConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, OrderStartError> {
    config.check().map_err(OrderStartError::Config)?;
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
