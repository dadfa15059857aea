//! Serves an [`Action`] as its gRPC service: `Try`, `Confirm` and `Cancel` by name, behind the fence.
//!
//! It takes the place of the generated server, whose trait differs for each service. Wrap it in
//! [`crate::BranchContextLayer`], as [`crate::Participant`] does: without a context every call is refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::action::{Action, DynAction};
use crate::codec::BytesCodec;
use crate::context::{BranchContext, ContextError, PHASE};
use crate::error::ActionError;
use crate::fence::{Fence, Phase};

/// The gRPC service of one action. Cheap to clone.
#[derive(Debug)]
pub struct ActionServer<A: Action> {
    fence: Fence<A::Db>,
    action: Arc<A>,
}

impl<A: Action> Clone for ActionServer<A> {
    fn clone(&self) -> Self {
        Self {
            fence: self.fence.clone(),
            action: Arc::clone(&self.action),
        }
    }
}

impl<A: Action> ActionServer<A> {
    /// Serves `action` behind `fence`.
    pub fn new(fence: Fence<A::Db>, action: Arc<A>) -> Self {
        Self { fence, action }
    }
}

impl<A: Action> NamedService for ActionServer<A> {
    const NAME: &'static str = A::SERVICE;
}

impl<A: Action> tower::Service<http::Request<Body>> for ActionServer<A> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let called = match method {
            "Try" => Some(Phase::Try),
            "Confirm" => Some(Phase::Confirm),
            "Cancel" => Some(Phase::Cancel),
            _ => None,
        };
        let Some(called) = called.filter(|phase| A::VERBS.offers(*phase)) else {
            let status = ActionError::NotOffered.into_status(A::SERVICE);
            return async { Ok(status.into_http()) }.boxed();
        };
        let verb = Verb {
            server: self.clone(),
            called,
        };
        async move { Ok(Grpc::new(BytesCodec).unary(verb, request).await) }.boxed()
    }
}

/// One method of the service.
struct Verb<A: Action> {
    server: ActionServer<A>,
    called: Phase,
}

impl<A: Action> Verb<A> {
    async fn serve(&self, request: Request<Bytes>) -> Result<Bytes, ActionError> {
        let (_, mut extensions, payload) = request.into_parts();
        let context: BranchContext = extensions.remove().ok_or(ContextError::Missing(PHASE))?;
        if context.phase != self.called {
            return Err(ContextError::OtherPhase {
                said: context.phase,
                called: self.called,
            }
            .into());
        }
        let span = tracing::info_span!(
            "action",
            service = A::SERVICE,
            gid = context.gid(),
            branch = context.branch(),
            phase = %context.phase,
            attempt = context.attempt,
        );
        let action: Arc<dyn DynAction<A::Db>> = Arc::clone(&self.server.action) as _;
        async move {
            let answer = self.server.fence.call(action, context, payload).await;
            match &answer {
                Ok(_) => tracing::debug!("done"),
                Err(error) if error.is_retryable() => tracing::warn!(%error, "not served"),
                Err(error) => tracing::info!(%error, "refused"),
            }
            answer
        }
        .instrument(span)
        .await
    }
}

impl<A: Action> UnaryService<Bytes> for Verb<A> {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let verb = Self {
            server: self.server.clone(),
            called: self.called,
        };
        async move {
            match verb.serve(request).await {
                Ok(reply) => Ok(Response::new(reply)),
                Err(error) => Err(error.into_status(A::SERVICE)),
            }
        }
        .boxed()
    }
}
