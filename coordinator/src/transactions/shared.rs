//! What all transactions of a coordinator share, and the handle to it.

use std::sync::Arc;

use tercet_core::RetryPolicy;
use tercet_log::{Log, LogError};
use tokio_util::task::TaskTracker;

use super::{Admission, Gauges, Registry, Stage, StageCell};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::log_health::LogHealth;
use crate::participants::Participants;
use crate::pauses::Pauses;
use crate::telemetry::Telemetry;

/// What all transactions share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) health: LogHealth,
    pub(crate) participants: Arc<Participants>,
    pub(crate) pauses: Pauses,
    /// The others; none where the log has one coordinator at a time.
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) policy: Arc<RetryPolicy>,
    /// How others reach this coordinator.
    pub(crate) advertised: Arc<str>,
    pub(crate) registry: Registry,
    pub(crate) admission: Admission,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) telemetry: Telemetry,
    pub(crate) stage: StageCell,
    pub(crate) clock: Clock,
    pub(super) tasks: TaskTracker,
}

/// The open transactions of this coordinator. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Transactions {
    pub(super) shared: Arc<Shared>,
}

impl Transactions {
    /// None yet.
    pub(crate) fn new(
        config: &Config,
        log: Log,
        participants: Arc<Participants>,
        cluster: Option<Arc<Cluster>>,
        advertised: Arc<str>,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Self {
        let limits = &config.limits;
        Self {
            shared: Arc::new(Shared {
                log,
                health: LogHealth::default(),
                participants,
                pauses: Pauses::default(),
                cluster,
                policy: Arc::new(config.policy()),
                advertised,
                registry: Registry::new(),
                admission: Admission::new(limits.undecided, limits.waiting_per_participant),
                gauges: Arc::default(),
                telemetry,
                stage: StageCell::default(),
                clock,
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// What they share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Reads from the log which participants are paused.
    pub(crate) async fn follow_pauses(&self) -> Result<(), LogError> {
        let shared = &self.shared;
        shared
            .pauses
            .follow(&shared.log, &shared.participants)
            .await
    }

    /// Goes on to `stage`, and lets every task know.
    pub(crate) fn advance(&self, stage: Stage) {
        self.shared.stage.advance(stage);
        for handle in self.shared.registry.all() {
            handle.look_at_stage();
        }
    }

    /// Waits until every task has ended. None may begin any more: the stage must be [`Stage::Leaving`].
    pub(crate) async fn ended(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
