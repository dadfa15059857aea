//! What a server serves, gathered before it starts.

use std::{convert::Infallible, time::Duration};

use futures::future::BoxFuture;
use tonic::{
    body::Body,
    codegen::http::Request,
    server::NamedService,
    service::{Routes, RoutesBuilder},
};
use tower::Service;

use crate::{Metrics, Readiness, metrics::Refresh, traces::Tracing};

/// The grace period where none is configured.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// gRPC services, their descriptors, HTTP routes, and what to do before stopping.
pub struct Services {
    routes: RoutesBuilder,
    pub(super) name: &'static str,
    pub(super) names: Vec<&'static str>,
    pub(super) descriptors: Vec<&'static [u8]>,
    pub(super) http: axum::Router,
    pub(super) metrics: Option<(Metrics, Option<Refresh>)>,
    pub(super) tracing: Tracing,
    pub(super) readiness: Readiness,
    pub(super) drain_grace: Duration,
    pub(super) before_stop: BoxFuture<'static, ()>,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            routes: Routes::builder(),
            name: "server",
            names: Vec::new(),
            descriptors: Vec::new(),
            http: axum::Router::new(),
            metrics: None,
            tracing: Tracing::off(),
            readiness: Readiness::new(),
            drain_grace: DRAIN_GRACE,
            before_stop: Box::pin(std::future::ready(())),
        }
    }
}

impl Services {
    /// Health and reflection only.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the server is called in figures and traces: `coordinator`, or the name of a participant's service.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Adds a gRPC service. Its name also gets a status of its own in `grpc.health.v1`.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Adds an encoded file descriptor set to reflection.
    #[must_use]
    pub fn descriptors(mut self, encoded: &'static [u8]) -> Self {
        self.descriptors.push(encoded);
        self
    }

    /// Serves these figures at `/metrics`. Before each answer `refresh` sets the gauges to what they are now.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics, refresh: Option<Refresh>) -> Self {
        self.metrics = Some((metrics.clone(), refresh));
        self
    }

    /// Opens a span for each gRPC call, and sends what is left when the server has stopped.
    #[must_use]
    pub fn tracing(mut self, tracing: &Tracing) -> Self {
        self.tracing = tracing.clone();
        self
    }

    /// What the server is called; see [`name`](Self::name).
    pub fn called(&self) -> &'static str {
        self.name
    }

    /// Adds HTTP routes, for example a console.
    #[must_use]
    pub fn http(mut self, router: axum::Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// What `/readyz` and the health service answer from.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// How long [`before_stop`](Self::before_stop) may take once the drain has begun. 10 s if not set.
    #[must_use]
    pub fn drain_grace(mut self, grace: Duration) -> Self {
        self.drain_grace = grace;
        self
    }

    /// Polled from the beginning of the drain, while requests are still served. It ends the server's own
    /// streams and completes when nothing needs the server any more; it is dropped when the grace is over.
    #[must_use]
    pub fn before_stop(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.before_stop = Box::pin(work);
        self
    }

    pub(super) fn take_routes(&mut self) -> RoutesBuilder {
        std::mem::take(&mut self.routes)
    }
}
