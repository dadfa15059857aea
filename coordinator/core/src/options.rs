//! What an initiator chooses when a transaction begins. Limits are checked at the border, not here.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ParticipantName;

/// The order of the tries, and with it of the cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TryOrder {
    /// All tries at once, all confirms or cancels at once.
    #[default]
    Parallel,
    /// Each try starts after the one before is tried; confirms are parallel; cancels run in reverse, each after
    /// the one before is done.
    Sequential,
}

/// Whom to ask at the deadline whether a reliable message shall go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiator {
    /// The configured participant that offers the service.
    pub participant: ParticipantName,
    /// The full gRPC name of a service with the method `CheckTransaction`.
    pub service: Arc<str>,
}

/// What an initiator chooses when a transaction begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long the transaction may stay undecided.
    pub try_timeout: Duration,
    /// The order of tries and cancels.
    pub try_order: TryOrder,
    /// Searchable labels.
    pub labels: BTreeMap<String, String>,
    /// Metadata that is sent on to every participant call.
    pub headers: BTreeMap<String, String>,
    /// Whom to ask at the deadline; only for step-by-step transactions.
    pub initiator: Option<Initiator>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            try_timeout: Duration::from_secs(30),
            try_order: TryOrder::Parallel,
            labels: BTreeMap::new(),
            headers: BTreeMap::new(),
            initiator: None,
        }
    }
}
