//! A participant that answers as it is told and remembers every call. Any service, any method.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::harness::patiently;
use crate::harness::scripted::RawCodec;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `/package.Service/Method`.
    pub(crate) path: String,
    pub(crate) metadata: MetadataMap,
    pub(crate) payload: Bytes,
}

impl Seen {
    pub(crate) fn text(&self, key: &str) -> String {
        let value = self.metadata.get(key);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    pub(crate) fn gid(&self) -> String {
        self.text("tercet-gid")
    }

    pub(crate) fn branch(&self) -> String {
        self.text("tercet-branch")
    }

    pub(crate) fn phase(&self) -> String {
        self.text("tercet-phase")
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.text("tercet-attempt").parse().unwrap()
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// OK, with that reply.
    Reply(Bytes),
    /// An error.
    Fail(Status),
    /// Nothing until [`Participant::release`], then the other answer.
    Hold(Box<Answer>),
}

impl Answer {
    pub(crate) fn ok() -> Self {
        Self::Reply(Bytes::new())
    }

    pub(crate) fn code(code: Code) -> Self {
        Self::Fail(Status::new(code, format!("told to answer {code:?}")))
    }

    /// An error with a `RetryInfo` and an `ErrorInfo` beside it.
    pub(crate) fn later(code: Code, delay: std::time::Duration) -> Self {
        let mut details = ErrorDetails::with_retry_info(Some(delay));
        details.set_error_info("BUSY", "test", std::collections::HashMap::new());
        Self::Fail(Status::with_error_details(code, "come again", details))
    }

    pub(crate) fn hold() -> Self {
        Self::Hold(Box::new(Self::ok()))
    }

    pub(crate) fn held(self) -> Self {
        Self::Hold(Box::new(self))
    }
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

#[derive(Clone)]
struct Inner {
    script: Arc<Mutex<Arc<Script>>>,
    seen: watch::Sender<Vec<Seen>>,
    released: watch::Sender<bool>,
}

pub(crate) struct Participant {
    pub(crate) address: SocketAddr,
    inner: Inner,
}

impl Participant {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Inner {
            script: Arc::new(Mutex::new(Arc::new(|_: &Seen| Answer::ok()))),
            seen: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
        };
        let router = tonic::service::Routes::default()
            .into_axum_router()
            .fallback_service(AnyMethod(inner.clone()));
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = tonic::transport::Server::builder()
            .add_routes(tonic::service::Routes::from(router))
            .serve_with_incoming(incoming);
        tokio::spawn(server);
        Self { address, inner }
    }

    /// From now on, calls are answered so.
    pub(crate) fn on(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *self.inner.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on, calls of that phase are answered so, and all others with OK.
    pub(crate) fn on_phase(&self, phase: &'static str, answer: Answer) {
        self.on(move |seen| {
            if seen.phase() == phase {
                answer.clone()
            } else {
                Answer::ok()
            }
        });
    }

    /// Calls that are held get their answers, now and from now on.
    pub(crate) fn release(&self) {
        self.inner.released.send_replace(true);
    }

    /// All calls so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.borrow().clone()
    }

    /// The calls of that transaction, `phase branch attempt` each.
    pub(crate) fn calls(&self, gid: &str) -> Vec<String> {
        let of_gid = |seen: &Seen| seen.gid() == gid;
        let line = |seen: Seen| format!("{} {} {}", seen.phase(), seen.branch(), seen.attempt());
        self.seen().into_iter().filter(of_gid).map(line).collect()
    }

    /// Waits for the `number`-th call (from 1) of that phase of that transaction.
    pub(crate) async fn call(&self, gid: &str, phase: &str, number: usize) -> Seen {
        let is_meant = |seen: &&Seen| seen.gid() == gid && seen.phase() == phase;
        let mut all = self.inner.seen.subscribe();
        let has_come = all.wait_for(|all| all.iter().filter(is_meant).count() >= number);
        let what = format!("{phase} {number} of {gid}");
        let all = patiently(&what, has_come).await.unwrap();
        all.iter().filter(is_meant).nth(number - 1).unwrap().clone()
    }
}

#[derive(Clone)]
struct AnyMethod(Inner);

impl tower::Service<http::Request<axum::body::Body>> for AnyMethod {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.reflection.") {
            let none = Status::unimplemented("no reflection here").into_http();
            return Box::pin(std::future::ready(Ok(none)));
        }
        let handler = Handler {
            path: request.uri().path().to_owned(),
            inner: self.0.clone(),
        };
        Box::pin(async move {
            Ok(tonic::server::Grpc::new(RawCodec)
                .unary(handler, request)
                .await)
        })
    }
}

struct Handler {
    path: String,
    inner: Inner,
}

impl tonic::server::UnaryService<Bytes> for Handler {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (metadata, _, payload) = request.into_parts();
        let seen = Seen {
            path: self.path.clone(),
            metadata,
            payload,
        };
        let script = Arc::clone(&self.inner.script.lock().unwrap());
        let mut answer = script(&seen);
        self.inner.seen.send_modify(|all| all.push(seen));
        let mut released = self.inner.released.subscribe();
        Box::pin(async move {
            loop {
                answer = match answer {
                    Answer::Reply(bytes) => return Ok(Response::new(bytes)),
                    Answer::Fail(status) => return Err(status),
                    Answer::Hold(then) => {
                        let waited = released.wait_for(|released| *released).await;
                        waited.map_err(|_| Status::unavailable("the test has ended"))?;
                        *then
                    }
                };
            }
        })
    }
}
