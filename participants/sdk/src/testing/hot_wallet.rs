//! The wallet as a hot table, with an action that does what [`super::Spend`] does, and poison, mounted once for each
//! database.

use super::{Connection, Db, queries};
use crate::context::BranchContext;
use crate::error::{ActionError, Refusal};
use crate::fence::Phase;
use crate::hot::{HotAction, HotTable};
use crate::testing::{Amount, Left, Wallet};

/// An amount whose plan panics.
pub(crate) const PANICS: i64 = 1_001;
/// An amount whose plan fails without refusing.
pub(crate) const FAILS: i64 = 1_002;
/// An amount whose plan is all right, but whose row violates a constraint.
pub(crate) const VIOLATES: i64 = 1_003;
/// An amount whose row's statement panics.
pub(crate) const STATEMENT_PANICS: i64 = 1_004;
/// An amount whose row is never as it was before.
pub(crate) const CONTENDS: i64 = 1_005;

pub(crate) struct WalletTable;

impl HotTable for WalletTable {
    type Db = Db;
    type Row = Wallet;

    fn version(row: &Wallet) -> i64 {
        row.version
    }

    async fn lock(connection: &mut Connection, key: &str) -> sqlx::Result<bool> {
        queries::lock(connection, key).await
    }

    async fn read(connection: &mut Connection, key: &str) -> sqlx::Result<Option<Wallet>> {
        queries::read(connection, key).await
    }

    async fn write(
        connection: &mut Connection,
        key: &str,
        before: &Wallet,
        after: &Wallet,
    ) -> sqlx::Result<bool> {
        assert!(after.frozen < 1_000_000_000, "poison");
        if after.frozen > 1_000_000 {
            return Ok(false);
        }
        queries::write(connection, key, before, after).await
    }
}

/// Freezes, spends, gives back.
pub(crate) struct HotSpend;

impl HotAction for HotSpend {
    type Table = WalletTable;
    type Request = Amount;
    type Reply = Left;
    const SERVICE: &'static str = "test.v1.SpendService";

    fn key<'a>(&self, request: &'a Amount) -> &'a str {
        &request.wallet
    }

    fn check(&self, request: &Amount) -> Result<(), Refusal> {
        if request.amount < 0 {
            return Err(Refusal::invalid("NEGATIVE", "the amount is negative"));
        }
        Ok(())
    }

    fn missing(&self, _: &Amount) -> Refusal {
        Refusal::not_found("NO_WALLET", "there is no such wallet")
    }

    fn plan(
        &self,
        row: &mut Wallet,
        context: &BranchContext,
        request: &Amount,
    ) -> Result<Left, ActionError> {
        let amount = request.amount;
        match context.phase {
            Phase::Try => {
                // Before anything can fail, so that it shows if it isn't undone.
                row.frozen += amount;
                match amount {
                    PANICS => panic!("as any action may"),
                    FAILS => return Err(ActionError::Internal("poison".to_owned())),
                    VIOLATES => row.frozen = -1,
                    STATEMENT_PANICS => row.frozen = 1_000_000_000,
                    CONTENDS => row.frozen = 2_000_000,
                    _ if row.available < amount => {
                        return Err(
                            Refusal::precondition("NOT_ENOUGH", "the wallet holds less").into()
                        );
                    }
                    _ => {}
                }
                row.available -= amount;
            }
            Phase::Confirm => {
                row.frozen -= amount;
                row.spent += amount;
            }
            Phase::Cancel => {
                row.frozen -= amount;
                row.available += amount;
            }
        }
        Ok(Left {
            available: row.available,
        })
    }

    fn hopeless(&self, row: &Wallet, request: &Amount) -> Option<Refusal> {
        (row.available < request.amount && request.amount < PANICS)
            .then(|| Refusal::precondition("NOT_ENOUGH", "the wallet holds less"))
    }
}
