//! What a coordinator stands on beside its log: sockets that are bound, how connections are made, and the clock.
//!
//! `tercet serve` has TCP and the system's clock. A simulation brings its own network and time; the coordinator between
//! them is the same. Must never: know that there is such a thing as a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{fmt, io};

use futures::future::{BoxFuture, FutureExt as _};
use tercet_service::{Bound, Listen, ListenError};
use tokio::net::{TcpListener, lookup_host};
use tonic::transport::{Channel, Endpoint};

use crate::clock::Clock;

/// What a coordinator stands on.
#[derive(Debug)]
pub struct Surroundings<L = TcpListener> {
    /// Where it is reached.
    pub bound: Bound<L>,
    /// How it reaches participants.
    pub connect: Connect,
    /// What time it is.
    pub clock: Clock,
}

impl Surroundings {
    /// TCP and the system's clock. Binds the addresses.
    ///
    /// # Errors
    ///
    /// When one of them can't be listened on.
    pub async fn of_system(listen: &Listen) -> Result<Self, ListenError> {
        Ok(Self {
            bound: Bound::bind(listen).await?,
            connect: Connect::tcp(),
            clock: Clock::system(),
        })
    }
}

/// How a channel to an endpoint is made, and what the names of endpoints mean. No connection is opened before the first
/// call.
#[derive(Clone)]
pub struct Connect {
    channel: Arc<dyn Fn(&Endpoint) -> Channel + Send + Sync>,
    resolve: Option<Resolve>,
}

impl Connect {
    /// Over TCP, with the system's names.
    pub fn tcp() -> Self {
        Self::with(Endpoint::connect_lazy).resolving(Resolve::of_system())
    }

    /// In another way, such as [`Endpoint::connect_with_connector_lazy`]. The endpoint carries its time-outs and its
    /// keep-alive, so the channel has to be made of it. Names are left to the channel.
    pub fn with(channel: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static) -> Self {
        Self {
            channel: Arc::new(channel),
            resolve: None,
        }
    }

    /// The same with names resolved, so that each address behind one has a channel of its own.
    #[must_use]
    pub fn resolving(self, resolve: Resolve) -> Self {
        Self {
            resolve: Some(resolve),
            ..self
        }
    }

    pub(crate) fn channel(&self, endpoint: &Endpoint) -> Channel {
        (self.channel)(endpoint)
    }

    pub(crate) fn resolve(&self) -> Option<&Resolve> {
        self.resolve.as_ref()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}

/// What a name means just now.
#[derive(Clone)]
pub struct Resolve(Arc<LookUp>);

type LookUp = dyn Fn(&str, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

impl Resolve {
    /// As the system has it.
    pub fn of_system() -> Self {
        Self::with(|host, port| {
            let host = host.to_owned();
            async move { Ok(lookup_host((host, port)).await?.collect()) }.boxed()
        })
    }

    /// In another way: from a host and a port to addresses.
    pub fn with(
        look_up: impl Fn(&str, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(look_up))
    }

    pub(crate) fn look_up(
        &self,
        host: &str,
        port: u16,
    ) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        (self.0)(host, port)
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolve")
    }
}
