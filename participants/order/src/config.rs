//! The configuration file: a participant's, with the payment service.

use serde::Deserialize;
use tercet_participant::serve::{
    CoordinatorSection, DatabaseSection, FenceSection, ParticipantConfig,
};
use tercet_service::config::{Telemetry, Tls};
use tercet_service::{Endpoint, ListenAddress};

/// The order service's configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderConfig {
    /// Where gRPC listens; port 7411 of this machine when it isn't given.
    pub listen: Option<ListenAddress>,
    /// Where HTTP (`/healthz`, `/readyz`) listens; any free port of this machine when it isn't given.
    pub http_listen: Option<ListenAddress>,
    /// The service's own database.
    pub database: DatabaseSection,
    /// Where the coordinator is.
    pub coordinator: CoordinatorSection,
    /// The payment service. Without it no order can be paid with money.
    pub payment: Option<PaymentSection>,
    /// The fence's times and bounds.
    #[serde(default)]
    pub fence: FenceSection,
    /// The log.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// How connections are protected.
    #[serde(default)]
    pub tls: Tls,
}

/// `[payment]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSection {
    /// Its gRPC URL.
    pub endpoint: Endpoint,
}

impl OrderConfig {
    /// What every participant has of it.
    pub fn participant(&self) -> ParticipantConfig {
        ParticipantConfig {
            listen: self.listen.clone(),
            http_listen: self.http_listen.clone(),
            database: self.database.clone(),
            coordinator: self.coordinator.clone(),
            fence: self.fence.clone(),
            telemetry: self.telemetry.clone(),
            tls: self.tls.clone(),
        }
    }
}

impl From<ParticipantConfig> for OrderConfig {
    /// Without a payment service.
    fn from(config: ParticipantConfig) -> Self {
        Self {
            listen: config.listen,
            http_listen: config.http_listen,
            database: config.database,
            coordinator: config.coordinator,
            payment: None,
            fence: config.fence,
            telemetry: config.telemetry,
            tls: config.tls,
        }
    }
}
