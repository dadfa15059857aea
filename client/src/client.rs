//! The client itself: connections, policy, and the way to every call.

use std::sync::Arc;

use tercet_proto::tercet::v1::{
    self as proto, Verdict, transaction_service_client::TransactionServiceClient,
};
use tonic::{
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};

use crate::{
    Admin, Begin, CallContext, Error, Execute, OpenTransaction, Outcome, RetryPolicy, Watch,
    call::Caller,
    channels::Channels,
    outcome,
    retry::{Jitter, Repeat},
};

/// A coordinator, or several on one database. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) caller: Caller,
}

impl Client {
    /// Connects to the first of `endpoints` that answers; the others are tried in turn when it fails. An
    /// endpoint is `http://HOST:PORT` or `HOST:PORT`.
    pub async fn connect<E: AsRef<str>>(
        endpoints: impl IntoIterator<Item = E>,
    ) -> Result<Self, Error> {
        let client = Self::lazy(endpoints)?;
        client.caller.channels.connect().await?;
        Ok(client)
    }

    /// The same without connecting yet: the first call does. Must be called inside a Tokio runtime.
    pub fn lazy<E: AsRef<str>>(endpoints: impl IntoIterator<Item = E>) -> Result<Self, Error> {
        Self::lazy_with(endpoints, Endpoint::connect_lazy)
    }

    /// The same with channels made in another way than over TCP, for example by
    /// [`Endpoint::connect_with_connector_lazy`]. The endpoint carries time-outs and keep-alive, so the channel
    /// has to be made of it.
    pub fn lazy_with<E: AsRef<str>>(
        endpoints: impl IntoIterator<Item = E>,
        connect: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let channels = Channels::lazy(endpoints, connect)?;
        Ok(Self {
            caller: Caller {
                policy: Arc::new(RetryPolicy::for_endpoints(channels.len())),
                channels: Arc::new(channels),
                context: CallContext::new(),
                operator: None,
                jitter: Jitter::random(),
            },
        })
    }

    /// Another policy for what is repeated.
    #[must_use]
    pub fn with_policy(mut self, policy: RetryPolicy) -> Self {
        self.caller.policy = Arc::new(policy);
        self
    }

    /// Another source of jitter, a number between 0 and 1 for each pause, for runs that have to be repeatable.
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.caller.jitter = Jitter::of(jitter);
        self
    }

    /// The same client for a person of that name: what operators do is recorded under it, and so are confirm and cancel, which
    /// otherwise are an initiator's own. Nobody verifies the name. It is kept as up to 64 characters of visible ASCII; an empty
    /// one is none.
    #[must_use]
    pub fn acting_as(mut self, name: &str) -> Self {
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let name: String = name.trim().chars().take(64).map(visible).collect();
        self.caller.operator = AsciiMetadataValue::try_from(name)
            .ok()
            .filter(|name| !name.is_empty());
        self
    }

    /// The same client within the deadline and trace of a call that is being served.
    #[must_use]
    pub fn within(&self, context: CallContext) -> Self {
        let mut client = self.clone();
        client.caller.context = context;
        client
    }

    /// A whole transaction in one call. `gid` is its idempotency key: the same one again is the same
    /// transaction. It is never made up here, since a repeat after a crash would become a second order.
    pub fn execute(&self, gid: impl Into<String>) -> Execute {
        Execute::new(self.clone(), gid.into())
    }

    /// Opens a transaction for step-by-step use. An empty gid gets a UUIDv7, made here, so that a repeated
    /// begin finds the first one.
    pub fn begin(&self, gid: impl Into<String>) -> Begin {
        Begin::new(self.clone(), gid.into())
    }

    /// A handle on a transaction that was begun elsewhere. Nothing is called.
    pub fn open(&self, gid: impl Into<String>) -> OpenTransaction {
        OpenTransaction::new(self.clone(), gid.into())
    }

    /// One transaction, whole.
    pub async fn get(&self, gid: impl Into<String>) -> Result<Outcome, Error> {
        let request = proto::GetTransactionRequest { gid: gid.into() };
        let answer = self
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).get_transaction(request).await
            })
            .await?;
        outcome::outcome(answer.transaction)
    }

    /// The transaction now and after each change, until it has ended.
    ///
    /// ```
    /// # use tercet_client::{Branch, Client, fake::Fake};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), tercet_client::Error> {
    /// # let fake = Fake::start().await;
    /// # let client = Client::connect([fake.endpoint()]).await?;
    /// # client.execute("order-1").branch(Branch::new("1", "stock", "reserve")).send().await?;
    /// let mut watch = client.watch("order-1");
    /// while let Some(outcome) = watch.next().await? {
    ///     println!("{:?}", outcome.transaction().state());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, gid: impl Into<String>) -> Watch {
        Watch::new(self.caller.clone(), gid.into())
    }

    /// What a participant asks about a branch it holds in doubt.
    pub async fn resolve_branch(
        &self,
        gid: impl Into<String>,
        branch: impl Into<String>,
    ) -> Result<Verdict, Error> {
        let request = proto::ResolveBranchRequest {
            gid: gid.into(),
            branch_id: branch.into(),
        };
        let answer = self
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).resolve_branch(request).await
            })
            .await?;
        match answer.verdict() {
            Verdict::Unspecified => Err(Error::Malformed("a verdict")),
            verdict => Ok(verdict),
        }
    }

    /// The operator's calls.
    pub fn admin(&self) -> Admin {
        Admin::new(self.caller.clone())
    }
}

pub(crate) fn service(channel: Channel) -> TransactionServiceClient<Channel> {
    TransactionServiceClient::new(channel)
}
