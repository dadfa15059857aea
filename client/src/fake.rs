//! A stand-in for a coordinator, in this process: for tests of applications and for this crate's examples.
//!
//! It speaks the contract over real gRPC on loopback, keeps transactions in memory and calls no participant:
//! a branch whose action is `refuse` is refused, every other one succeeds. [`Fake::fail_next`] lets the next
//! calls end as the test wants. It is not a coordinator: nothing is checked and nothing is durable.

mod service;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proto::{Transaction, transaction_service_server::TransactionServiceServer};
use service::Service;

/// The action whose branches are refused.
pub const REFUSE: &str = "refuse";

/// A running stand-in; it stops when dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

/// One call as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The rpc's name, for example `ExecuteTransaction`.
    pub rpc: &'static str,
    /// The gid it named.
    pub gid: String,
    /// Its metadata.
    pub metadata: MetadataMap,
}

/// How a call fails.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, before anything is done.
    Before(Status),
    /// This status, after the call was carried out: the answer that gets lost.
    After(Status),
    /// No answer at all.
    Silence,
}

#[derive(Debug, Default)]
struct Shared {
    transactions: BTreeMap<String, Transaction>,
    faults: VecDeque<Fault>,
    seen: Vec<Seen>,
}

impl Fake {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Panics
    /// When loopback can't be listened on.
    #[expect(
        clippy::expect_used,
        reason = "a test tool may panic where no test could run"
    )]
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback must be there");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let service = TransactionServiceServer::new(Service {
            shared: Arc::clone(&shared),
        });
        let serving = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "fake coordinator");
            }
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next calls fail like this, one fault a call, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared).faults.extend(faults);
    }

    /// Every call so far, those that failed included.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared).seen.clone()
    }

    /// How many transactions there are.
    pub fn transactions(&self) -> usize {
        lock(&self.shared).transactions.len()
    }

    /// Puts a transaction in some state, for example to be watched.
    pub fn put(&self, transaction: Transaction) {
        lock(&self.shared)
            .transactions
            .insert(transaction.gid.clone(), transaction);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A status as the coordinator makes it: with `ErrorInfo`, and `RetryInfo` where a delay is given.
pub fn status(
    code: Code,
    reason: &str,
    message: &str,
    retry_after: Option<std::time::Duration>,
) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(
        reason,
        crate::error::DOMAIN,
        std::collections::HashMap::new(),
    );
    if retry_after.is_some() {
        details.set_retry_info(retry_after);
    }
    Status::with_error_details(code, message, details)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
