//! The configuration file: a participant's, with the provider, the order service and the times.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tercet_participant::serve::{
    CoordinatorSection, DatabaseSection, FenceSection, ParticipantConfig,
};
use tercet_service::config::{Telemetry, Tls};
use tercet_service::{ConfigDuration, Endpoint, ListenAddress};

/// The payment service's configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentConfig {
    /// Where gRPC listens; port 7414 of this machine when it isn't given.
    pub listen: Option<ListenAddress>,
    /// Where HTTP (`/healthz`, `/readyz`, the notices) listens.
    pub http_listen: Option<ListenAddress>,
    /// The service's own database.
    pub database: DatabaseSection,
    /// Where the coordinator is.
    pub coordinator: CoordinatorSection,
    /// The outside provider.
    pub provider: ProviderSection,
    /// The order service, which is told the outcomes.
    pub order: PeerSection,
    /// How the provider reaches this service.
    #[serde(default)]
    pub notify: NotifySection,
    /// When things are tried, and how often.
    #[serde(default)]
    pub schedule: ScheduleSection,
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

impl PaymentConfig {
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

    /// Where notices go: as configured, else the address of `http_listen`.
    pub(crate) fn notify_url(&self) -> Option<String> {
        if let Some(url) = &self.notify.url {
            return Some(url.clone());
        }
        let address = self.http_listen.as_ref().filter(|at| at.port() != 0)?;
        Some(format!(
            "http://{}:{}{}",
            address.host(),
            address.port(),
            crate::NOTICE_PATH
        ))
    }
}

/// `[provider]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSection {
    /// Its gRPC URL.
    pub endpoint: Endpoint,
    /// Its RSA public key, PKCS #1 in DER.
    pub public_key_file: PathBuf,
}

/// `[order]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSection {
    /// Its gRPC URL.
    pub endpoint: Endpoint,
}

/// `[notify]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySection {
    /// The whole URL that the provider posts notices to, when it isn't `http_listen`'s.
    pub url: Option<String>,
}

/// `[schedule]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSection {
    /// The waits before each question about a payment without a notice. After the last one a person is told.
    pub ask_after: Vec<ConfigDuration>,
    /// The wait after the first report or refund that failed; doubles.
    pub back_off: ConfigDuration,
    /// At most this.
    pub back_off_max: ConfigDuration,
    /// After so many attempts a person is told. Attempts go on.
    pub attention_after: u32,
    /// How long one attempt belongs to the instance that began it; longer than any call.
    pub lease: ConfigDuration,
    /// How often the table is looked at when nothing is due.
    pub poll: ConfigDuration,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        let seconds = ConfigDuration::from_secs;
        Self {
            ask_after: [5, 15, 60, 300, 1800, 7200].map(seconds).into(),
            back_off: seconds(1),
            back_off_max: seconds(60),
            attention_after: 10,
            lease: seconds(30),
            poll: seconds(1),
        }
    }
}

impl ScheduleSection {
    /// The wait before question number `asks + 1`; none when all were asked.
    pub(crate) fn ask_wait(&self, asks: i64) -> Option<Duration> {
        let place = usize::try_from(asks).ok()?;
        self.ask_after.get(place).map(|wait| wait.get())
    }

    /// The wait after attempt `attempts`, from 1.
    pub(crate) fn back_off(&self, attempts: i64) -> Duration {
        let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
        let wait = self.back_off.get().saturating_mul(1 << doublings);
        wait.min(self.back_off_max.get())
    }

    /// Whether a person is told after attempt `attempts`.
    pub(crate) fn is_tiresome(&self, attempts: i64) -> bool {
        attempts >= i64::from(self.attention_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_end_after_the_last_wait() {
        let schedule = ScheduleSection::default();
        assert_eq!(schedule.ask_wait(0), Some(Duration::from_secs(5)));
        assert_eq!(schedule.ask_wait(5), Some(Duration::from_hours(2)));
        assert_eq!(schedule.ask_wait(6), None);
    }

    #[test]
    fn back_off_doubles_up_to_its_bound() {
        let schedule = ScheduleSection::default();
        let waits = [1, 2, 3, 6, 7, 1000, i64::MAX].map(|n| schedule.back_off(n).as_secs());
        assert_eq!(waits, [1, 2, 4, 32, 60, 60, 60]);
    }
}
