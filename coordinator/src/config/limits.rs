//! `[limits]`: every limit of the contract by name, with its default.

use serde::Deserialize;
use tercet_service::ConfigDuration;

/// The limits. Those of the contract that have no name here are fixed, see the module `validate`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most branches of one transaction.
    pub branches: usize,
    /// Most bytes of one payload.
    pub payload_bytes: usize,
    /// Most bytes of all payloads of one transaction together.
    pub transaction_payload_bytes: usize,
    /// Most bytes of one reply to try.
    pub try_response_bytes: usize,
    /// Most bytes of all replies to try of one transaction together.
    pub try_responses_bytes: usize,
    /// Most labels of one transaction.
    pub labels: usize,
    /// Most headers of one transaction.
    pub headers: usize,
    /// Most undecided transactions at a time.
    pub undecided: usize,
    /// Most decided branches that wait for one participant; beyond it new transactions naming it are refused.
    pub waiting_per_participant: usize,
    /// How long what is in flight may go on once the coordinator drains.
    pub drain_grace: ConfigDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            branches: 64,
            payload_bytes: 1024 * 1024,
            transaction_payload_bytes: 2 * 1024 * 1024,
            try_response_bytes: 64 * 1024,
            try_responses_bytes: 1024 * 1024,
            labels: 32,
            headers: 32,
            undecided: 10_000,
            waiting_per_participant: 100_000,
            drain_grace: ConfigDuration::from_secs(10),
        }
    }
}
