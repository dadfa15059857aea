//! Asking the coordinator what became of a branch.
//!
//! [`Coordinator`] is what the resolver needs of it, so that tests can stand in for it; [`GrpcCoordinator`] is
//! the real one. Several endpoints are replicas of one coordinator: the next is asked when one doesn't answer.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_proto::tercet::v1::{ResolveBranchRequest, Verdict};
use thiserror::Error;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use crate::context::BranchKey;

/// How long one question may take. Also what finds a silent peer.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the coordinator says about a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The transaction is undecided: ask again.
    Pending,
    /// Confirm the branch.
    Confirm,
    /// Cancel the branch.
    Cancel,
    /// A person ended it: mark it, run nothing.
    ByHand,
    /// The coordinator doesn't know the transaction: keep the branch and report it.
    UnknownTransaction,
}

/// Why there was no answer. Asking again is always right; nothing was changed anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the coordinator did not answer: {0}")]
pub struct ResolveError(pub String);

/// Whoever knows what became of a branch.
pub trait Coordinator: Send + Sync + 'static {
    /// Asks about one branch.
    fn resolve(
        &self,
        key: &BranchKey,
    ) -> impl Future<Output = Result<Resolution, ResolveError>> + Send;
}

/// The coordinator behind one or more gRPC endpoints.
#[derive(Debug)]
pub struct GrpcCoordinator {
    clients: Vec<TransactionServiceClient<Channel>>,
    /// The one that answered last, asked first.
    preferred: AtomicUsize,
}

impl GrpcCoordinator {
    /// Connects when first asked.
    ///
    /// # Errors
    ///
    /// When an endpoint isn't a URL, or there is none.
    pub fn new<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> Result<Self, ResolveError> {
        let clients = endpoints
            .into_iter()
            .map(|endpoint| {
                let channel = Endpoint::from_shared(endpoint.to_owned())
                    .map_err(|error| ResolveError(format!("{endpoint}: {error}")))?
                    .connect_timeout(CONNECT_TIMEOUT)
                    .timeout(ASK_TIMEOUT)
                    .connect_lazy();
                Ok(TransactionServiceClient::new(channel))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if clients.is_empty() {
            return Err(ResolveError("no endpoint is configured".to_owned()));
        }
        Ok(Self {
            clients,
            preferred: AtomicUsize::new(0),
        })
    }

    async fn ask(
        mut client: TransactionServiceClient<Channel>,
        key: &BranchKey,
    ) -> Result<Resolution, tonic::Status> {
        let request = ResolveBranchRequest {
            gid: key.gid.clone(),
            branch_id: key.branch.clone(),
        };
        let mut request = Request::new(request);
        request.set_timeout(ASK_TIMEOUT);
        let verdict = client.resolve_branch(request).await?.into_inner().verdict();
        match verdict {
            Verdict::Pending => Ok(Resolution::Pending),
            Verdict::Confirm => Ok(Resolution::Confirm),
            Verdict::Cancel => Ok(Resolution::Cancel),
            Verdict::ByHand => Ok(Resolution::ByHand),
            // A verdict of a later version: guessing it would be deciding.
            Verdict::Unspecified => Err(tonic::Status::internal(
                "a verdict this version doesn't know",
            )),
        }
    }
}

impl Coordinator for GrpcCoordinator {
    async fn resolve(&self, key: &BranchKey) -> Result<Resolution, ResolveError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.clients.len();
        let mut last = String::new();
        for index in (0..count).map(|offset| (first + offset) % count) {
            let Some(client) = self.clients.get(index) else {
                continue;
            };
            match Self::ask(client.clone(), key).await {
                Ok(resolution) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(resolution);
                }
                Err(status) if is_unknown_transaction(&status) => {
                    return Ok(Resolution::UnknownTransaction);
                }
                Err(status) => last = format!("{:?}: {}", status.code(), status.message()),
            }
        }
        Err(ResolveError(last))
    }
}

/// Only the coordinator's own word counts: a proxy's NOT_FOUND for a missing route says nothing about the branch.
fn is_unknown_transaction(status: &tonic::Status) -> bool {
    use tonic_types::StatusExt;
    status.code() == Code::NotFound
        && status.get_details_error_info().is_some_and(|info| {
            info.domain == crate::DOMAIN && info.reason == "UNKNOWN_TRANSACTION"
        })
}
