//! The wallet's actions and a fixture around them, mounted once for each database.

use std::sync::Arc;

use bytes::Bytes;

use super::{Connection, Database, Db, Place, queries};
use crate::action::Action;
use crate::context::BranchContext;
use crate::error::{ActionError, Refusal};
use crate::fence::{Fence, FenceDb, FenceOptions, FenceState, Phase, Verbs};
use crate::testing::{Amount, Left, Probe, WALLET, context, key, request};

macro_rules! wallet_action {
    ($(#[$doc:meta])* $name:ident, $service:literal, $verbs:expr) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name(pub(crate) Arc<Probe>);

        impl Action for $name {
            type Db = Db;
            type Request = Amount;
            type Reply = Left;
            const SERVICE: &'static str = $service;
            const VERBS: Verbs = $verbs;

            async fn on_try(
                &self,
                connection: &mut Connection,
                _: &BranchContext,
                request: Amount,
            ) -> Result<Left, ActionError> {
                if !queries::freeze(&mut *connection, &request.wallet, request.amount).await? {
                    return Err(Refusal::precondition("NOT_ENOUGH", "the wallet holds less").into());
                }
                self.0.after_change(&self.0.tries)?;
                let (available, _, _) = queries::balance(connection, &request.wallet).await?;
                Ok(Left { available })
            }

            async fn on_confirm(
                &self,
                connection: &mut Connection,
                context: &BranchContext,
                request: Amount,
            ) -> Result<(), ActionError> {
                let _ = context;
                if Self::VERBS == Verbs::Confirm {
                    queries::freeze(&mut *connection, &request.wallet, request.amount).await?;
                }
                queries::spend(connection, &request.wallet, request.amount).await?;
                self.0.after_change(&self.0.confirms)
            }

            async fn on_cancel(
                &self,
                connection: &mut Connection,
                _: &BranchContext,
                request: Amount,
            ) -> Result<(), ActionError> {
                queries::unfreeze(connection, &request.wallet, request.amount).await?;
                self.0.after_change(&self.0.cancels)
            }
        }
    };
}

wallet_action!(
    /// Freezes, spends, gives back.
    Spend,
    "test.v1.SpendService",
    Verbs::TryConfirmCancel
);
wallet_action!(
    /// The same without a confirm.
    Saga,
    "test.v1.SagaService",
    Verbs::TryCancel
);
wallet_action!(
    /// Spends when told, and can't say no.
    Notice,
    "test.v1.NoticeService",
    Verbs::Confirm
);

/// A participant's database of its own, with one wallet of 100.
pub(crate) struct Fixture {
    pub(crate) place: Place,
    pub(crate) fence: Fence<Db>,
    pub(crate) spend: Arc<Spend>,
}

impl Fixture {
    /// None where the database can't be had.
    pub(crate) async fn new() -> Option<Self> {
        Self::with(FenceOptions::default()).await
    }

    pub(crate) async fn with(options: FenceOptions) -> Option<Self> {
        let place = Place::new().await?;
        let database = place.open().await;
        let mut connection = database.writer().acquire().await.unwrap();
        queries::seed(&mut connection, WALLET, 100).await.unwrap();
        drop(connection);
        Some(Self {
            place,
            fence: Fence::new(database, options),
            spend: Arc::default(),
        })
    }

    /// Runs one phase of `spend` as a call does.
    pub(crate) async fn call(
        &self,
        phase: Phase,
        branch: &str,
        amount: i64,
    ) -> Result<Bytes, ActionError> {
        self.fence
            .call(
                Arc::clone(&self.spend) as _,
                context(phase, branch),
                request(amount),
            )
            .await
    }

    /// The database as a second process would open it.
    pub(crate) async fn reopen(&self) -> Database {
        self.place.open().await
    }

    pub(crate) async fn balance(&self) -> (i64, i64, i64) {
        let mut connection = self.fence.database().reader().acquire().await.unwrap();
        queries::balance(&mut connection, WALLET).await.unwrap()
    }

    /// The branch's state in the fence.
    pub(crate) async fn state(&self, branch: &str) -> Option<FenceState> {
        let mut connection = self.fence.database().reader().acquire().await.unwrap();
        Db::read(&mut connection, &key(branch))
            .await
            .unwrap()
            .map(|row| row.state)
    }

    /// Puts a branch into the state a test begins with, by the calls that lead there.
    pub(crate) async fn given(&self, state: Option<FenceState>, branch: &str, amount: i64) {
        let Some(state) = state else { return };
        if state != FenceState::Cancelled {
            self.call(Phase::Try, branch, amount).await.unwrap();
        }
        match state {
            FenceState::Tried => {}
            FenceState::Confirmed => drop(self.call(Phase::Confirm, branch, amount).await.unwrap()),
            FenceState::Cancelled => drop(self.call(Phase::Cancel, branch, amount).await.unwrap()),
            FenceState::EndedByHand => {
                self.fence
                    .end_by_hand(&key(branch), Spend::SERVICE)
                    .await
                    .unwrap();
            }
        }
    }
}
