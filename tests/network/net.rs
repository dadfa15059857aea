//! Sockets of the simulated network, in the shapes that the services and the client take.

use std::{io, net::Ipv4Addr, net::SocketAddr};

use hyper_util::rt::TokioIo;
use tercet_service::{Bound, Listener};
use tonic::transport::{Channel, Endpoint, Uri};
use turmoil::net::{TcpListener, TcpStream};

/// gRPC of every host.
pub(crate) const GRPC: u16 = 7400;
/// HTTP of every host.
const HTTP: u16 = 7401;

/// A listening socket.
pub(crate) struct Socket(TcpListener);

impl Listener for Socket {
    type Io = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

/// Binds both ports of the host that asks.
pub(crate) async fn bind() -> io::Result<Bound<Socket>> {
    let grpc = TcpListener::bind((Ipv4Addr::UNSPECIFIED, GRPC)).await?;
    let http = TcpListener::bind((Ipv4Addr::UNSPECIFIED, HTTP)).await?;
    Bound::on(Socket(grpc), Socket(http))
}

/// A channel that connects by the simulated network, with the endpoint's own time-outs and keep-alive.
pub(crate) fn channel(endpoint: &Endpoint) -> Channel {
    endpoint.connect_with_connector_lazy(tower::service_fn(connect))
}

async fn connect(uri: Uri) -> io::Result<TokioIo<TcpStream>> {
    let host = uri.host().unwrap_or_default().to_owned();
    let port = uri.port_u16().unwrap_or(GRPC);
    TcpStream::connect((host, port)).await.map(TokioIo::new)
}
