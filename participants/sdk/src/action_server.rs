//! Serves an action as its gRPC service: `Try`, `Confirm` and `Cancel` by name, behind the fence.
//!
//! It takes the place of the generated server, whose trait differs for each service. Wrap it in
//! [`crate::BranchContextLayer`], as [`crate::Participant`] does: without a context every call is refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tercet_failpoints::failpoint;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::codec::BytesCodec;
use crate::context::{BranchContext, ContextError, PHASE};
use crate::error::ActionError;
use crate::fence::Phase;
use crate::metrics::ActionMeters;
use crate::served::Served;

/// The gRPC service of one action. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ActionServer {
    served: Arc<dyn Served>,
    meters: ActionMeters,
}

impl ActionServer {
    /// Serves one action.
    pub(crate) fn new(served: Arc<dyn Served>, meters: ActionMeters) -> Self {
        Self { served, meters }
    }
}

impl tower::Service<http::Request<Body>> for ActionServer {
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
        let Some(called) = called.filter(|phase| self.served.verbs().offers(*phase)) else {
            let status = ActionError::NotOffered.into_status(self.served.service());
            return async { Ok(status.into_http()) }.boxed();
        };
        let verb = Verb {
            served: Arc::clone(&self.served),
            meters: self.meters.clone(),
            called,
        };
        async move { Ok(Grpc::new(BytesCodec).unary(verb, request).await) }.boxed()
    }
}

/// One method of the service.
struct Verb {
    served: Arc<dyn Served>,
    meters: ActionMeters,
    called: Phase,
}

impl Verb {
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
            service = self.served.service(),
            gid = context.gid(),
            trace_id = context.trace_id(),
            branch = context.branch(),
            phase = %context.phase,
            attempt = context.attempt,
        );
        async move {
            let began = Instant::now();
            let answer = self.served.call(context, payload).await;
            self.meters.answered(self.called, &answer, began.elapsed());
            failpoint!("answer::before-", self.called).map_err(sqlx::Error::from)?;
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

impl UnaryService<Bytes> for Verb {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let verb = Self {
            served: Arc::clone(&self.served),
            meters: self.meters.clone(),
            called: self.called,
        };
        async move {
            match verb.serve(request).await {
                Ok(reply) => Ok(Response::new(reply)),
                Err(error) => Err(error.into_status(verb.served.service())),
            }
        }
        .boxed()
    }
}
