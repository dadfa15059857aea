//! The demo shop's payment service: money through an outside provider that is slow, forgetful and impersonated.
//!
//! `shop.payment.v1.PaymentService` starts payments, one row an attempt, many to one order. How one ended is learned
//! from signed notices (`notice.rs`) or by asking (`worker.rs`), recorded once, and reported to the order service until it
//! has answered; what the order can't take goes back. The action `payment.refund` ([`REFUND`]) gives money back as part of a
//! global transaction, never more than was paid.
//!
//! Everything that must happen later is a time in a row, so that a death loses nothing, and a row is claimed by a
//! conditional update, so that several instances don't do it twice at once; what they repeat is idempotent.
//!
//! Must never: believe an unsigned word, call anybody while an SQL transaction is open, log a secret.
//!
//! Where next: `settle.rs` for what an outcome does, `worker.rs` for what happens later, `queries.rs` for the SQL.

mod config;
mod mysql;
mod notice;
mod outside;
mod provider;
mod signature;
mod sqlite;
mod words;

use tercet_database::{DatabaseUrl, SchemaState};
use tercet_participant::CallLayer;
use tercet_participant::serve::{RunningParticipant, StartError};
use tercet_service::Drain;

pub use config::{NotifySection, PaymentConfig, PeerSection, ProviderSection, ScheduleSection};
pub use provider::{Asked, Charge, Charged, Provider, ProviderError, StatementPage};
pub use signature::PublicKeyError;

/// The port it listens on unless told otherwise.
pub const PORT: u16 = 7414;
/// The service of the action `payment.refund`.
pub const REFUND: &str = "shop.payment.v1.RefundPaymentService";
/// Where, on the HTTP side, the provider's notices are taken.
pub const NOTICE_PATH: &str = "/provider/notices";

/// Why the service didn't start. One line each.
#[derive(Debug, thiserror::Error)]
pub enum PaymentStartError {
    /// What fails for any participant.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The provider's public key.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// The address of the provider or of the order service.
    #[error("{key}: {source}")]
    Peer {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
    /// Notices need an address that the provider can be told.
    #[error(
        "http_listen: give the port, or notify.url, or the provider can't be told where notices go"
    )]
    NoNotifyUrl,
}

/// Starts the service. The tables of an empty database are made; nobody else need be there yet.
pub async fn serve(
    config: &PaymentConfig,
    drain: Drain,
) -> Result<RunningParticipant, PaymentStartError> {
    serve_with(config, drain, CallLayer::default()).await
}

/// The same with a layer of the caller's around every action.
pub async fn serve_with(
    config: &PaymentConfig,
    drain: Drain,
    layer: CallLayer,
) -> Result<RunningParticipant, PaymentStartError> {
    let outside = outside::Outside::new(config)?;
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => sqlite::serve(path, config, outside, drain, layer).await,
        DatabaseUrl::MySql(url) => mysql::serve(url, config, outside, drain, layer).await,
    }
}

/// Creates or upgrades the tables. Safe to run twice; answers how they stood before.
pub async fn migrate(url: &DatabaseUrl) -> Result<SchemaState, StartError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path).await,
        DatabaseUrl::MySql(url) => mysql::migrate(url).await,
    }
}
