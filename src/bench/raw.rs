//! What the two programs of a measurement share: a gRPC server that hands every call to one function, and their start.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{io::AsyncReadExt, net::TcpListener};
use tonic::{body::Body, server::NamedService, transport::server::TcpIncoming};
use tower::{Service, util::BoxCloneSyncService};

use crate::{failure::Failure, output};

/// A handler of whole calls, by path.
pub(super) type Calls = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// One gRPC service under a name.
#[derive(Clone)]
struct Named<const SERVICE: usize>(Calls);

/// The services that are served, by number: the name of a service is part of its type.
pub(super) const NAMES: [&str; 5] = [
    "tercet.v1.TransactionService",
    "bench.v1.WorkService",
    "bench.v1.SlowService",
    "bench.v1.CountService",
    "opentelemetry.proto.collector.trace.v1.TraceService",
];

impl<const SERVICE: usize> NamedService for Named<SERVICE> {
    const NAME: &'static str = NAMES[SERVICE];
}

impl<const SERVICE: usize> Service<http::Request<Body>> for Named<SERVICE> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <Calls as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

/// Makes a handler of an asynchronous function.
pub(super) fn handler<S, F, R>(state: Arc<S>, call: F) -> Calls
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, http::Request<Body>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = http::Response<Body>> + Send + 'static,
{
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let answer = call(Arc::clone(&state), request);
        async move { Ok(answer.await) }
    }))
}

/// Serves these services with one handler on a free port of the loopback interface; where it listens.
pub(super) async fn serve(calls: Calls) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.map_err(Failure::failed)?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let server = tonic::transport::Server::builder()
        .add_service(Named::<0>(calls.clone()))
        .add_service(Named::<1>(calls.clone()))
        .add_service(Named::<2>(calls.clone()))
        .add_service(Named::<3>(calls.clone()))
        .add_service(Named::<4>(calls));
    tokio::spawn(async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        if let Err(error) = server.serve_with_incoming(incoming).await {
            output::complain(&error.to_string());
        }
    });
    Ok(address)
}

/// Says that everything is up and stays until whoever started this process has gone.
pub(super) async fn stay(ready: &str) -> Result<(), Failure> {
    output::print(&format!("ready {ready}"));
    let mut input = tokio::io::stdin();
    let mut rest = [0_u8; 64];
    while input.read(&mut rest).await.map_err(Failure::failed)? > 0 {}
    Ok(())
}
