//! The configuration file: a participant's, with the payment service.

use serde::Deserialize;
use tercet_participant::serve::{
    CoordinatorSection, DatabaseSection, FenceSection, ParticipantConfig,
};
use tercet_service::config::{Telemetry, Tls};
use tercet_service::{ConfigDuration, Endpoint, ListenAddress};

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
    /// How long an order outside of campaigns may stay unpaid, more than 0; in a campaign it is the campaign's.
    #[serde(default = "payment_time", deserialize_with = "some_time")]
    pub payment_time: ConfigDuration,
    /// How long rows are kept that nobody needs any more.
    #[serde(default)]
    pub retention: RetentionSection,
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

const fn payment_time() -> ConfigDuration {
    ConfigDuration::from_secs(30 * 60)
}

/// With no time at all nobody could pay.
fn some_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<ConfigDuration, D::Error> {
    let duration = ConfigDuration::deserialize(deserializer)?;
    if duration.get().is_zero() {
        return Err(serde::de::Error::custom("expected more than \"0s\""));
    }
    Ok(duration)
}

/// `[payment]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSection {
    /// Its gRPC URL.
    pub endpoint: Endpoint,
}

/// `[retention]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSection {
    /// A submission, since its request last came; at least half of `fence.retention`, which is as long as the coordinator
    /// may know its transaction.
    pub submissions: ConfigDuration,
    /// A count of a user's submissions, since its window was over.
    pub rates: ConfigDuration,
    /// A count of cancelled transactions of an order that is no longer unpaid.
    pub rounds: ConfigDuration,
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self {
            submissions: ConfigDuration::from_secs(14 * 24 * 3600),
            rates: ConfigDuration::from_secs(3600),
            rounds: ConfigDuration::from_secs(24 * 3600),
        }
    }
}

impl OrderConfig {
    /// What a field alone doesn't show.
    ///
    /// # Errors
    /// One line that names the key.
    pub fn check(&self) -> Result<(), String> {
        let least = self.fence.retention.get() / 2;
        if self.retention.submissions.get() < least {
            let found = self.retention.submissions;
            let fence = self.fence.retention;
            return Err(format!(
                "retention.submissions: expected at least half of fence.retention (\"{fence}\"), found \"{found}\""
            ));
        }
        Ok(())
    }

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
            payment_time: payment_time(),
            retention: RetentionSection::default(),
            fence: config.fence,
            telemetry: config.telemetry,
            tls: config.tls,
        }
    }
}
