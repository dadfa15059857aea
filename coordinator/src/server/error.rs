//! Why a coordinator doesn't start, or stops by itself. Each is one line for people.

use tercet_log::{Failure, LogError, OpenError, UrlError};
use tercet_service::config::AlertsError;
use tercet_service::traces::TracesError;
use tercet_service::{ListenError, ServeError};

/// Why a coordinator doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `listen` or `http_listen` can't be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// `log.url` isn't one.
    #[error("log.url: {0}")]
    LogUrl(#[from] UrlError),
    /// The log can't be opened: read-only, held by another coordinator, or another version's.
    #[error("log.url: {0}")]
    LogOpen(#[from] OpenError),
    /// A file has one lane.
    #[error("cluster.lanes: an SQLite log has 1, not {0}")]
    Lanes(u16),
    /// The times of the cluster don't go together.
    #[error("cluster: {0}")]
    Cluster(String),
    /// `[alerts]` can't be followed.
    #[error(transparent)]
    Alerts(#[from] AlertsError),
    /// `[telemetry]` can't be followed.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// What is open can't be read from the log.
    #[error("log: can't read the open transactions: {0}")]
    Recovery(#[from] LogError),
    /// A participant's endpoint can't be used.
    #[error("participants: {0}")]
    Participant(String),
    /// The server can't be built.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Why a coordinator has stopped without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The server ended by itself.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The log can't be written any more; a new start reads the truth.
    #[error("log: {0}")]
    Log(#[from] Failure),
}
