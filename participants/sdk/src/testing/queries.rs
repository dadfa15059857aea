//! The SQL of the test participant, written once for every database.

use super::Connection;
use crate::testing::Wallet;

pub(crate) async fn seed(connection: &mut Connection, id: &str, amount: i64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into wallet (id, available, frozen, spent, version) values (?, ?, 0, 0, 1)",
    )
    .bind(id)
    .bind(amount)
    .execute(connection)
    .await?;
    Ok(())
}

/// `available`, `frozen`, `spent`.
pub(crate) async fn balance(
    connection: &mut Connection,
    id: &str,
) -> sqlx::Result<(i64, i64, i64)> {
    sqlx::query_as("select available, frozen, spent from wallet where id = ?")
        .bind(id)
        .fetch_one(connection)
        .await
}

pub(crate) async fn freeze(
    connection: &mut Connection,
    id: &str,
    amount: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update wallet set available = available - ?, frozen = frozen + ? where id = ? and available >= ?",
    )
    .bind(amount)
    .bind(amount)
    .bind(id)
    .bind(amount)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn spend(connection: &mut Connection, id: &str, amount: i64) -> sqlx::Result<()> {
    sqlx::query("update wallet set frozen = frozen - ?, spent = spent + ? where id = ?")
        .bind(amount)
        .bind(amount)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn unfreeze(
    connection: &mut Connection,
    id: &str,
    amount: i64,
) -> sqlx::Result<()> {
    sqlx::query("update wallet set frozen = frozen - ?, available = available + ? where id = ?")
        .bind(amount)
        .bind(amount)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn count_fence_rows(connection: &mut Connection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from tercet_fence")
        .fetch_one(connection)
        .await
}

pub(crate) async fn drop_wallet(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("drop table wallet").execute(connection).await?;
    Ok(())
}

/// Takes the wallet's lock; false when there is none.
pub(crate) async fn lock(connection: &mut Connection, id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update wallet set version = version where id = ?")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn read(connection: &mut Connection, id: &str) -> sqlx::Result<Option<Wallet>> {
    sqlx::query_as("select available, frozen, spent, version from wallet where id = ?")
        .bind(id)
        .fetch_optional(connection)
        .await
}

/// From `before` to `after`; false when it isn't as it was before.
pub(crate) async fn write(
    connection: &mut Connection,
    id: &str,
    before: &Wallet,
    after: &Wallet,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update wallet set available = ?, frozen = ?, spent = ?, version = version + 1 where id = ? and version = ?",
    )
    .bind(after.available)
    .bind(after.frozen)
    .bind(after.spent)
    .bind(id)
    .bind(before.version)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes what was spent available again.
pub(crate) async fn refill(connection: &mut Connection, spent: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update wallet set available = available + ?, spent = spent - ?, version = version + 1",
    )
    .bind(spent)
    .bind(spent)
    .execute(connection)
    .await?;
    Ok(())
}
