//! A transaction step by step: begin, branch after branch, then the initiator's decision.

use std::time::Duration;

use crate::{
    Branch, Client, Error, Outcome,
    client::service,
    execute::proto_duration,
    outcome,
    proto::{self, BranchStatus, Initiator, TransactionOptions, TryOrder, WaitFor},
    retry::Repeat,
};

/// A transaction about to be begun; [`send`](Self::send) begins it.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is sent"]
pub struct Begin {
    client: Client,
    gid: String,
    options: TransactionOptions,
}

impl Begin {
    pub(crate) fn new(client: Client, gid: String) -> Self {
        Self {
            client,
            gid,
            options: TransactionOptions::default(),
        }
    }

    /// Time until the deadline of deciding, 100 ms to 24 h. 30 s if not set.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.options.try_timeout = Some(proto_duration(timeout));
        self
    }

    /// Cancels run in reverse order of becoming durable, each after the one before is done.
    pub fn sequential(mut self) -> Self {
        self.options.set_try_order(TryOrder::Sequential);
        self
    }

    /// A label to find the transaction by, for example `order_no`.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.labels.insert(key.into(), value.into());
        self
    }

    /// Metadata that every participant call gets.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.insert(name.into(), value.into());
        self
    }

    /// Whom the coordinator asks at the deadline instead of cancelling (reliable message): a configured
    /// participant, and the full name of its gRPC service that has `CheckTransaction`.
    pub fn initiator(mut self, participant: impl Into<String>, service: impl Into<String>) -> Self {
        self.options.initiator = Some(Initiator {
            participant: participant.into(),
            service: service.into(),
        });
        self
    }

    /// Begins it. Where a cancel of this gid came first, it is begun and cancelled:
    /// [`OpenTransaction::begun`] tells.
    pub async fn send(self) -> Result<OpenTransaction, Error> {
        let gid = if self.gid.is_empty() {
            uuid::Uuid::now_v7().to_string()
        } else {
            self.gid
        };
        let request = proto::BeginTransactionRequest {
            gid: gid.clone(),
            options: Some(self.options),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).begin_transaction(request).await
            })
            .await?;
        Ok(OpenTransaction {
            client: self.client,
            gid,
            begun: Some(outcome::outcome(answer.transaction)?),
        })
    }
}

/// A handle on a transaction. Dropping it decides nothing: the deadline does.
///
/// ```
/// # use tercet_client::{Branch, Client, fake::Fake};
/// # #[tokio::main]
/// # async fn main() -> Result<(), tercet_client::Error> {
/// # let fake = Fake::start().await;
/// # let client = Client::connect([fake.endpoint()]).await?;
/// use tercet_client::proto::BranchState;
///
/// let transaction = client.begin("").label("order_no", "4711").send().await?;
/// let stock = transaction
///     .try_branch(Branch::new("1", "stock", "reserve").json(serde_json::json!({"sku": "tea"})))
///     .await?;
/// let outcome = match stock.state() {
///     BranchState::Tried => transaction.confirm().await?,
///     _ => transaction.cancel("no stock").await?.outcome,
/// };
/// assert!(outcome.is_confirm());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpenTransaction {
    client: Client,
    gid: String,
    begun: Option<Outcome>,
}

/// What became of a cancel.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelOutcome {
    /// The transaction with its durable decision.
    pub outcome: Outcome,
    /// The coordinator didn't know the gid and has recorded it as cancelled.
    pub was_unknown: bool,
}

impl OpenTransaction {
    pub(crate) fn new(client: Client, gid: String) -> Self {
        Self {
            client,
            gid,
            begun: None,
        }
    }

    /// Its idempotency key.
    pub fn gid(&self) -> &str {
        &self.gid
    }

    /// How it stood when it was begun; `None` for a handle made by [`Client::open`].
    pub fn begun(&self) -> Option<&Outcome> {
        self.begun.as_ref()
    }

    /// Registers a branch and lets the coordinator call its try. The answer is TRIED, REFUSED or `IN_DOUBT`;
    /// a refusal decides nothing.
    pub async fn try_branch(&self, branch: Branch) -> Result<BranchStatus, Error> {
        let request = proto::TryBranchRequest {
            gid: self.gid.clone(),
            branch: Some(branch.into_proto()?),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).try_branch(request).await
            })
            .await?;
        answer.branch.ok_or(Error::Malformed("the branch"))
    }

    /// Registers a branch whose try the caller calls itself, and vouches for by confirming.
    pub async fn register_branch(&self, branch: Branch) -> Result<BranchStatus, Error> {
        let request = proto::RegisterBranchRequest {
            gid: self.gid.clone(),
            branch: Some(branch.into_proto()?),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).register_branch(request).await
            })
            .await?;
        answer.branch.ok_or(Error::Malformed("the branch"))
    }

    /// Decides to confirm; answers once that is durable.
    pub async fn confirm(&self) -> Result<Outcome, Error> {
        self.confirm_and(WaitFor::Decision).await
    }

    /// The same, answering as late as `wait_for` says.
    pub async fn confirm_and(&self, wait_for: WaitFor) -> Result<Outcome, Error> {
        let request = proto::ConfirmTransactionRequest {
            gid: self.gid.clone(),
            wait_for: wait_for.into(),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).confirm_transaction(request).await
            })
            .await?;
        outcome::outcome(answer.transaction)
    }

    /// Decides to cancel; answers once that is durable. `reason` is for people.
    pub async fn cancel(&self, reason: impl Into<String>) -> Result<CancelOutcome, Error> {
        self.cancel_and(reason, WaitFor::Decision).await
    }

    /// The same, answering as late as `wait_for` says.
    pub async fn cancel_and(
        &self,
        reason: impl Into<String>,
        wait_for: WaitFor,
    ) -> Result<CancelOutcome, Error> {
        let request = proto::CancelTransactionRequest {
            gid: self.gid.clone(),
            reason: reason.into(),
            wait_for: wait_for.into(),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).cancel_transaction(request).await
            })
            .await?;
        Ok(CancelOutcome {
            outcome: outcome::outcome(answer.transaction)?,
            was_unknown: answer.was_unknown,
        })
    }

    /// Moves the deadline to `timeout` from now, never earlier than it is.
    pub async fn renew(&self, timeout: Duration) -> Result<Outcome, Error> {
        let request = proto::RenewTransactionRequest {
            gid: self.gid.clone(),
            try_timeout: Some(proto_duration(timeout)),
        };
        let answer = self
            .client
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).renew_transaction(request).await
            })
            .await?;
        outcome::outcome(answer.transaction)
    }

    /// How it stands.
    pub async fn get(&self) -> Result<Outcome, Error> {
        self.client.get(self.gid.clone()).await
    }
}
