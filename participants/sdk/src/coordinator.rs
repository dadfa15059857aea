//! Asking the coordinator what became of a branch.
//!
//! [`Coordinator`] is what the resolver needs of it, so that tests can stand in for it; [`GrpcCoordinator`] is
//! the real one, behind the client crate, which moves on to the next replica when one doesn't answer.

use std::future::Future;
use std::time::Duration;

use tercet_client::{CallContext, Client, RetryPolicy};
use tercet_proto::tercet::v1::Verdict;
use thiserror::Error;

use crate::context::BranchKey;

/// How long one question may take, all replicas together. Also what finds a silent peer.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

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
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The coordinator can't be reached, or said something else than a verdict.
    #[error(transparent)]
    Client(#[from] tercet_client::Error),
    /// A verdict that this version doesn't know. Guessing it would be deciding.
    #[error("a verdict that this version doesn't know")]
    UnknownVerdict,
}

/// Whoever knows what became of a branch.
pub trait Coordinator: Send + Sync + 'static {
    /// Asks about one branch.
    fn resolve(
        &self,
        key: &BranchKey,
    ) -> impl Future<Output = Result<Resolution, ResolveError>> + Send;
}

/// The coordinator behind one or more gRPC endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GrpcCoordinator {
    client: Client,
}

impl GrpcCoordinator {
    /// Asks by `client`. The resolver has its own pace, so each replica gets one call a question.
    pub fn new(client: &Client, replicas: usize) -> Self {
        let attempts_max = u32::try_from(replicas).unwrap_or(u32::MAX).max(1);
        let policy = RetryPolicy {
            attempts_max,
            ..RetryPolicy::default()
        };
        Self {
            client: client.clone().with_policy(policy),
        }
    }
}

impl Coordinator for GrpcCoordinator {
    async fn resolve(&self, key: &BranchKey) -> Result<Resolution, ResolveError> {
        let client = self.client.within(CallContext::new().timeout(ASK_TIMEOUT));
        match client.resolve_branch(&key.gid, &key.branch).await {
            Ok(Verdict::Pending) => Ok(Resolution::Pending),
            Ok(Verdict::Confirm) => Ok(Resolution::Confirm),
            Ok(Verdict::Cancel) => Ok(Resolution::Cancel),
            Ok(Verdict::ByHand) => Ok(Resolution::ByHand),
            Ok(Verdict::Unspecified) => Err(ResolveError::UnknownVerdict),
            // Only the coordinator's own word counts: a proxy's NOT_FOUND for a missing route says nothing.
            Err(error) if error.reason().as_deref() == Some("UNKNOWN_TRANSACTION") => {
                Ok(Resolution::UnknownTransaction)
            }
            Err(error) => Err(error.into()),
        }
    }
}
