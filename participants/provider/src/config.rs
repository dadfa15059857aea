//! The configuration file of the test provider.

use std::path::PathBuf;

use serde::Deserialize;
use tercet_service::config::Telemetry;
use tercet_service::{Listen, ListenAddress};

/// A test provider's configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Where gRPC listens; port 7415 of this machine when it isn't given.
    pub listen: Option<ListenAddress>,
    /// Where HTTP (`/healthz`, `/readyz`) listens; any free port of this machine when it isn't given.
    pub http_listen: Option<ListenAddress>,
    /// The RSA key that notices are signed with, PKCS #8 in PEM. Made when it isn't there.
    pub key_file: PathBuf,
    /// Its public half, PKCS #1 in DER, for the shop. Written at every start.
    pub public_key_file: PathBuf,
    /// The log.
    #[serde(default)]
    pub telemetry: Telemetry,
}

impl ProviderConfig {
    /// Where to listen.
    pub(crate) fn listen(&self) -> Listen {
        let or = |address: &Option<ListenAddress>, port| {
            address
                .clone()
                .unwrap_or_else(|| ListenAddress::loopback(port))
        };
        Listen {
            grpc: or(&self.listen, crate::PORT),
            http: or(&self.http_listen, 0),
        }
    }
}
