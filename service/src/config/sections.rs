//! The tables that every server's file may have: `[tls]`, `[access]`, `[telemetry]`, `[alerts]`.
//!
//! Their names are fixed. What isn't effective yet is refused where it is read, so that nobody believes in a
//! lock that isn't there: [`NotYet`] takes a key's name and refuses every value.

use std::{fmt, path::PathBuf, str::FromStr};

use http::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ConfigDuration, Endpoint, mask::MASK};
use crate::Metrics;
use crate::webhook::{Secret, SecretError, Webhook};

/// A key that is known but has no effect in this version. It can't be given a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NotYet {}

impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer)?;
        Err(de::Error::custom(
            "is not effective in this version, remove the key",
        ))
    }
}

/// `[tls]`: how connections are protected.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `off` is the only mode of this version.
    pub mode: TlsMode,
    /// Server certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<NotYet>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<NotYet>,
    /// The authority that signs clients' certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<NotYet>,
}

/// `tls.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plain HTTP/2, for loopback and for networks that a mesh protects.
    #[default]
    Off,
}

impl<'de> Deserialize<'de> for TlsMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "off" => Ok(Self::Off),
            "server" | "mutual" | "mesh" => Err(de::Error::custom(format!(
                "\"{text}\" is not available in this version, only \"off\" is"
            ))),
            _ => Err(de::Error::custom(format!(
                "expected one of off, server, mutual, mesh, found \"{text}\""
            ))),
        }
    }
}

/// `[access]`: who may do what.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Bearer tokens and whose they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_file: Option<NotYet>,
    /// Which identity may begin, use a participant, administer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_file: Option<NotYet>,
    /// The header in which a trusted proxy names the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_header: Option<NotYet>,
    /// Proxies whose identity header is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<NotYet>,
}

/// `[telemetry]`: the log and traces.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where traces go: an OTLP receiver that speaks gRPC, `http://HOST:4317`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "plain_endpoint"
    )]
    pub otlp_endpoint: Option<Endpoint>,
    /// Share of transactions that are traced, 0 to 1. Counts once there is an `otlp_endpoint`.
    pub sample_ratio: Ratio,
    /// What is logged, for example `info` or `info,tercet_coordinator=debug`.
    pub log: LogFilter,
    /// `text` or `json`.
    pub log_format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sample_ratio: Ratio(0.01),
            log: LogFilter::default(),
            log_format: LogFormat::default(),
        }
    }
}

/// The receiver is an agent of the same machine or pod as a rule; TLS to it isn't offered yet.
fn plain_endpoint<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Endpoint>, D::Error> {
    let endpoint = Endpoint::deserialize(deserializer)?;
    if endpoint.is_tls() {
        return Err(de::Error::custom(format!(
            "expected http://HOST:PORT, found \"{endpoint}\": TLS to the receiver is not available in this version"
        )));
    }
    Ok(Some(endpoint))
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ratio(f64);

impl Ratio {
    /// One half.
    pub const HALF: Self = Self(0.5);

    /// That share, if it is one.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// The share itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ratio = f64::deserialize(deserializer)?;
        Self::new(ratio).ok_or_else(|| {
            de::Error::custom(format!("expected a number from 0 to 1, found {ratio}"))
        })
    }
}

/// A filter of the `tracing` kind, checked when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A single bare word is meant as a level; as a target it would silence everything.
        let is_bare_word = !text.contains(['=', ',', '[']);
        let is_level = text
            .parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok();
        let is_filter = tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
        if text.is_empty() || !is_filter || (is_bare_word && !is_level) {
            return Err(format!(
                "expected a level such as \"info\" or a filter such as \"info,tercet_log=debug\", found \"{text}\""
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for LogFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `telemetry.log_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for machines.
    Json,
}

/// `[alerts]`: whom to tell when a transaction needs attention.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Where alerts are posted: `http://` or `https://`. Shown to nobody, because such URLs often open a door.
    #[serde(skip_serializing)]
    pub webhook: Option<WebhookUrl>,
    /// The file that holds what signs them, at least 16 bytes. Needed with `webhook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret_file: Option<PathBuf>,
    /// How long what follows an alert of the same participant and cause is gathered into one more.
    pub repeat_every: ConfigDuration,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            webhook: None,
            webhook_secret_file: None,
            repeat_every: ConfigDuration::from_secs(300),
        }
    }
}

/// Why `[alerts]` can't be followed. One line that names the key.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// Nothing signs them.
    #[error("alerts.webhook_secret_file: a webhook needs a secret that signs what is posted")]
    NoSecret,
    /// The secret isn't one.
    #[error("alerts.webhook_secret_file: {0}")]
    Secret(#[from] SecretError),
}

impl Alerts {
    /// Starts what posts alerts, if anything is to. Needs a Tokio runtime.
    pub fn start(&self, metrics: &Metrics) -> Result<Option<Webhook>, AlertsError> {
        let Some(WebhookUrl(to)) = &self.webhook else {
            return Ok(None);
        };
        let file = self.webhook_secret_file.as_ref();
        let secret = Secret::read(file.ok_or(AlertsError::NoSecret)?)?;
        Ok(Some(Webhook::start(to.clone(), secret, metrics)))
    }
}

/// `alerts.webhook`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri = text.parse::<Uri>().ok();
        let uri = uri.filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        // What was found isn't repeated: it may be a secret with a typing error.
        uri.map(Self)
            .ok_or_else(|| "expected a URL such as \"https://alerts.example/tercet\"".to_owned())
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
