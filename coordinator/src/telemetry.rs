//! What tells of transactions: figures, alerts, traces.

use std::sync::Arc;

use tercet_service::Metrics;
use tercet_service::traces::Tracing;

use crate::alerts::Alerts;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::TransactionMeters;
use crate::server::StartError;

/// What tells of transactions.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) meters: Arc<TransactionMeters>,
    pub(crate) alerts: Alerts,
    pub(crate) tracing: Tracing,
}

impl Telemetry {
    /// Starts what posts alerts, if anything is to.
    pub(crate) fn start(
        config: &Config,
        metrics: &Metrics,
        advertised: &Arc<str>,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let webhook = config.alerts.start(metrics)?;
        let participants = config.participants.keys().map(|key| key.0.as_str());
        let alerts = Alerts::new(
            metrics,
            participants,
            config.alerts.repeat_every.get(),
            webhook,
            Arc::clone(advertised),
            clock.clone(),
        );
        Ok(Self {
            meters: Arc::new(TransactionMeters::new(metrics)),
            alerts,
            tracing: Tracing::start(&config.telemetry, "coordinator")?,
        })
    }
}
