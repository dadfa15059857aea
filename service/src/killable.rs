//! Connections that can be cut all at once.
//!
//! tonic and axum run each connection in a task of its own, which outlives the server's future. So that
//! [`Running::abort`](crate::Running::abort) means what it says, every stream looks at one shared token: once
//! it is cancelled, reads and writes fail and the task lets go of its socket. This is how a test or the demo
//! kills one server of many in one process.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::Listener;

/// Rest after a failed accept (no file descriptor left, for one), so that the loop doesn't spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener whose connections end with the token.
#[derive(Debug)]
pub(crate) struct KillableListener<L> {
    inner: L,
    kill: CancellationToken,
}

impl<L: Listener> KillableListener<L> {
    pub(crate) fn new(inner: L, kill: CancellationToken) -> Self {
        Self { inner, kill }
    }

    async fn next(&self) -> (KillableStream<L::Io>, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    let info = TcpConnectInfo {
                        local_addr: self.inner.local_addr().ok(),
                        remote_addr: Some(peer),
                    };
                    return (KillableStream::new(stream, info, self.kill.clone()), peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// The stream of connections that tonic serves. Dropping it closes the listening socket.
    pub(crate) fn into_stream(
        self,
    ) -> impl futures::Stream<Item = io::Result<KillableStream<L::Io>>> {
        futures::stream::unfold(self, |listener| async move {
            let (stream, _) = listener.next().await;
            Some((Ok(stream), listener))
        })
    }
}

impl<L: Listener> axum::serve::Listener for KillableListener<L> {
    type Io = KillableStream<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A stream that fails once the token is cancelled.
pub(crate) struct KillableStream<S> {
    inner: S,
    info: TcpConnectInfo,
    token: CancellationToken,
    killed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> KillableStream<S> {
    fn new(inner: S, info: TcpConnectInfo, token: CancellationToken) -> Self {
        Self {
            inner,
            info,
            killed: Box::pin(token.clone().cancelled_owned()),
            token,
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.token.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl<S> Connected for KillableStream<S> {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.info.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for KillableStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Polling the token here registers the waker: an idle connection, which only waits to read, wakes.
        if self.killed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for KillableStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
