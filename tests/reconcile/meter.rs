//! A server in front of another one, which counts the calls that pass through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tower::Service as _;

use crate::harness::shop::channel;

/// The calls that have passed, by method.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) address: String,
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Meter {
    /// In front of the server at that address. Methods of that name are counted, and answered as one that the server doesn't
    /// have.
    pub(crate) async fn before(address: &str, without: Option<&'static str>) -> Self {
        let calls = Arc::new(Mutex::new(BTreeMap::new()));
        let (counted, behind) = (Arc::clone(&calls), channel(address));
        let pass = move |request: Request| {
            let (calls, behind) = (Arc::clone(&counted), behind.clone());
            async move {
                let path = request.uri().path().to_owned();
                let method = path.rsplit('/').next().unwrap_or_default();
                *calls.lock().unwrap().entry(method.to_owned()).or_default() += 1;
                if without == Some(method) {
                    return Status::unimplemented("").into_http();
                }
                passed(behind, request).await
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let routes = Routes::from(Router::new().fallback(pass));
        let serving = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let server = Server::builder().add_routes(routes);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self {
            address,
            calls,
            serving,
        }
    }

    /// How many calls have passed.
    pub(crate) fn all(&self) -> u64 {
        self.calls.lock().unwrap().values().sum()
    }

    /// How many of one method.
    pub(crate) fn of(&self, method: &str) -> u64 {
        let calls = self.calls.lock().unwrap();
        calls.get(method).copied().unwrap_or_default()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn passed(mut behind: Channel, request: Request) -> http::Response<Body> {
    std::future::poll_fn(|context| behind.poll_ready(context))
        .await
        .unwrap();
    let answer = behind.call(request.map(tonic::body::Body::new)).await;
    answer.unwrap().map(Body::new)
}
