//! Where a server's connections come from: TCP, or what stands in for it.
//!
//! Servers are the same whatever carries their connections; [`Bound::on`](crate::Bound::on) takes anything that
//! accepts. Must never: wait for anything but the next connection.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// Accepts connections.
pub trait Listener: Send + Sync + 'static {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The address that is listened on, with the real port.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection, and who has opened it. Dropping the future loses none.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Small messages both ways: Nagle's algorithm would add 40 ms to some of them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
        Ok((stream, peer))
    }
}
