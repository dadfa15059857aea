//! The coordinator's configuration: the names and defaults of the contract, section 6.
//!
//! Everything is checked while it is read, so that a mistake is one line that names the key. What is effective
//! only in a later version is refused, never ignored.

mod limits;
mod participant;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tercet_core::{ParticipantName, RetryPolicy};
use tercet_service::config::{Access, Alerts, Telemetry, Tls};
use tercet_service::{ConfigDuration, Endpoint, Listen, ListenAddress};

pub use limits::Limits;
pub use participant::{ActionConfig, ActionKey, ParticipantConfig};
pub(crate) use participant::{is_service_name, phases};

/// How long lazy facts wait in memory for company before they are appended.
const LAZY_FOR: Duration = Duration::from_millis(100);

/// All of a coordinator's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where gRPC is served.
    pub listen: ListenAddress,
    /// Where HTTP is served: health, later metrics and the console.
    pub http_listen: ListenAddress,
    /// How other replicas reach this one; unset: the address that was really bound.
    pub advertise: Option<Endpoint>,
    /// The transaction log.
    pub log: LogConfig,
    /// The participants by name.
    pub participants: BTreeMap<ParticipantKey, ParticipantConfig>,
    /// How calls are repeated.
    pub retry: RetryConfig,
    /// The limits.
    pub limits: Limits,
    /// What replicas agree on.
    #[serde(deserialize_with = "checked")]
    pub cluster: ClusterConfig,
    /// How connections are protected.
    pub tls: Tls,
    /// Who may do what.
    pub access: Access,
    /// How long what has ended is kept.
    pub retention: RetentionConfig,
    /// Log and traces.
    pub telemetry: Telemetry,
    /// Whom to tell when a person should look.
    pub alerts: Alerts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ListenAddress::loopback(7400),
            http_listen: ListenAddress::loopback(7401),
            advertise: None,
            log: LogConfig::default(),
            participants: BTreeMap::new(),
            retry: RetryConfig::default(),
            limits: Limits::default(),
            cluster: ClusterConfig::default(),
            tls: Tls::default(),
            access: Access::default(),
            retention: RetentionConfig::default(),
            telemetry: Telemetry::default(),
            alerts: Alerts::default(),
        }
    }
}

impl Config {
    /// Where to listen.
    pub fn listen(&self) -> Listen {
        Listen {
            grpc: self.listen.clone(),
            http: self.http_listen.clone(),
        }
    }

    /// Adds a participant; for those that build a configuration in code.
    ///
    /// # Errors
    /// When the name isn't 1 to 64 visible ASCII characters.
    pub fn add_participant(
        &mut self,
        name: &str,
        participant: ParticipantConfig,
    ) -> Result<(), tercet_core::NameError> {
        let key = ParticipantKey(ParticipantName::parse(name)?);
        self.participants.insert(key, participant);
        Ok(())
    }

    /// What the core needs to know of it.
    pub(crate) fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            initial: self.retry.initial.get(),
            max: self.retry.max.get(),
            max_attempts: self.retry.max_attempts,
            try_attempts: self.retry.try_attempts.get(),
            attention_after: self.retry.attention_after.get(),
            lazy_for: LAZY_FOR,
            branches_max: self.limits.branches,
            payload_bytes_max: self.limits.transaction_payload_bytes,
            try_responses_bytes_max: self.limits.try_responses_bytes,
        }
    }
}

/// A participant's name as a key of the configuration, checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParticipantKey(pub ParticipantName);

impl<'de> Deserialize<'de> for ParticipantKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = ParticipantName::parse(&text)
            .map_err(|error| de::Error::custom(format!("a participant's name {error}")))?;
        Ok(Self(name))
    }
}

/// `[log]`: where transactions are kept.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `sqlite:PATH`.
    pub url: String,
    /// How long to wait for the log at start before giving up.
    pub startup_wait: ConfigDuration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:tercet-data/coordinator.db".to_owned(),
            startup_wait: ConfigDuration::from_secs(0),
        }
    }
}

impl fmt::Debug for LogConfig {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogConfig")
            .field("url", &tercet_service::config::mask::mask_urls(&self.url))
            .field("startup_wait", &self.startup_wait)
            .finish()
    }
}

/// `[retry]`: how calls are repeated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// The bound of the first delay; each later one doubles it.
    pub initial: ConfigDuration,
    /// The bound that no delay passes.
    pub max: ConfigDuration,
    /// Confirm or cancel calls before a branch is parked; 0 is without end.
    pub max_attempts: u32,
    /// Tries before a branch is in doubt.
    pub try_attempts: std::num::NonZeroU32,
    /// A branch not done this long after the decision is flagged.
    pub attention_after: ConfigDuration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let policy = RetryPolicy::default();
        Self {
            initial: ConfigDuration::from_millis(100),
            max: ConfigDuration::from_secs(60),
            max_attempts: policy.max_attempts,
            try_attempts: std::num::NonZeroU32::MIN.saturating_add(policy.try_attempts - 1),
            attention_after: ConfigDuration::from_secs(15 * 60),
        }
    }
}

/// `[cluster]`: what replicas of one log agree on. The take-over time is at least three beats: one may be lost, and one late.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// How often a coordinator shows that it lives.
    pub beat_every: ConfigDuration,
    /// How long a beat may stand still before others take over.
    pub take_over_after: ConfigDuration,
    /// Writers of the log, 1 to 64; a file has 1.
    pub lanes: Lanes,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            beat_every: ConfigDuration::from_secs(2),
            take_over_after: ConfigDuration::from_secs(15),
            lanes: Lanes(1),
        }
    }
}

fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClusterConfig, D::Error> {
    let config = ClusterConfig::deserialize(deserializer)?;
    config.check().map_err(de::Error::custom)?;
    Ok(config)
}

/// Beats within the take-over time, at the least.
const BEATS_MIN: u32 = 3;

impl ClusterConfig {
    /// Whether the times go together.
    ///
    /// # Errors
    ///
    /// One line that names the keys.
    pub fn check(&self) -> Result<(), String> {
        let Self {
            beat_every,
            take_over_after,
            lanes: _,
        } = self;
        if beat_every.get().is_zero() {
            return Err("beat_every must not be 0".to_owned());
        }
        if take_over_after.get() / BEATS_MIN < beat_every.get() {
            return Err(format!(
                "take_over_after = {take_over_after} is less than {BEATS_MIN} times beat_every = {beat_every}",
            ));
        }
        Ok(())
    }
}

/// `cluster.lanes`: 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(u16);

impl Lanes {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Lanes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u16::deserialize(deserializer)? {
            lanes @ 1..=64 => Ok(Self(lanes)),
            other => Err(de::Error::custom(format!(
                "expected a number from 1 to 64, found {other}"
            ))),
        }
    }
}

/// `[retention]`: how long what has ended is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Ended transactions; a gid is an idempotency key as long as its transaction is kept.
    pub ended: ConfigDuration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            ended: ConfigDuration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
