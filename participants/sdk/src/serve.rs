//! Starting and stopping a participant, the same for every one.
//!
//! [`start`] takes a [`Participant`] and bound sockets and runs the server, the resolver and the cleaner.
//! [`RunningParticipant`] ends gently ([`RunningParticipant::drain`], then [`RunningParticipant::wait`]) or as a
//! killed process would ([`RunningParticipant::abort`]), after which the same file can be opened again.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use tercet_client::Client;
use tercet_database::{DatabaseUrl, OpenError, classify};
use tercet_service::{
    Addresses, Bound, ConfigDuration, Drain, Endpoint, Listen, ListenAddress, ListenError, Running,
    ServeError,
    config::{Telemetry, Tls},
    traces::{TracesError, Tracing},
};
use thiserror::Error;
use tokio::task::JoinSet;

use crate::coordinator::GrpcCoordinator;
use crate::fence::{FenceDb, FenceOptions, Stop};
use crate::participant::Participant;
use crate::resolver::{ResolverOptions, Settle};

/// After an abort: how long connections to the database may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A participant's configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantConfig {
    /// Where gRPC listens; each service has its own port when this isn't given.
    pub listen: Option<ListenAddress>,
    /// Where HTTP (`/healthz`, `/readyz`) listens; any free port of this machine when this isn't given.
    pub http_listen: Option<ListenAddress>,
    /// The participant's own database.
    pub database: DatabaseSection,
    /// Where the coordinator is.
    pub coordinator: CoordinatorSection,
    /// The fence's times and bounds.
    #[serde(default)]
    pub fence: FenceSection,
    /// The log.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// How connections are protected.
    #[serde(default)]
    pub tls: Tls,
}

impl ParticipantConfig {
    /// A configuration for embedding: loopback, any free ports, defaults for the rest.
    pub fn embedded(database: DatabaseUrl, coordinator: Vec<Endpoint>) -> Self {
        Self {
            listen: Some(ListenAddress::loopback(0)),
            http_listen: Some(ListenAddress::loopback(0)),
            database: DatabaseSection { url: database },
            coordinator: CoordinatorSection {
                endpoints: coordinator,
            },
            fence: FenceSection::default(),
            telemetry: Telemetry::default(),
            tls: Tls::default(),
        }
    }

    /// Where to listen; `port` is the service's own.
    pub fn listen(&self, port: u16) -> Listen {
        Listen {
            grpc: self
                .listen
                .clone()
                .unwrap_or_else(|| ListenAddress::loopback(port)),
            http: self
                .http_listen
                .clone()
                .unwrap_or_else(|| ListenAddress::loopback(0)),
        }
    }

    /// A client of the coordinator. It connects when it is first used; must be called inside a Tokio runtime.
    pub fn client(&self) -> Result<Client, StartError> {
        let endpoints = self.coordinator.endpoints.iter().map(ToString::to_string);
        Client::lazy(endpoints).map_err(StartError::Coordinator)
    }
}

/// `[database]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// `sqlite:path/to/file.db`.
    #[serde(deserialize_with = "database_url")]
    pub url: DatabaseUrl,
}

fn database_url<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<DatabaseUrl, D::Error> {
    let text = String::deserialize(deserializer)?;
    DatabaseUrl::parse(&text).map_err(serde::de::Error::custom)
}

/// `[coordinator]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinatorSection {
    /// The replicas' URLs, at least one.
    #[serde(deserialize_with = "endpoints")]
    pub endpoints: Vec<Endpoint>,
}

fn endpoints<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let endpoints = Vec::<Endpoint>::deserialize(deserializer)?;
    if endpoints.is_empty() {
        return Err(serde::de::Error::custom(
            "expected at least one endpoint, found none",
        ));
    }
    Ok(endpoints)
}

/// With a retention of nothing every try would be too late.
fn some_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<ConfigDuration, D::Error> {
    let duration = ConfigDuration::deserialize(deserializer)?;
    if duration.get().is_zero() {
        return Err(serde::de::Error::custom("expected more than \"0s\""));
    }
    Ok(duration)
}

