//! What a coordinator stands on beside its log: sockets that are bound, how connections are made, and the clock.
//!
//! `tercet serve` has TCP and the system's clock. A simulation brings its own network and time; the coordinator between
//! them is the same. Must never: know that there is such a thing as a test.

use std::fmt;
use std::sync::Arc;

use tercet_service::{Bound, Listen, ListenError};
use tokio::net::TcpListener;
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

/// How a channel to an endpoint is made. No connection is opened before the first call.
#[derive(Clone)]
pub struct Connect(Arc<dyn Fn(&Endpoint) -> Channel + Send + Sync>);

impl Connect {
    /// Over TCP.
    pub fn tcp() -> Self {
        Self::with(Endpoint::connect_lazy)
    }

    /// In another way, such as [`Endpoint::connect_with_connector_lazy`]. The endpoint carries its time-outs and its
    /// keep-alive, so the channel has to be made of it.
    pub fn with(channel: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static) -> Self {
        Self(Arc::new(channel))
    }

    pub(crate) fn channel(&self, endpoint: &Endpoint) -> Channel {
        (self.0)(endpoint)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}
