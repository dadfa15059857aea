//! Binding, serving and stopping.
//!
//! ```text
//! Bound::bind(&listen)      both sockets, so that the real addresses are known before anything is built
//!   .start(services, drain) gRPC (health, reflection v1 and v1alpha included) and HTTP (/healthz, /readyz)
//!     -> Running            announce(), drain(), wait(), abort()
//! ```
//!
//! A drain goes: readiness red and health `NOT_SERVING`; the server's own [`Services::before_stop`], which ends
//! its streams and finishes what it must, at most the grace period; then no new connections, the requests
//! still under way get [`CLOSE_LIMIT`]; then everything is cut. The listeners stay open until the own part is
//! done, because a draining coordinator still answers for what it has begun.

mod run;
mod services;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use services::Services;

use crate::{Drain, ListenAddress, Listener};

/// After the grace period: how long requests under way and open streams may still take before they are cut.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The key `listen`.
    pub grpc: ListenAddress,
    /// The key `http_listen`.
    pub http: ListenAddress,
}

impl Listen {
    /// Both on loopback, on ports that the system picks.
    pub fn any_loopback() -> Self {
        Self {
            grpc: ListenAddress::loopback(0),
            http: ListenAddress::loopback(0),
        }
    }
}

/// The addresses that were really bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP: health and, where the server has them, metrics and console.
    pub http: SocketAddr,
}

impl Addresses {
    /// The URL of the gRPC side.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }
}

/// Why an address can't be listened on. One line, naming the key and the address.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has it.
    #[error("{key}: {address} is in use by another process")]
    InUse {
        /// `listen` or `http_listen`.
        key: &'static str,
        /// As configured.
        address: ListenAddress,
    },
    /// Anything else: no such host, no permission.
    #[error("{key}: can't listen on {address}: {source}")]
    Other {
        /// `listen` or `http_listen`.
        key: &'static str,
        /// As configured.
        address: ListenAddress,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why a server that was up is no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A descriptor given for reflection can't be read: a mistake of the build.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gRPC side ended by itself.
    #[error("gRPC: {0}")]
    Grpc(#[from] tonic::transport::Error),
    /// The HTTP side ended by itself.
    #[error("HTTP: {0}")]
    Http(#[from] std::io::Error),
    /// A task of the server panicked.
    #[error("a task of the server ended: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Two bound sockets that nobody serves yet.
#[derive(Debug)]
pub struct Bound<L = TcpListener> {
    grpc: L,
    http: L,
    addresses: Addresses,
}

impl Bound {
    /// Binds both addresses.
    pub async fn bind(listen: &Listen) -> Result<Self, ListenError> {
        let (grpc, grpc_address) = bind("listen", &listen.grpc).await?;
        let (http, http_address) = bind("http_listen", &listen.http).await?;
        let addresses = Addresses {
            grpc: grpc_address,
            http: http_address,
        };
        for (key, address) in [("listen", grpc_address), ("http_listen", http_address)] {
            if !address.ip().is_loopback() {
                tracing::warn!(key, %address, "reachable from other machines without TLS");
            }
        }
        Ok(Self {
            grpc,
            http,
            addresses,
        })
    }
}

impl<L: Listener> Bound<L> {
    /// Takes over two listeners that are there already, whatever their connections are carried by.
    pub fn on(grpc: L, http: L) -> std::io::Result<Self> {
        let addresses = Addresses {
            grpc: grpc.local_addr()?,
            http: http.local_addr()?,
        };
        Ok(Self {
            grpc,
            http,
            addresses,
        })
    }

    /// What was bound, with the real ports.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `drain` begins or [`Running::abort`] is called.
    pub fn start(self, services: Services, drain: Drain) -> Result<Running, ServeError> {
        let kill = CancellationToken::new();
        let addresses = self.addresses;
        let server = run::Server::build(self, services, drain.clone(), kill.clone())?;
        Ok(Running {
            addresses,
            drain,
            kill,
            task: tokio::spawn(server.run()),
        })
    }
}

/// A server that is up. Dropping the handle leaves it running.
#[derive(Debug)]
pub struct Running {
    addresses: Addresses,
    drain: Drain,
    kill: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// The addresses that were bound.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The line that scripts wait for: `ready grpc=HOST:PORT http=HOST:PORT`.
    pub fn ready_line(&self) -> String {
        let Addresses { grpc, http } = self.addresses;
        format!("ready grpc={grpc} http={http}")
    }

    /// Prints the [ready line](Self::ready_line), the only thing that ever goes to standard output.
    pub fn announce(&self) {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        if let Err(error) = writeln!(out, "{}", self.ready_line()).and_then(|()| out.flush()) {
            tracing::debug!(%error, "nobody reads standard output");
        }
    }

    /// Begins the drain of this server and of everything that shares its [`Drain`].
    pub fn drain(&self) {
        self.drain.begin();
    }

    /// Waits until the server has stopped.
    pub async fn wait(self) -> Result<(), ServeError> {
        self.task.await?
    }

    /// The same for whoever keeps the handle. Once it has returned, the handle is of no more use.
    pub async fn stopped(&mut self) -> Result<(), ServeError> {
        (&mut self.task).await?
    }

    /// Dies as a killed process does: the listeners and every connection are gone when this returns, and
    /// whatever was being answered is not. [`Services::before_stop`] is not run.
    pub async fn abort(self) {
        self.kill.cancel();
        if let Err(error) = self.wait().await {
            tracing::debug!(%error, "aborted server");
        }
    }
}

async fn bind(
    key: &'static str,
    address: &ListenAddress,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let bound = TcpListener::bind((address.host(), address.port()))
        .await
        .and_then(|listener| {
            let real = listener.local_addr()?;
            Ok((listener, real))
        });
    bound.map_err(|source| {
        let address = address.clone();
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ListenError::InUse { key, address }
        } else {
            ListenError::Other {
                key,
                address,
                source,
            }
        }
    })
}
