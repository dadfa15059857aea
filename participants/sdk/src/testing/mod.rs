//! A small participant for the SDK's own tests: a wallet whose sums show what ran, on a real SQLite file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

pub(crate) mod queries;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use prost::Message;
use sqlx::SqliteConnection;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tercet_database::sqlite::{Database, Db, Options, connect};

use crate::action::Action;
use crate::clock::{micros, now_micros};
use crate::context::{BranchContext, BranchKey};
use crate::error::{ActionError, Refusal};
use crate::fence::{Fence, FenceOptions, FenceState, Phase, Verbs};

/// Whose wallet, and how much.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Amount {
    #[prost(string, tag = "1")]
    pub(crate) wallet: String,
    #[prost(int64, tag = "2")]
    pub(crate) amount: i64,
}

/// What is left after a try.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Left {
    #[prost(int64, tag = "1")]
    pub(crate) available: i64,
}

/// What an action under test has seen and shall do.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    tries: AtomicU32,
    confirms: AtomicU32,
    cancels: AtomicU32,
    failures: AtomicU32,
}

impl Probe {
    /// How often each verb ran: try, confirm, cancel.
    pub(crate) fn runs(&self) -> [u32; 3] {
        [&self.tries, &self.confirms, &self.cancels].map(|counter| counter.load(Ordering::SeqCst))
    }

    /// The next `count` verbs fail after they made their change.
    pub(crate) fn fail_next(&self, count: u32) {
        self.failures.store(count, Ordering::SeqCst);
    }

    fn after_change(&self, counter: &AtomicU32) -> Result<(), ActionError> {
        counter.fetch_add(1, Ordering::SeqCst);
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match failing {
            Ok(_) => Err(ActionError::Internal(
                "made to fail after the change".to_owned(),
            )),
            Err(_) => Ok(()),
        }
    }
}

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
                connection: &mut SqliteConnection,
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
                connection: &mut SqliteConnection,
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
                connection: &mut SqliteConnection,
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

/// A participant's database in a temporary folder, with one wallet of 100.
pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    pub(crate) fence: Fence<Db>,
    pub(crate) spend: Arc<Spend>,
}

pub(crate) const WALLET: &str = "w";

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(FenceOptions::default()).await
    }

    pub(crate) async fn with(options: FenceOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder.path().join("p.db")).await;
        let mut connection = database.writer().acquire().await.unwrap();
        queries::seed(&mut connection, WALLET, 100).await.unwrap();
        drop(connection);
        Self {
            _folder: folder,
            fence: Fence::new(database, options),
            spend: Arc::default(),
        }
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

    pub(crate) async fn balance(&self) -> (i64, i64, i64) {
        let mut connection = self.fence.database().reader().acquire().await.unwrap();
        queries::balance(&mut connection, WALLET).await.unwrap()
    }

    /// The branch's state in the fence.
    pub(crate) async fn state(&self, branch: &str) -> Option<FenceState> {
        use crate::fence::FenceDb;
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

/// Opens a participant's file, with its tables.
pub(crate) async fn open(path: &std::path::Path) -> Database {
    let database = connect(&Options::new(path)).await.unwrap();
    let own = Migrator::with_migrations(vec![Migration::new(
        20_261_121_000_001,
        Cow::Borrowed("wallet"),
        MigrationType::Simple,
        sqlx::SqlStr::from_static(queries::MIGRATION),
        false,
    )]);
    crate::sqlite::schema("test", &own)
        .ensure(&database)
        .await
        .unwrap();
    database
}

pub(crate) fn key(branch: &str) -> BranchKey {
    BranchKey::new("g", branch).unwrap()
}

pub(crate) fn context(phase: Phase, branch: &str) -> BranchContext {
    BranchContext::new(
        key(branch),
        phase,
        now_micros() + micros(std::time::Duration::from_secs(30)),
    )
}

pub(crate) fn request(amount: i64) -> Bytes {
    Amount {
        wallet: WALLET.to_owned(),
        amount,
    }
    .encode_to_vec()
    .into()
}
