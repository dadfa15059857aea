//! The SQL of the test participant.

use sqlx::SqliteConnection;

pub(crate) const MIGRATION: &str = "
create table wallet (
    id        text    not null primary key,
    available integer not null check (available >= 0),
    frozen    integer not null check (frozen >= 0),
    spent     integer not null check (spent >= 0)
) strict";

pub(crate) async fn seed(
    connection: &mut SqliteConnection,
    id: &str,
    amount: i64,
) -> sqlx::Result<()> {
    sqlx::query("insert into wallet (id, available, frozen, spent) values (?, ?, 0, 0)")
        .bind(id)
        .bind(amount)
        .execute(connection)
        .await?;
    Ok(())
}

/// `available`, `frozen`, `spent`.
pub(crate) async fn balance(
    connection: &mut SqliteConnection,
    id: &str,
) -> sqlx::Result<(i64, i64, i64)> {
    sqlx::query_as("select available, frozen, spent from wallet where id = ?")
        .bind(id)
        .fetch_one(connection)
        .await
}

pub(crate) async fn freeze(
    connection: &mut SqliteConnection,
    id: &str,
    amount: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update wallet set available = available - ?1, frozen = frozen + ?1 where id = ?2 and available >= ?1",
    )
    .bind(amount)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn spend(
    connection: &mut SqliteConnection,
    id: &str,
    amount: i64,
) -> sqlx::Result<()> {
    sqlx::query("update wallet set frozen = frozen - ?1, spent = spent + ?1 where id = ?2")
        .bind(amount)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn unfreeze(
    connection: &mut SqliteConnection,
    id: &str,
    amount: i64,
) -> sqlx::Result<()> {
    sqlx::query("update wallet set frozen = frozen - ?1, available = available + ?1 where id = ?2")
        .bind(amount)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn count_fence_rows(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from tercet_fence")
        .fetch_one(connection)
        .await
}

pub(crate) async fn drop_wallet(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("drop table wallet").execute(connection).await?;
    Ok(())
}
