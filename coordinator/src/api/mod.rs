//! The rpcs: each waits for what the transactions' tasks do, and does nothing durable itself.
//!
//! [`Api`] is what they share. One file each for beginning, for steps, for decisions, for reading, for operators and
//! for lists; `transaction_service` and `admin_service` only connect them to the generated traits. The order of
//! checks is the contract's (section 6): gid form, look-up, draining, shape and limits, names, paused or down,
//! JSON, overload. A look-up in the log costs nothing on the way to success: the INSERT is the look-up, and the log
//! is only asked where a request would be refused.

mod admin_service;
mod begin;
mod caller;
mod decide;
mod lists;
mod operator;
mod operators;
mod prepare;
mod read;
mod route;
mod status;
mod steps;
mod transaction_service;
mod watch;

use std::sync::Arc;
use tokio::time::Instant;

use tercet_core::{ContentHash, Gid, Timestamp};
use tercet_proto::tercet::v1 as pb;
use tercet_service::Drain;

pub(crate) use caller::Caller;

use crate::config::Limits;
use crate::errors::ApiError;
use crate::json::Schemas;
use crate::transactions::{Ask, Stage, Transactions, Wait};
use crate::view::{Detail, Shown};

/// What the rpcs share.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) transactions: Transactions,
    pub(crate) schemas: Schemas,
    pub(crate) limits: Limits,
    /// The share of traces that are sampled where the caller brings none.
    pub(crate) sample_ratio: f64,
    pub(crate) drain: Drain,
    pub(crate) started_at: Instant,
}

/// The services of the contract, for whoever serves them.
#[derive(Clone, Debug)]
pub(crate) struct Service(pub(crate) Arc<Api>);

/// The whole of a transaction, as most rpcs show it.
fn whole(shown: Shown<'_>) -> pb::Transaction {
    shown.message(Detail::Whole)
}

/// How far a transaction has to be for a caller.
fn wait_of(wait_for: pb::WaitFor) -> Wait {
    match wait_for {
        pb::WaitFor::Completion => Wait::Completion,
        pb::WaitFor::Unspecified | pb::WaitFor::Decision => Wait::Decision,
    }
}

impl Api {
    fn now(&self) -> Timestamp {
        self.transactions.shared().clock.now()
    }

    /// New gids are refused once the coordinator drains.
    fn refuse_new_while_draining(&self) -> Result<(), ApiError> {
        if self.transactions.shared().stage.get() >= Stage::Draining || self.drain.is_draining() {
            return Err(ApiError::draining());
        }
        Ok(())
    }

    /// The answer of `work`, or, when it waits for completion and the caller's deadline comes near, the state of
    /// then.
    async fn in_time<T, F>(
        &self,
        caller: &Caller,
        gid: &Gid,
        ask: &Ask<F>,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        let Some(near) = caller
            .near_deadline()
            .filter(|_| ask.wait == Wait::Completion)
        else {
            return work.await;
        };
        tokio::pin!(work);
        tokio::select! {
            biased;
            answer = &mut work => return answer,
            () = tokio::time::sleep_until(near) => {}
        }
        let now = Ask {
            content: ask.content,
            ..Ask::now(ask.make.clone())
        };
        match self.transactions.join(gid, now).await? {
            Some(answer) => Ok(answer),
            // Nothing has begun yet, so there is no state of then: the deadline itself is the answer.
            None => work.await,
        }
    }

    /// What to answer where a request would be refused: a transaction that doesn't exist comes first.
    async fn refuse_if_known(&self, gid: &Gid, refusal: ApiError) -> ApiError {
        match self
            .transactions
            .join(gid, Ask::now(|_: Shown<'_>| ()))
            .await
        {
            Ok(Some(())) => refusal,
            Ok(None) => ApiError::unknown_transaction(gid),
            Err(error) => error,
        }
    }

    /// A repetition's answer: the transaction of that gid and content, if there is one.
    async fn repeated<T, F>(
        &self,
        gid: &Gid,
        content: ContentHash,
        ask: &Ask<F>,
    ) -> Result<Option<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Clone + Send + 'static,
    {
        self.transactions
            .join(gid, ask.clone().about(content))
            .await
    }
}
