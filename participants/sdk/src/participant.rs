//! A participant put together: its fence, its actions, and whatever else it serves.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tercet_client::Client;
use tercet_database::Connections;
use tercet_proto::tercet::v1::fence_service_server::FenceServiceServer;
use tercet_proto::tercet::v1::initiator_service_server::InitiatorServiceServer;
use tercet_service::Services;
use tercet_service::traces::Tracing;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::action::Action;
use crate::action_server::ActionServer;
use crate::cleaner::Cleaner;
use crate::context::BranchContextLayer;
use crate::coordinator::Coordinator;
use crate::fence::{Fence, FenceDb, FenceOptions, Phase};
use crate::fence_service::FenceReader;
use crate::hot::{HotAction, HotCalls, HotRows, HotTable};
use crate::metrics::{Meters, OutboxMeters};
use crate::outbox::{GrpcCourier, InitiatorCheck, Outbox, OutboxDb};
use crate::resolver::{Actions, Resolver, ResolverOptions, Settle};
use crate::served::{PlainCalls, Served};

/// The gRPC service of any one action, as a [`CallLayer`] sees it.
pub type ActionCalls = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// A tower layer around every action of a participant, outside of the fence.
///
/// It is how an application adds what it wants on every call (authorisation, metrics), and how a demo or a test,
/// and nothing that is shipped, lets a participant die after its commit and before its answer.
#[derive(Clone)]
pub struct CallLayer(Arc<dyn Fn(ActionCalls) -> ActionCalls + Send + Sync>);

impl CallLayer {
    /// Wraps every action's service in `layer`.
    pub fn new<L>(layer: L) -> Self
    where
        L: Layer<ActionCalls> + Send + Sync + 'static,
        L::Service: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<http::Request<Body>>>::Future: Send + 'static,
    {
        Self(Arc::new(move |inner| {
            BoxCloneSyncService::new(layer.layer(inner))
        }))
    }
}

impl Default for CallLayer {
    /// Adds nothing.
    fn default() -> Self {
        Self(Arc::new(|inner| inner))
    }
}

impl std::fmt::Debug for CallLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallLayer")
    }
}

/// A participant being put together: add its actions and other services, then serve it by
/// [`crate::serve::start`].
pub struct Participant<D: FenceDb> {
    fence: Fence<D>,
    actions: Actions,
    services: Services,
    layer: CallLayer,
    background: Vec<Background>,
}

/// Something that runs beside the server as long as it is up.
pub(crate) type Background = BoxFuture<'static, ()>;

impl<D: FenceDb> Participant<D> {
    /// A participant with its fence in `database`, whose tables exist already. Once started, it offers
    /// `tercet.v1.FenceService`.
    pub fn new(database: Connections<D>, options: FenceOptions) -> Self {
        let fence = Fence::new(database, options);
        let metrics = &fence.meters().metrics;
        let services = Services::new()
            .name("participant")
            .metrics(metrics, Some(Meters::refresh(&fence)));
        Self {
            fence,
            actions: Actions::new(),
            services,
            layer: CallLayer::default(),
            background: Vec::new(),
        }
    }

    /// Sends what is written to `outbox`, and answers the coordinator's questions about it, by `client`.
    #[must_use]
    pub fn outbox(self, outbox: &Outbox<D>, client: &Client) -> Self
    where
        D: OutboxDb,
    {
        let meters = OutboxMeters::new(&self.fence.meters().metrics);
        self.initiator(outbox, client)
            .background(meters.watch(outbox.clone()))
            .background(outbox.clone().run(client.clone()))
    }

    /// Only answers the coordinator's questions about `outbox`: for a process beside those that send.
    #[must_use]
    pub fn initiator(mut self, outbox: &Outbox<D>, client: &Client) -> Self
    where
        D: OutboxDb,
    {
        let courier = Arc::new(GrpcCourier::new(client, outbox.options()));
        let check = InitiatorCheck::new(outbox.clone(), courier);
        self.services = self.services.grpc(InitiatorServiceServer::new(check));
        self
    }

