//! A span for each gRPC call that is served.
//!
//! The call's `traceparent` is replaced by one that names this span: whoever reads it, the transaction that is begun or
//! the client that calls on, continues it. A call without one begins a trace by the configured share.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Span, SpanKind, Tracing};

const TRACEPARENT: &str = "traceparent";
/// What no trace begins with: asking how things are.
const NO_ROOTS: [&str; 3] = [
    "/grpc.",
    "/tercet.v1.AdminService/",
    "/tercet.v1.FenceService/",
];
/// Metadata of Tercet's own that a span shows, and what it is called there.
const SHOWN: [(&str, &str); 4] = [
    ("tercet-gid", "tercet.gid"),
    ("tercet-branch", "tercet.branch"),
    ("tercet-phase", "tercet.phase"),
    ("tercet-attempt", "tercet.attempt"),
];

/// Adds [`Traced`] to a service.
#[derive(Debug, Clone)]
pub(crate) struct TraceLayer(pub(crate) Tracing);

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced {
            inner,
            tracing: self.0.clone(),
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Traced<S> {
    inner: S,
    tracing: Tracing,
}

impl<S> Traced<S> {
    fn span(&self, path: &str, headers: &HeaderMap) -> Span {
        let name = path.trim_start_matches('/').to_owned();
        let parent = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        let mut span = match parent {
            Some(parent) => self.tracing.span(name, SpanKind::Server, parent),
            None if NO_ROOTS.iter().any(|start| path.starts_with(start)) => return Span(None),
            None => self.tracing.root(name, SpanKind::Server),
        };
        if span.is_recording() {
            let (service, method) = path
                .trim_start_matches('/')
                .split_once('/')
                .unwrap_or_default();
            span.set("rpc.system", "grpc");
            span.set("rpc.service", service.to_owned());
            span.set("rpc.method", method.to_owned());
            for (header, key) in SHOWN {
                if let Some(value) = headers.get(header).and_then(|value| value.to_str().ok()) {
                    span.set(key, value.to_owned());
                }
            }
        }
        span
    }
}

impl<S> Service<Request<Body>> for Traced<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if !self.tracing.is_on() {
            return Box::pin(self.inner.call(request));
        }
        let mut span = self.span(request.uri().path(), request.headers());
        let own = span.traceparent();
        if let Some(own) = own.and_then(|own| HeaderValue::try_from(own).ok()) {
            request.headers_mut().insert(TRACEPARENT, own);
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if span.is_recording() {
                // Errors are in the headers; an answer that has a body is a good one, as far as can be known here.
                let status = answer.headers().get("grpc-status");
                let code = status
                    .and_then(|status| status.to_str().ok())
                    .unwrap_or("0");
                span.set("rpc.grpc.status_code", code.parse::<i64>().unwrap_or(2));
                if code != "0" {
                    span.fail(format!("gRPC status {code}"));
                }
            }
            Ok(answer)
        })
    }
}