/// `[fence]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FenceSection {
    /// How long an ended row is kept; at least twice the coordinator's `retention.ended`, never 0.
    #[serde(deserialize_with = "some_time")]
    pub retention: ConfigDuration,
    /// How long after its try deadline a tried branch is asked about.
    pub ask_after: ConfigDuration,
    /// How many calls of actions may be under way at once, at least 1.
    pub in_flight: NonZeroUsize,
}

impl Default for FenceSection {
    fn default() -> Self {
        let options = FenceOptions::default();
        Self {
            retention: ConfigDuration::from_secs(options.retention.as_secs()),
            ask_after: ConfigDuration::from_secs(options.ask_after.as_secs()),
            in_flight: NonZeroUsize::new(options.in_flight_max).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl From<&FenceSection> for FenceOptions {
    fn from(section: &FenceSection) -> Self {
        Self {
            retention: section.retention.get(),
            ask_after: section.ask_after.get(),
            in_flight_max: section.in_flight.get(),
        }
    }
}

/// Why a participant didn't start. One line each.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A statement before it was up, e.g. of a seed.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// Its sockets.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The coordinator's endpoints.
    #[error("coordinator.endpoints: {0}")]
    Coordinator(#[source] tercet_client::Error),
}

impl StartError {
    /// Whether waiting and trying again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Open(error) => error.is_retryable(),
            Self::Database(error) => classify(error).is_retryable(),
            Self::Listen(_) | Self::Serve(_) | Self::Traces(_) | Self::Coordinator(_) => false,
        }
    }
}

/// A participant that is up. Dropping the handle ends its resolver and its cleaner, not its server.
pub struct RunningParticipant {
    server: Running,
    stop: Stop,
    background: JoinSet<()>,
    close: BoxFuture<'static, ()>,
}

impl std::fmt::Debug for RunningParticipant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningParticipant")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Serves `participant` where its configuration says, with its resolver and its cleaner. `port` is the service's
/// own, for a configuration that names none.
pub async fn start<D: FenceDb>(
    participant: Participant<D>,
    config: &ParticipantConfig,
    port: u16,
    drain: Drain,
) -> Result<RunningParticipant, StartError> {
    let database = participant.fence().database().clone();
    let started = async {
        let client = config.client()?;
        let tracing = Tracing::start(&config.telemetry, participant.called())?;
        let participant = participant.trace_by(&tracing);
        let bound = Bound::bind(&config.listen(port)).await?;
        let coordinator = GrpcCoordinator::new(&client, config.coordinator.endpoints.len());
        let stop = participant.fence().stop().clone();
        let resolver = Arc::new(participant.resolver(coordinator, ResolverOptions::default()));
        let cleaner = participant.cleaner();
        let settler: Arc<dyn Settle> = Arc::clone(&resolver) as _;
        let (services, beside) = participant.into_parts(settler);
        let server = bound.start(services, drain)?;
        let mut background = JoinSet::new();
        for task in beside {
            background.spawn(task);
        }
        background.spawn(resolver.run());
        background.spawn(cleaner.run());
        Ok((server, stop, background))
    };
    match started.await {
        Ok((server, stop, background)) => {
            let close = async move { database.close().await }.boxed();
            Ok(RunningParticipant {
                server,
                stop,
                background,
                close,
            })
        }
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

impl RunningParticipant {
    /// The addresses that were bound.
    pub fn addresses(&self) -> Addresses {
        self.server.addresses()
    }

    /// Prints the line that scripts wait for.
    pub fn announce(&self) {
        self.server.announce();
    }

    /// Begins the drain: health goes red, calls under way are finished.
    pub fn drain(&self) {
        self.server.drain();
    }

    /// Waits until everything has ended after a drain.
    pub async fn wait(mut self) -> Result<(), ServeError> {
        let served = self.server.wait().await;
        self.background.shutdown().await;
        self.stop.wait().await;
        self.close.await;
        served
    }

    /// Dies as a killed process does: listeners, connections, calls under way and the database's connections are
    /// gone when this returns. What was committed stays, what wasn't is rolled back.
    pub async fn abort(mut self) {
        self.server.abort().await;
        self.stop.abort();
        self.background.shutdown().await;
        self.stop.wait().await;
        if tokio::time::timeout(CLOSE_LIMIT, self.close).await.is_err() {
            tracing::warn!("database connections are still open");
        }
    }
}

#[cfg(test)]
mod tests;
