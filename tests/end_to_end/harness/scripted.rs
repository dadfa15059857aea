//! A participant whose every answer the test chooses: each call waits until the test has taken it and replied.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::patiently;

/// Calls that may wait for the test to take them; more is a test gone wild.
const WAITING_MAX: usize = 10_000;

/// A call that waits for its answer.
pub(crate) struct Call {
    /// `/package.Service/Method`.
    pub(crate) path: String,
    pub(crate) metadata: MetadataMap,
    pub(crate) payload: Bytes,
    reply: oneshot::Sender<Result<Bytes, Status>>,
}

impl Call {
    pub(crate) fn text(&self, key: &str) -> String {
        self.metadata
            .get(key)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    pub(crate) fn phase(&self) -> String {
        self.text("tercet-phase")
    }

    pub(crate) fn branch(&self) -> String {
        self.text("tercet-branch")
    }

    pub(crate) fn done(self) {
        self.answer(Ok(Bytes::new()));
    }

    pub(crate) fn reply(self, bytes: &'static [u8]) {
        self.answer(Ok(Bytes::from_static(bytes)));
    }

    pub(crate) fn fail(self, status: Status) {
        self.answer(Err(status));
    }

    fn answer(self, answer: Result<Bytes, Status>) {
        // The caller may be gone (killed, timed out); then nobody waits for the answer.
        let _ = self.reply.send(answer);
    }
}

/// The participant. Any service, any method.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    calls: Mutex<mpsc::Receiver<Call>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, calls) = mpsc::channel(WAITING_MAX);
        let fallback = tonic::service::Routes::default()
            .into_axum_router()
            .fallback_service(AnyMethod { calls: sender });
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let routes = tonic::service::Routes::from(fallback);
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_routes(routes)
                .serve_with_incoming(incoming),
        );
        Self {
            address,
            calls: Mutex::new(calls),
        }
    }

    /// The next call, whichever branch and phase.
    pub(crate) async fn call(&self) -> Call {
        let next = async { self.calls.lock().await.recv().await };
        patiently("a call to the participant", next)
            .await
            .expect("the participant is up")
    }

    /// The next call, however long it takes: for a participant that answers by a rule.
    pub(crate) async fn some_day(&self) -> Option<Call> {
        self.calls.lock().await.recv().await
    }

    /// The next call, which must be of that phase.
    pub(crate) async fn expect(&self, phase: &str) -> Call {
        let call = self.call().await;
        assert_eq!(
            call.phase(),
            phase,
            "{} of branch {}",
            call.path,
            call.branch()
        );
        call
    }

    /// Answers every call with OK for as long as `future` takes.
    pub(crate) async fn answering<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                value = &mut future => return value,
                call = self.call() => call.done(),
            }
        }
    }
}

#[derive(Clone)]
struct AnyMethod {
    calls: mpsc::Sender<Call>,
}

impl tower::Service<http::Request<axum::body::Body>> for AnyMethod {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        let handler = Handler {
            path: request.uri().path().to_owned(),
            calls: self.calls.clone(),
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
    calls: mpsc::Sender<Call>,
}

impl tonic::server::UnaryService<Bytes> for Handler {
    type Response = Bytes;
    type Future = futures::future::BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (metadata, _, payload) = request.into_parts();
        let (reply, answer) = oneshot::channel();
        let sent = self.calls.try_send(Call {
            path: self.path.clone(),
            metadata,
            payload,
            reply,
        });
        Box::pin(async move {
            sent.map_err(|_| Status::unavailable("the test has ended"))?;
            answer
                .await
                .map_err(|_| Status::unavailable("the test dropped the call"))?
                .map(Response::new)
        })
    }
}

/// Messages as they are on the wire.
#[derive(Clone, Copy)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