    /// What it is called in figures and traces; `participant` if this isn't said.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.services = self.services.name(name);
        self
    }

    /// Runs something beside the server as long as it is up; it is dropped when the server has stopped.
    #[must_use]
    pub fn background(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.background.push(task.boxed());
        self
    }

    /// Puts a layer around every action that is added from now on.
    #[must_use]
    pub fn layer(mut self, layer: CallLayer) -> Self {
        self.layer = layer;
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action<A: Action<Db = D>>(self, action: A) -> Self {
        let calls = PlainCalls {
            fence: self.fence.clone(),
            action: Arc::new(action),
        };
        self.serve::<OfAction<A>>(Arc::new(calls))
    }

    /// Adds an action whose calls on one row of `rows` are gathered. Actions with the same `rows` are gathered together.
    #[must_use]
    pub fn hot_action<A>(self, rows: &HotRows<A::Table>, action: A) -> Self
    where
        A: HotAction,
        A::Table: HotTable<Db = D>,
    {
        let calls = HotCalls {
            fence: self.fence.clone(),
            rows: rows.clone(),
            planner: Arc::new(action),
        };
        self.serve::<OfHotAction<A>>(Arc::new(calls))
    }

    fn serve<N: NamedService + 'static>(mut self, served: Arc<dyn Served>) -> Self {
        let offered = Phase::ALL
            .into_iter()
            .filter(|phase| served.verbs().offers(*phase))
            .collect::<Vec<_>>();
        let meters = self.fence.meters().action(served.service(), &offered);
        let verbs = ActionServer::new(Arc::clone(&served), meters);
        let calls = BoxCloneSyncService::new(BranchContextLayer.layer(verbs));
        let calls = Named::<N> {
            inner: (self.layer.0)(calls),
            name: PhantomData,
        };
        self.actions.insert(N::NAME, served);
        self.services = self.services.grpc(calls);
        self
    }

    /// Adds any other gRPC service, e.g. one for queries.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: tercet_service::axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.services = self.services.grpc(service);
        self
    }

    /// Adds an encoded file descriptor set to reflection, which JSON payloads are converted by.
    #[must_use]
    pub fn descriptors(mut self, encoded: &'static [u8]) -> Self {
        self.services = self.services.descriptors(encoded);
        self
    }

    /// Adds HTTP routes, e.g. one that an outside service posts to.
    #[must_use]
    pub fn http(mut self, router: tercet_service::axum::Router) -> Self {
        self.services = self.services.http(router);
        self
    }

    /// The fence.
    pub fn fence(&self) -> &Fence<D> {
        &self.fence
    }

    /// What asks `coordinator` about branches in doubt. Knows the actions added so far.
    pub fn resolver<C: Coordinator>(
        &self,
        coordinator: C,
        options: ResolverOptions,
    ) -> Resolver<D, C> {
        Resolver::new(
            self.fence.clone(),
            Arc::new(self.actions.clone()),
            coordinator,
            options,
        )
    }

    /// What deletes old fence rows.
    pub fn cleaner(&self) -> Cleaner<D> {
        Cleaner::new(self.fence.clone())
    }

    /// Makes spans by `tracing`.
    pub(crate) fn trace_by(mut self, tracing: &Tracing) -> Self {
        self.fence.meters().trace_by(tracing.clone());
        self.services = self.services.tracing(tracing);
        self
    }

    /// What it is called.
    pub(crate) fn called(&self) -> &'static str {
        self.services.called()
    }

    /// What is to be served, and what runs beside it. `settler` settles a branch when somebody asks for it.
    pub(crate) fn into_parts(self, settler: Arc<dyn Settle>) -> (Services, Vec<Background>) {
        let reader = FenceReader::settled_by(self.fence, settler);
        let services = self.services.grpc(FenceServiceServer::new(reader));
        (services, self.background)
    }
}

/// The name of an action's service.
struct OfAction<A>(PhantomData<fn() -> A>);

impl<A: Action> NamedService for OfAction<A> {
    const NAME: &'static str = A::SERVICE;
}

/// The name of a hot action's service.
struct OfHotAction<A>(PhantomData<fn() -> A>);

impl<A: HotAction> NamedService for OfHotAction<A> {
    const NAME: &'static str = A::SERVICE;
}

/// A boxed service that still has its action's name.
struct Named<N> {
    inner: ActionCalls,
    name: PhantomData<fn() -> N>,
}

impl<N> Clone for Named<N> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            name: PhantomData,
        }
    }
}

impl<N: NamedService> NamedService for Named<N> {
    const NAME: &'static str = N::NAME;
}

impl<N: NamedService> Service<http::Request<Body>> for Named<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <ActionCalls as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.inner.call(request)
    }
}
