//! A participant that does as it is told, and remembers every call.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use tercet_service::{Addresses, Bound, Drain, Listen, Running, Services};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};

use super::soon;

/// One call as the participant saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    pub(crate) fn gid(&self) -> String {
        self.header("tercet-gid")
    }

    pub(crate) fn branch(&self) -> String {
        self.header("tercet-branch")
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.header("tercet-attempt").parse().unwrap()
    }
}

/// What the participant does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// OK with that reply.
    Reply(Bytes),
    /// Another code.
    Refuse(Status),
    /// Nothing, until [`Fake::release`].
    Hang,
    /// The stream breaks in the middle.
    Break,
}

impl Behaviour {
    pub(crate) fn ok() -> Self {
        Self::Reply(Bytes::new())
    }

    pub(crate) fn code(code: Code) -> Self {
        Self::Refuse(Status::new(code, format!("told to answer {code:?}")))
    }
}

type Script = dyn Fn(&Seen) -> Behaviour + Send + Sync;

struct Inner {
    script: Mutex<Arc<Script>>,
    seen: watch::Sender<Vec<Seen>>,
    released: watch::Sender<bool>,
}

/// A participant that does as it is told.
pub(crate) struct Fake {
    inner: Arc<Inner>,
    addresses: Addresses,
    running: Option<Running>,
}

/// The services that a fake offers; each only differs by its name.
macro_rules! services {
    ($($service:ident = $name:literal),+) => {
        $(
            #[derive(Clone)]
            struct $service(Arc<Inner>);

            impl NamedService for $service {
                const NAME: &'static str = $name;
            }

            impl tower::Service<Request<Body>> for $service {
                type Response = Response<Body>;
                type Error = Infallible;
                type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

                fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                    Poll::Ready(Ok(()))
                }

                fn call(&mut self, request: Request<Body>) -> Self::Future {
                    let inner = Arc::clone(&self.0);
                    Box::pin(async move { Ok(inner.answer(request).await) })
                }
            }
        )+
        fn all(inner: &Arc<Inner>) -> Services {
            Services::new()$(.grpc($service(Arc::clone(inner))))+
        }
    };
}

services! {
    Action = "test.v1.ActionService",
    Check = "test.v1.CheckService",
    Reserve = "shop.stock.v1.ReserveStockService"
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Inner {
            script: Mutex::new(Arc::new(|_: &Seen| Behaviour::ok())),
            seen: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
        });
        let bound = Bound::bind(&Listen::any_loopback()).await.unwrap();
        let addresses = bound.addresses();
        let services = all(&inner).descriptors(tercet_proto::FILE_DESCRIPTOR_SET);
        let running = bound.start(services, Drain::new()).unwrap();
        Self {
            inner,
            addresses,
            running: Some(running),
        }
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// From now on, calls are answered so.
    pub(crate) fn on(&self, script: impl Fn(&Seen) -> Behaviour + Send + Sync + 'static) {
        *self.inner.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on, calls of that method are answered so, and all others with OK.
    pub(crate) fn on_method(&self, method: &'static str, behaviour: Behaviour) {
        self.on(move |seen| {
            if seen.method == method {
                behaviour.clone()
            } else {
                Behaviour::ok()
            }
        });
    }

    /// Calls that hang are answered with OK, now and from now on.
    pub(crate) fn release(&self) {
        self.inner.released.send_replace(true);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.borrow().clone()
    }

    /// How many calls of that method have come.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.method == method)
            .count()
    }

    /// Waits until that many calls of that method have come.
    pub(crate) async fn wait_for(&self, method: &str, count: usize) {
        let mut seen = self.inner.seen.subscribe();
        let has_come =
            |seen: &Vec<Seen>| seen.iter().filter(|seen| seen.method == method).count() >= count;
        let what = format!("call {count} of {method}");
        soon(&what, seen.wait_for(has_come)).await.unwrap();
    }

    /// Dies: its listener and every connection are gone.
    pub(crate) async fn die(&mut self) {
        self.running.take().unwrap().abort().await;
    }
}

impl Inner {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let method = head.uri.path().rsplit('/').next().unwrap().to_owned();
        let seen = Seen {
            method,
            headers: head.headers,
            payload: body.slice(5..),
        };
        self.seen.send_modify(|all| all.push(seen.clone()));
        let script = Arc::clone(&self.script.lock().unwrap());
        match script(&seen) {
            Behaviour::Reply(reply) => ok(&reply),
            Behaviour::Refuse(status) => status.into_http(),
            Behaviour::Break => broken(),
            Behaviour::Hang => {
                let mut released = self.released.subscribe();
                // The sender lives as long as the fake, and this.
                let _ = released.wait_for(|released| *released).await;
                ok(&[])
            }
        }
    }
}

type Frames = Pin<Box<dyn futures::Stream<Item = Result<http_body::Frame<Bytes>, Status>> + Send>>;

fn respond(frames: Vec<Result<http_body::Frame<Bytes>, Status>>) -> Response<Body> {
    let frames: Frames = Box::pin(futures::stream::iter(frames));
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}

fn ok(reply: &[u8]) -> Response<Body> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(reply.len()).unwrap());
    frame.put_slice(reply);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    respond(vec![
        Ok(http_body::Frame::data(frame.freeze())),
        Ok(http_body::Frame::trailers(trailers)),
    ])
}

fn broken() -> Response<Body> {
    let half = Bytes::from_static(&[0, 0]);
    respond(vec![
        Ok(http_body::Frame::data(half)),
        Err(Status::internal("told to break")),
    ])
}
