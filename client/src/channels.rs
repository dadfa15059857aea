//! The connections to the coordinators.
//!
//! One lazy channel for each endpoint. Calls go to the current one; a failure moves on to the next. A
//! balancer over all of them would fail its share of calls for as long as one endpoint is dead.
//!
//! A connection whose other side has silently gone is found by pings while calls wait, or by a call that runs out of time
//! before: when nothing has come over it since that call began, the next call gets a new one, on the next endpoint. A process
//! that is frozen still has its port open, so a new connection alone would be as silent.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

use crate::Error;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a peer with calls under way is asked whether it is there. A call whose deadline is the default is repeated
/// elsewhere in time. Idle connections are never pinged: stock gRPC servers close those that do so more often than every 5
/// minutes.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long the answer to that may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Lazy connections, one of which is current.
pub(crate) struct Channels {
    all: Vec<(Endpoint, Mutex<Connection>)>,
    current: AtomicUsize,
    connect: Box<dyn Fn(&Endpoint) -> Channel + Send + Sync>,
}

/// The channel of an endpoint.
struct Connection {
    channel: Channel,
    /// When anything last came over it, or it was made.
    heard_at: Instant,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls = self.all.iter().map(|(endpoint, _)| endpoint.uri());
        f.debug_list().entries(urls).finish()
    }
}

/// Remembers which endpoint an attempt used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used(usize);

impl Channels {
    /// `connect` makes the channel of an endpoint, without connecting yet.
    pub(crate) fn lazy<E: AsRef<str>>(
        endpoints: impl IntoIterator<Item = E>,
        connect: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let lazy = |text: E| {
            let endpoint = parse(text.as_ref())?;
            let connection = Connection {
                channel: connect(&endpoint),
                heard_at: Instant::now(),
            };
            Ok((endpoint, Mutex::new(connection)))
        };
        let all = endpoints
            .into_iter()
            .map(lazy)
            .collect::<Result<Vec<_>, Error>>()?;
        if all.is_empty() {
            return Err(Error::NoEndpoint);
        }
        Ok(Self {
            all,
            current: AtomicUsize::new(0),
            connect: Box::new(connect),
        })
    }

    /// Makes one connection, on the first endpoint that lets it.
    pub(crate) async fn connect(&self) -> Result<(), Error> {
        let mut last = None;
        for (index, (endpoint, _)) in self.all.iter().enumerate() {
            match endpoint.connect().await {
                Ok(_) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) => last = Some(error),
            }
        }
        let endpoint = self.url(Used(self.all.len() - 1));
        let source = last.map_or_else(
            || tonic::Status::unavailable(""),
            |error| tonic::Status::from_error(Box::new(error)),
        );
        Err(Error::Unreachable {
            endpoint,
            attempts: u32::try_from(self.all.len()).unwrap_or(u32::MAX),
            source: Box::new(source),
        })
    }

    pub(crate) fn current(&self) -> (Used, Channel) {
        let index = self.current.load(Ordering::Relaxed) % self.all.len();
        (Used(index), self.connection(Used(index)).channel.clone())
    }

    fn connection(&self, used: Used) -> MutexGuard<'_, Connection> {
        let (_, connection) = &self.all[used.0];
        connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came over its connection.
    pub(crate) fn heard(&self, used: Used) {
        self.connection(used).heard_at = Instant::now();
    }

    /// A call that began at `since` ran out of time. If nothing at all was heard since then, the next call goes to the next
    /// endpoint, and whoever comes back gets a new connection; calls that are under way keep the old one.
    pub(crate) fn silent(&self, used: Used, since: Instant) {
        let mut connection = self.connection(used);
        if connection.heard_at <= since {
            let (endpoint, _) = &self.all[used.0];
            *connection = Connection {
                channel: (self.connect)(endpoint),
                heard_at: Instant::now(),
            };
            drop(connection);
            self.leave(used);
        }
    }

    /// Moves on from a failed endpoint, unless somebody else has done so in the meantime.
    pub(crate) fn leave(&self, used: Used) {
        let next = (used.0 + 1) % self.all.len();
        // Losing the race is fine: the endpoint was left, which is all that is wanted.
        let _ = self
            .current
            .compare_exchange(used.0, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// For people.
    pub(crate) fn url(&self, used: Used) -> String {
        let url = self.all[used.0].0.uri().to_string();
        url.trim_end_matches('/').to_owned()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

fn parse(text: &str) -> Result<Endpoint, Error> {
    let problem = |problem: &str| Error::InvalidEndpoint {
        endpoint: text.to_owned(),
        problem: problem.to_owned(),
    };
    let url = match text.split_once("://") {
        None => format!("http://{text}"),
        Some(("http", _)) => text.to_owned(),
        Some(("https", _)) => return Err(problem("TLS is not available in this version")),
        Some(_) => return Err(problem("expected http://HOST:PORT or HOST:PORT")),
    };
    let uri: http::Uri = url
        .parse()
        .map_err(|_| problem("expected http://HOST:PORT or HOST:PORT"))?;
    if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() {
        return Err(problem("expected http://HOST:PORT or HOST:PORT"));
    }
    let endpoint = Endpoint::from(uri)
        .user_agent(concat!("tercet-client/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| problem(&error.to_string()))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn endpoints_are_urls_or_host_and_port() {
        for good in [
            "http://127.0.0.1:7400",
            "127.0.0.1:7400",
            "localhost:1",
            "http://[::1]:1",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "http://",
            "ftp://a:1",
            "https://a:1",
            "a b:1",
            ":1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(
            Channels::lazy(Vec::<String>::new(), Endpoint::connect_lazy),
            Err(Error::NoEndpoint)
        ));
    }

    #[tokio::test]
    async fn a_failed_endpoint_is_left_once() -> Result<(), Error> {
        let channels = Channels::lazy(["a:1", "b:1", "c:1"], Endpoint::connect_lazy)?;
        let (first, _) = channels.current();
        channels.leave(first);
        // A second call that failed on the same endpoint doesn't skip the next one.
        channels.leave(first);
        assert_eq!(channels.current().0, Used(1));
        Ok(())
    }

    #[tokio::test]
    async fn a_silent_connection_is_made_anew_and_a_slow_call_beside_others_breaks_none()
    -> Result<(), Error> {
        let made = std::sync::Arc::new(AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&made);
        let count = move |endpoint: &Endpoint| {
            counter.fetch_add(1, Ordering::Relaxed);
            endpoint.connect_lazy()
        };
        let channels = Channels::lazy(["a:1"], count)?;
        let (used, _) = channels.current();
        let since = Instant::now();
        channels.silent(used, since);
        // Another call that began before it: the new connection is not to blame.
        channels.silent(used, since);
        assert_eq!(made.load(Ordering::Relaxed), 2);
        let since = Instant::now();
        channels.heard(used);
        channels.silent(used, since);
        assert_eq!(made.load(Ordering::Relaxed), 2);
        Ok(())
    }
}
