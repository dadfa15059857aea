//! A whole transaction in one call.

use std::time::Duration;

use crate::{
    Branch, Client, Error, Outcome,
    client::service,
    outcome,
    proto::{ExecuteTransactionRequest, TransactionOptions, TryOrder, WaitFor},
    retry::Repeat,
};

/// A transaction being described; [`send`](Self::send) runs it.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before it is sent"]
pub struct Execute {
    client: Client,
    gid: String,
    branches: Vec<Branch>,
    options: TransactionOptions,
    wait_for: WaitFor,
}

impl Execute {
    pub(crate) fn new(client: Client, gid: String) -> Self {
        Self {
            client,
            gid,
            branches: Vec::new(),
            options: TransactionOptions::default(),
            wait_for: WaitFor::Decision,
        }
    }

    /// Adds a branch. Their order counts: it is part of what a repeat is compared with.
    pub fn branch(mut self, branch: Branch) -> Self {
        self.branches.push(branch);
        self
    }

    /// Time until the deadline of deciding, 100 ms to 24 h. 30 s if not set.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.options.try_timeout = Some(proto_duration(timeout));
        self
    }

    /// One try after the other, each after the one before is tried; cancels in reverse.
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

    /// Answer when every branch has ended, not already when the decision is durable.
    pub fn wait_for_completion(mut self) -> Self {
        self.wait_for = WaitFor::Completion;
        self
    }

    /// Runs it. Repeats are safe: the gid makes them one transaction.
    pub async fn send(self) -> Result<Outcome, Error> {
        let request = ExecuteTransactionRequest {
            gid: self.gid,
            branches: self
                .branches
                .into_iter()
                .map(Branch::into_proto)
                .collect::<Result<_, _>>()?,
            options: Some(self.options),
            wait_for: self.wait_for.into(),
        };
        self.client.execute_request(request).await
    }
}

impl Client {
    /// Runs a request that is already in the contract's own form.
    pub async fn execute_request(
        &self,
        request: ExecuteTransactionRequest,
    ) -> Result<Outcome, Error> {
        let answer = self
            .caller
            .call(request, Repeat::Safe, |channel, request| async move {
                service(channel).execute_transaction(request).await
            })
            .await?;
        outcome::outcome(answer.transaction)
    }
}

/// Durations beyond what the contract allows are the coordinator's to refuse.
pub(crate) fn proto_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}
