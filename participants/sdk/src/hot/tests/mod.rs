//! Hot rows on a real database (mounted once for each, in `testing/`): gathered calls, their verdicts, memory, bounds.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod crash;
mod gathered;
mod poison;
mod random;
mod speed;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::{Database, Fixture, HotSpend, WalletTable};
use crate::context::BranchContext;
use crate::error::ActionError;
use crate::fence::{Fence, FenceOptions, Phase};
use crate::hot::{HotCalls, HotOptions, HotRows};
use crate::served::Served;
use crate::testing::{Amount, WALLET, context};

/// A participant's hot wallet, as one process has it.
struct Hot {
    fence: Fence<super::Db>,
    rows: HotRows<WalletTable>,
    calls: Arc<HotCalls<WalletTable>>,
}

impl Hot {
    fn new(database: Database) -> Self {
        Self::with(database, FenceOptions::default(), HotOptions::default())
    }

    fn with(database: Database, fence: FenceOptions, hot: HotOptions) -> Self {
        let fence = Fence::new(database, fence);
        let rows = HotRows::new(hot);
        let calls = Arc::new(HotCalls {
            fence: fence.clone(),
            rows: rows.clone(),
            planner: Arc::new(HotSpend),
        });
        Self { fence, rows, calls }
    }

    async fn call(&self, phase: Phase, branch: &str, amount: i64) -> Result<Bytes, ActionError> {
        self.call_as(context(phase, branch), WALLET, amount).await
    }

    async fn call_as(
        &self,
        context: BranchContext,
        wallet: &str,
        amount: i64,
    ) -> Result<Bytes, ActionError> {
        let request = Amount {
            wallet: wallet.to_owned(),
            amount,
        };
        self.calls
            .call(context, request.encode_to_vec().into())
            .await
    }

    /// The call in a task of its own, in the queue by the time this returns.
    async fn queued(
        self: &Arc<Self>,
        phase: Phase,
        branch: impl Into<String>,
        amount: i64,
    ) -> Queued {
        let (hot, branch) = (Arc::clone(self), branch.into());
        let mut call = Box::pin(async move { hot.call(phase, &branch, amount).await });
        assert!(futures::poll!(&mut call).is_pending());
        tokio::spawn(call)
    }
}

type Queued = tokio::task::JoinHandle<Result<Bytes, ActionError>>;

fn word(answer: &Result<Bytes, ActionError>) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(error) => error.reason().to_owned(),
    }
}

/// Keeps a wallet locked, so that a queue gathers behind it.
struct Held(sqlx::Transaction<'static, super::Db>);

impl Held {
    async fn wallet(database: &Database) -> Self {
        let mut transaction = database.begin().await.unwrap();
        assert!(
            super::queries::lock(&mut transaction, WALLET)
                .await
                .unwrap()
        );
        Self(transaction)
    }

    async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}
