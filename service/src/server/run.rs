//! The tasks of a running server and the order in which they end.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server as TonicServer;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{Bound, CLOSE_LIMIT, ServeError, Services};
use crate::{
    Drain, Listener, Readiness,
    deadline::DeadlineLayer,
    http,
    killable::KillableListener,
    metrics,
    traces::{TraceLayer, Tracing},
};

/// Streams a single connection may carry at once. Thousands of small calls on one connection can end in
/// h2's GOAWAY "`too_many_data_frames`"; a client that needs more opens another connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// Calls given up by a caller before they were looked at. A client with many calls and one deadline drops
/// them together, and h2's default of 20 would answer that with GOAWAY.
const PENDING_RESETS_MAX: usize = 256;
/// Headers of one call, in bytes: the contract's 4 KiB of transaction headers and room for proxies' own.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// How often a silent client is asked whether it is still there.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that runs for one server.
pub(super) struct Server {
    readiness: Readiness,
    health: HealthReporter,
    names: Vec<&'static str>,
    drain: Drain,
    drain_grace: Duration,
    tracing: Tracing,
    before_stop: BoxFuture<'static, ()>,
    stop: CancellationToken,
    kill: CancellationToken,
    /// Both sides in one task; it ends with the first error, or when both have stopped.
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// Spawns both sides. Nothing is answered before this, though connections may already be queueing.
    pub(super) fn build<L: Listener>(
        bound: Bound<L>,
        mut services: Services,
        drain: Drain,
        kill: CancellationToken,
    ) -> Result<Self, ServeError> {
        // A child: stopping gently doesn't kill, killing stops.
        let stop = kill.child_token();
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = services.take_routes();
        routes.add_service(health_service);
        routes.add_service(reflection(&services).build_v1()?);
        routes.add_service(reflection(&services).build_v1alpha()?);

        let incoming = KillableListener::new(bound.grpc, kill.clone()).into_stream();
        let grpc = TonicServer::builder()
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
            .http2_max_header_list_size(HEADERS_BYTES_MAX)
            .http2_keepalive_interval(Some(KEEP_ALIVE_EVERY))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .layer(TraceLayer(services.tracing.clone()))
            .layer(DeadlineLayer)
            .add_routes(routes.routes())
            .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());

        let figures = services.metrics.take().map(|(metrics, refresh)| {
            let readiness = services.readiness.clone();
            metrics::route(services.name, &metrics, refresh, readiness)
        });
        let pages = services.http.merge(figures.unwrap_or_default());
        let pages = http::router(services.readiness.clone(), pages);
        let http = axum::serve(KillableListener::new(bound.http, kill.clone()), pages)
            .with_graceful_shutdown(stop.clone().cancelled_owned());

        Ok(Self {
            readiness: services.readiness,
            health,
            names: services.names,
            drain,
            drain_grace: services.drain_grace,
            tracing: services.tracing,
            before_stop: services.before_stop,
            stop,
            kill,
            serving: tokio::spawn(async move {
                let grpc = async { grpc.await.map_err(ServeError::from) };
                let http = async { http.await.map_err(ServeError::from) };
                tokio::try_join!(grpc, http).map(|((), ())| ())
            }),
        })
    }

    /// Runs to the end: drained, killed, or failed.
    pub(super) async fn run(mut self) -> Result<(), ServeError> {
        let mirror = tokio::spawn(mirror_readiness(
            self.readiness.clone(),
            self.health.clone(),
            self.names.clone(),
        ));
        let failed = tokio::select! {
            () = self.drain.begun() => None,
            () = self.kill.cancelled() => None,
            ended = &mut self.serving => Some(ended),
        };
        if let Some(ended) = failed {
            self.kill.cancel();
            mirror.abort();
            return ended?;
        }
        if !self.kill.is_cancelled() {
            self.finish_own_work().await;
        }
        mirror.abort();
        let tracing = self.tracing.clone();
        let is_killed = self.kill.is_cancelled();
        let closed = self.close().await;
        if !is_killed {
            tracing.shutdown().await;
        }
        closed
    }

    async fn finish_own_work(&mut self) {
        self.readiness.red("draining", "the server is going away");
        tokio::select! {
            () = &mut self.before_stop => {}
            () = self.kill.cancelled() => {}
            () = self.drain.hurried() => {}
            () = tokio::time::sleep(self.drain_grace) => {
                tracing::warn!(grace = ?self.drain_grace, "grace period is over, leaving the rest");
            }
        }
    }

    /// Stops accepting and waits for what is under way; after the limit everything is cut.
    async fn close(mut self) -> Result<(), ServeError> {
        // Health watchers would keep their connections open for ever: their streams end with the statuses.
        self.health.clear_service_status("").await;
        for name in &self.names {
            self.health.clear_service_status(name).await;
        }
        self.stop.cancel();
        tokio::select! {
            ended = &mut self.serving => return ended?,
            () = self.drain.hurried() => {}
            () = tokio::time::sleep(CLOSE_LIMIT) => {
                tracing::warn!(limit = ?CLOSE_LIMIT, "connections still open, cutting them");
            }
        }
        // Every stream fails at its next read, so both sides end by themselves.
        self.kill.cancel();
        self.serving.await?
    }
}

/// Lists what is served here, not everything that the descriptors happen to know.
fn reflection(services: &Services) -> tonic_reflection::server::Builder<'static> {
    let own = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // Error details are read by reflection, too: without it a person sees base64 instead of the reason.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health")
        .with_service_name("grpc.reflection.v1.ServerReflection")
        .with_service_name("grpc.reflection.v1alpha.ServerReflection");
    let listed = services
        .names
        .iter()
        .fold(own, |builder, name| builder.with_service_name(*name));
    services.descriptors.iter().fold(listed, |builder, set| {
        builder.register_encoded_file_descriptor_set(set)
    })
}

/// Keeps the health service's statuses equal to the readiness.
async fn mirror_readiness(readiness: Readiness, health: HealthReporter, names: Vec<&'static str>) {
    let mut reasons = readiness.subscribe();
    loop {
        let status = if reasons.borrow_and_update().is_empty() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        health.set_service_status("", status).await;
        for name in &names {
            health.set_service_status(name, status).await;
        }
        if reasons.changed().await.is_err() {
            return;
        }
    }
}
