//! The example's SQL. In a participant of your own the table is a migration file.

use sqlx::SqliteConnection;

pub(crate) const TABLE: &str = "
create table card (
    code     text    not null primary key,
    balance  integer not null check (balance >= 0),
    reserved integer not null check (reserved >= 0)
) strict";

/// Balance to reserved; false when there is less, or no such card.
pub(crate) async fn reserve(
    db: &mut SqliteConnection,
    code: &str,
    cents: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update card set balance = balance - ?, reserved = reserved + ? where code = ? and balance >= ?",
    )
    .bind(cents)
    .bind(cents)
    .bind(code)
    .bind(cents)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes what is reserved, and gives `back` of it back to the balance.
pub(crate) async fn settle(
    db: &mut SqliteConnection,
    code: &str,
    cents: i64,
    back: i64,
) -> sqlx::Result<()> {
    sqlx::query("update card set reserved = reserved - ?, balance = balance + ? where code = ?")
        .bind(cents)
        .bind(back)
        .bind(code)
        .execute(db)
        .await?;
    Ok(())
}
