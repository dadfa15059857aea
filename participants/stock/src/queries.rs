//! The stock service's SQL, written once for every database.

use sqlx::FromRow;
use tercet_participant::BranchContext;

use super::Connection;

/// The stock of one SKU, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Stock {
    pub(super) sku: String,
    pub(super) available: i64,
    pub(super) reserved: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restocked {
    Added,
    /// The same delivery was added before.
    Repeated,
    /// Its id belongs to a delivery of something else.
    OtherDelivery,
    UnknownSku,
}

/// Available to reserved; false when there is less, or no such SKU.
pub(super) async fn reserve(
    connection: &mut Connection,
    sku: &str,
    quantity: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update sku set available = available - ?, reserved = reserved + ?, version = version + 1 \
         where sku = ? and available >= ?",
    )
    .bind(quantity)
    .bind(quantity)
    .bind(sku)
    .bind(quantity)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Reserved to held; false when less is reserved.
pub(super) async fn hold(
    connection: &mut Connection,
    sku: &str,
    quantity: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update sku set reserved = reserved - ?, held = held + ?, version = version + 1 \
         where sku = ? and reserved >= ?",
    )
    .bind(quantity)
    .bind(quantity)
    .bind(sku)
    .bind(quantity)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Reserved to available; false when less is reserved.
pub(super) async fn release(
    connection: &mut Connection,
    sku: &str,
    quantity: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update sku set reserved = reserved - ?, available = available + ?, version = version + 1 \
         where sku = ? and reserved >= ?",
    )
    .bind(quantity)
    .bind(quantity)
    .bind(sku)
    .bind(quantity)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn get(connection: &mut Connection, sku: &str) -> sqlx::Result<Option<Stock>> {
    sqlx::query_as("select sku, available, reserved, held, sold from sku where sku = ?")
        .bind(sku)
        .fetch_optional(connection)
        .await
}

/// SKUs by name, after `after`.
pub(super) async fn list(
    connection: &mut Connection,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Stock>> {
    sqlx::query_as(
        "select sku, available, reserved, held, sold from sku where sku > ? order by sku limit ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Adds a SKU; false when there is one.
pub(super) async fn add(
    connection: &mut Connection,
    sku: &str,
    quantity: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into sku (sku, available, reserved, held, sold, version) values (?, ?, 0, 0, 0, 1)",
    )
    .bind(sku)
    .bind(quantity)
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Adds a delivery to a SKU, in the caller's SQL transaction.
pub(super) async fn restock(
    connection: &mut Connection,
    restock_id: &str,
    sku: &str,
    quantity: i64,
    now: i64,
) -> sqlx::Result<Restocked> {
    let done = sqlx::query(
        "update sku set available = available + ?, version = version + 1 where sku = ?",
    )
    .bind(quantity)
    .bind(sku)
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Restocked::UnknownSku);
    }
    let inserted = sqlx::query(
        "insert into restock (restock_id, sku, quantity, created_at) values (?, ?, ?, ?)",
    )
    .bind(restock_id)
    .bind(sku)
    .bind(quantity)
    .bind(now)
    .execute(&mut *connection)
    .await;
    match inserted {
        Ok(_) => return Ok(Restocked::Added),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
        Err(error) => return Err(error),
    }
    let first: (String, i64) =
        sqlx::query_as("select sku, quantity from restock where restock_id = ?")
            .bind(restock_id)
            .fetch_one(connection)
            .await?;
    Ok(if first == (sku.to_owned(), quantity) {
        Restocked::Repeated
    } else {
        Restocked::OtherDelivery
    })
}

pub(super) async fn insert_notice(
    connection: &mut Connection,
    context: &BranchContext,
    subject: &str,
    text: &str,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into notice (gid, branch, subject, text, created_at) values (?, ?, ?, ?, ?)",
    )
    .bind(context.gid())
    .bind(context.branch())
    .bind(subject)
    .bind(text)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
pub(super) async fn notices(connection: &mut Connection) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as("select subject, text from notice order by gid, branch")
        .fetch_all(connection)
        .await
}
