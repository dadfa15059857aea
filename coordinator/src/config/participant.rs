//! `[participants.NAME]`: where a participant listens, how it is called, and what it offers.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};
use tercet_core::{ActionName, Phase, Verbs};
use tercet_service::{ConfigDuration, Endpoint, Ratio};

/// The longest service name that is taken, in bytes.
pub(crate) const SERVICE_BYTES_MAX: usize = 256;

/// One participant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantConfig {
    /// Where it listens; at least one.
    #[serde(deserialize_with = "endpoints")]
    pub endpoints: Vec<Endpoint>,
    /// How long a call may take.
    #[serde(default = "default_timeout", deserialize_with = "timeout")]
    pub timeout: ConfigDuration,
    /// Calls at a time.
    #[serde(default = "default_max_in_flight")]
    pub max_in_flight: NonZeroU32,
    /// The share of `max_in_flight` that calls which aren't the first of their branch and phase may take.
    #[serde(default = "default_retry_share", deserialize_with = "retry_share")]
    pub retry_share: Ratio,
    /// Whether new tries are refused while it doesn't answer.
    #[serde(default = "default_breaker")]
    pub breaker: bool,
    /// What it offers, by name.
    #[serde(default)]
    pub actions: BTreeMap<ActionKey, ActionConfig>,
}

impl ParticipantConfig {
    /// A participant with every default.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            timeout: default_timeout(),
            max_in_flight: default_max_in_flight(),
            retry_share: default_retry_share(),
            breaker: default_breaker(),
            actions: BTreeMap::new(),
        }
    }

    /// The same with one more action; for those that build a configuration in code.
    ///
    /// # Errors
    /// When the name isn't 1 to 64 visible ASCII characters.
    pub fn with_action(
        mut self,
        name: &str,
        action: ActionConfig,
    ) -> Result<Self, tercet_core::NameError> {
        self.actions
            .insert(ActionKey(ActionName::parse(name)?), action);
        Ok(self)
    }
}

fn default_timeout() -> ConfigDuration {
    ConfigDuration::from_secs(3)
}

fn default_max_in_flight() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(255)
}

fn default_retry_share() -> Ratio {
    Ratio::HALF
}

fn default_breaker() -> bool {
    true
}

fn endpoints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let endpoints = Vec::<Endpoint>::deserialize(deserializer)?;
    if endpoints.is_empty() {
        return Err(de::Error::custom("expected at least one endpoint"));
    }
    if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.is_tls()) {
        return Err(de::Error::custom(format!(
            "TLS is not available in this version, found \"{endpoint}\""
        )));
    }
    Ok(endpoints)
}

fn retry_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ratio, D::Error> {
    let share = Ratio::deserialize(deserializer)?;
    if share.get() > 0.0 {
        Ok(share)
    } else {
        Err(de::Error::custom("expected more than 0"))
    }
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ConfigDuration, D::Error> {
    let timeout = ConfigDuration::deserialize(deserializer)?;
    if timeout.get().is_zero() {
        return Err(de::Error::custom("expected more than 0s"));
    }
    Ok(timeout)
}

/// An action's name as a key of the configuration, checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionKey(pub ActionName);

impl<'de> Deserialize<'de> for ActionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = ActionName::parse(&text)
            .map_err(|error| de::Error::custom(format!("an action's name {error}")))?;
        Ok(Self(name))
    }
}

/// One action: `"full.service.Name"`, or a table with `service` and `verbs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionConfig {
    /// The full gRPC name of its service.
    pub service: Arc<str>,
    /// The verbs that it has.
    pub verbs: Verbs,
}

impl ActionConfig {
    /// An action of that service.
    pub fn new(service: &str, verbs: Verbs) -> Self {
        Self {
            service: service.into(),
            verbs,
        }
    }
}

/// Whether a text can be the full name of a gRPC service: identifiers with dots between them.
pub(crate) fn is_service_name(text: &str) -> bool {
    let is_identifier = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part
                .bytes()
                .next()
                .is_some_and(|byte| !byte.is_ascii_digit())
    };
    text.len() <= SERVICE_BYTES_MAX && text.split('.').all(is_identifier)
}

fn service_name<E: de::Error>(text: &str) -> Result<Arc<str>, E> {
    if is_service_name(text) {
        Ok(text.into())
    } else {
        Err(E::custom(format!(
            "expected a gRPC service name such as \"shop.stock.v1.ReserveStockService\", found \"{text}\""
        )))
    }
}

/// The table form of an action.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionTable {
    service: String,
    #[serde(default = "all_verbs")]
    verbs: Vec<Verb>,
}

fn all_verbs() -> Vec<Verb> {
    vec![Verb::Try, Verb::Confirm, Verb::Cancel]
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Try,
    Confirm,
    Cancel,
}

/// The verbs of a set, in the order in which they are called.
pub(crate) fn phases(verbs: Verbs) -> impl Iterator<Item = Phase> {
    [Phase::Try, Phase::Confirm, Phase::Cancel]
        .into_iter()
        .filter(move |phase| verbs.has(*phase))
}

impl<'de> Deserialize<'de> for ActionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ActionConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a service name, or a table with `service` and `verbs`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ActionConfig, E> {
                Ok(ActionConfig {
                    service: service_name(text)?,
                    verbs: Verbs::Tcc,
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ActionConfig, A::Error> {
                let table = ActionTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let has = |verb| table.verbs.contains(&verb);
                let verbs =
                    Verbs::from_flags(has(Verb::Try), has(Verb::Confirm), has(Verb::Cancel))
                        .map_err(de::Error::custom)?;
                Ok(ActionConfig {
                    service: service_name(&table.service)?,
                    verbs,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
