//! The three calls that hand a message to the coordinator, behind a trait so that tests can stand in for it.

use std::future::Future;
use std::time::Duration;

use tercet_client::proto::TransactionState;
use tercet_client::{Branch, CallContext, Client, Error, OpenTransaction};
use thiserror::Error as ThisError;

use super::db::MessageRow;
use super::options::OutboxOptions;

/// The full name of the service that the coordinator asks.
const CHECK_SERVICE: &str = "tercet.v1.InitiatorService";
/// The message's only branch.
const BRANCH: &str = "message";
/// What the coordinator says when it got the same key with other content, and when it is too late for a branch: no
/// repetition helps.
const FINAL: [&str; 4] = [
    "GID_CONFLICT",
    "BRANCH_CONFLICT",
    "ALREADY_DECIDED",
    "PAYLOAD_TOO_LARGE",
];

/// How the message's transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Undecided.
    Open,
    /// Decided to confirm, with the message's branch in it: it will be delivered.
    Confirmed,
    /// Decided to confirm without the message's branch: it will not.
    ConfirmedWithout,
    /// Decided to cancel.
    Cancelled,
}

/// Why a call didn't do what it should.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum CourierError {
    /// Calling again may help.
    #[error("{0}")]
    Later(String),
    /// Calling again can't help.
    #[error("{0}")]
    Never(String),
}

/// Hands messages to the coordinator. Every call may be repeated.
pub trait Courier: Send + Sync + 'static {
    /// Begins the message's transaction, or finds it.
    fn begin(
        &self,
        message: &MessageRow,
    ) -> impl Future<Output = Result<Standing, CourierError>> + Send;

    /// Registers the message's branch, or finds it.
    fn register(
        &self,
        message: &MessageRow,
    ) -> impl Future<Output = Result<(), CourierError>> + Send;

    /// Decides to confirm; answers once that is durable.
    fn confirm(
        &self,
        message: &MessageRow,
    ) -> impl Future<Output = Result<Standing, CourierError>> + Send;

    /// How the transaction of this gid stands; none when the coordinator doesn't know it.
    fn find(
        &self,
        gid: &str,
    ) -> impl Future<Output = Result<Option<Standing>, CourierError>> + Send;
}

/// The coordinator behind one or more gRPC endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GrpcCourier {
    client: Client,
    participant: String,
    timeout: Duration,
    ask_after: Duration,
}

impl GrpcCourier {
    /// Sends by `client`, which repeats what is safe to repeat within the time-out of a call.
    pub fn new(client: &Client, options: &OutboxOptions) -> Self {
        Self {
            client: client.clone(),
            participant: options.participant.clone(),
            timeout: options.call_timeout,
            ask_after: options.ask_after,
        }
    }

    fn client(&self) -> Client {
        self.client.within(CallContext::new().timeout(self.timeout))
    }

    fn open(&self, gid: &str) -> OpenTransaction {
        self.client().open(gid)
    }
}

impl Courier for GrpcCourier {
    async fn begin(&self, message: &MessageRow) -> Result<Standing, CourierError> {
        let begun = self
            .client()
            .begin(&message.gid)
            .initiator(&self.participant, CHECK_SERVICE)
            .try_timeout(self.ask_after)
            .send()
            .await?;
        begun.begun().map(standing).ok_or_else(|| {
            CourierError::Later("the coordinator's answer lacks the transaction".to_owned())
        })
    }

    async fn register(&self, message: &MessageRow) -> Result<(), CourierError> {
        let branch = Branch::new(BRANCH, &message.participant, &message.action)
            .bytes(message.payload.clone());
        self.open(&message.gid).register_branch(branch).await?;
        Ok(())
    }

    async fn confirm(&self, message: &MessageRow) -> Result<Standing, CourierError> {
        let outcome = self.open(&message.gid).confirm().await?;
        Ok(standing(&outcome))
    }

    async fn find(&self, gid: &str) -> Result<Option<Standing>, CourierError> {
        match self.client().get(gid).await {
            Ok(outcome) => Ok(Some(standing(&outcome))),
            // Only the coordinator's own word counts: a proxy's NOT_FOUND for a missing route says nothing.
            Err(error) if error.reason().as_deref() == Some("UNKNOWN_TRANSACTION") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn standing(outcome: &tercet_client::Outcome) -> Standing {
    let transaction = outcome.transaction();
    let has_branch = transaction
        .branches
        .iter()
        .any(|branch| branch.id == BRANCH);
    match transaction.state() {
        TransactionState::Confirming | TransactionState::Confirmed if has_branch => {
            Standing::Confirmed
        }
        TransactionState::Confirming | TransactionState::Confirmed => Standing::ConfirmedWithout,
        TransactionState::Cancelling | TransactionState::Cancelled => Standing::Cancelled,
        TransactionState::Trying | TransactionState::Unspecified => Standing::Open,
    }
}

impl From<Error> for CourierError {
    fn from(error: Error) -> Self {
        let is_final = error
            .reason()
            .is_some_and(|reason| FINAL.contains(&reason.as_str()));
        // The rest may be mended: a coordinator that is down, a configuration that lacks the receiver.
        if is_final {
            Self::Never(error.to_string())
        } else {
            Self::Later(error.to_string())
        }
    }
}
