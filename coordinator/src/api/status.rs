//! `GetStatus`: this coordinator, and the others on its log.

use tercet_core::TransactionState;
use tercet_log::{LogError, SessionId, SessionState, SharedLog};
use tercet_proto::tercet::v1 as pb;

use super::Api;
use crate::view;

/// The states that aren't end states.
const OPEN: [TransactionState; 3] = [
    TransactionState::Trying,
    TransactionState::Confirming,
    TransactionState::Cancelling,
];

impl Api {
    /// How this coordinator is doing.
    pub(super) async fn status(&self) -> pb::GetStatusResponse {
        let shared = self.transactions.shared();
        let metrics = shared.log.metrics();
        let handles = shared.registry.all();
        let oldest = handles
            .iter()
            .map(crate::transactions::Handle::begun_at)
            .min();
        pb::GetStatusResponse {
            coordinator_id: shared.log.session().id.0.to_string(),
            advertised_address: shared.advertised.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            draining: self.drain.is_draining(),
            open: OPEN
                .into_iter()
                .map(|state| pb::StateCount {
                    state: view::state(state) as i32,
                    count: shared.gauges.count(state),
                })
                .collect(),
            oldest_unresolved_begun_at: oldest.map(view::timestamp),
            parked: shared.gauges.parked(),
            log_queue_depth: metrics.queue_depth,
            last_batch_entries: metrics.last_batch,
            log_batches: metrics.batches,
            log_entries: metrics.appended,
            last_batch_took: Some(view::duration(metrics.last_latency)),
            uptime: Some(view::duration(self.started_at.elapsed())),
            sessions: self.sessions().await,
            adopted: shared
                .cluster
                .as_ref()
                .map_or(0, |cluster| cluster.adopted()),
            waiting: shared
                .participants
                .iter()
                .map(|participant| pb::ParticipantWaiting {
                    participant: participant.name.as_str().to_owned(),
                    waiting: participant.waiting(),
                })
                .collect(),
        }
    }

    /// Every coordinator on this log. A status is answered also when the log isn't: then with what is known here.
    async fn sessions(&self) -> Vec<pb::CoordinatorSession> {
        let shared = self.transactions.shared();
        if let Some(log) = shared.log.shared() {
            match listed(log, shared.log.session().id).await {
                Ok(sessions) => return sessions,
                Err(error) => tracing::warn!(%error, "the sessions can't be read now"),
            }
        }
        vec![pb::CoordinatorSession {
            coordinator_id: shared.log.session().id.0.to_string(),
            advertised_address: shared.advertised.to_string(),
            opened_at: None,
            answering: true,
            fenced: false,
            open: OPEN.map(|state| shared.gauges.count(state)).iter().sum(),
        }]
    }
}

/// The sessions as the log lists them.
async fn listed(
    log: &dyn SharedLog,
    own: SessionId,
) -> Result<Vec<pb::CoordinatorSession>, LogError> {
    let counts = log.open_counts().await?;
    let sessions = log.sessions().await?.into_iter();
    let message = |session: SessionState| pb::CoordinatorSession {
        coordinator_id: session.id.0.to_string(),
        answering: session.id == own,
        opened_at: Some(view::timestamp(session.opened_at)),
        fenced: session.is_fenced,
        open: counts.get(&session.id).copied().unwrap_or(0),
        advertised_address: session.endpoint,
    };
    Ok(sessions.map(message).collect())
}
