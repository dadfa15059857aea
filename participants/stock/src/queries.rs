//! The stock service's SQL, written once for every database.

use sqlx::FromRow;
use tercet_participant::BranchContext;

use super::Connection;
use crate::moves::{OrderDelta, SkuDelta};

/// The stock of one SKU, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Stock {
    pub(super) sku: String,
    pub(super) available: i64,
    pub(super) reserved: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
}

/// What one order has of one SKU, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct OrderStock {
    pub(super) order_no: String,
    pub(super) sku: String,
    pub(super) held: i64,
    pub(super) moving: i64,
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

/// Changes a SKU's numbers; false when one of them would go below zero, or there is no such SKU.
pub(super) async fn shift_sku(
    connection: &mut Connection,
    sku: &str,
    delta: SkuDelta,
) -> sqlx::Result<bool> {
    let SkuDelta {
        available,
        reserved,
        held,
        sold,
    } = delta;
    let done = sqlx::query(
        "update sku set available = available + ?, reserved = reserved + ?, held = held + ?, sold = sold + ?, \
         version = version + 1 \
         where sku = ? and available + ? >= 0 and reserved + ? >= 0 and held + ? >= 0 and sold + ? >= 0",
    )
    .bind(available)
    .bind(reserved)
    .bind(held)
    .bind(sold)
    .bind(sku)
    .bind(available)
    .bind(reserved)
    .bind(held)
    .bind(sold)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Changes what an order has of a SKU; false when one of its numbers would go below zero, or it has nothing of it.
pub(super) async fn shift_order(
    connection: &mut Connection,
    order_no: &str,
    sku: &str,
    delta: OrderDelta,
) -> sqlx::Result<bool> {
    let OrderDelta { held, moving, sold } = delta;
    let done = sqlx::query(
        "update order_stock set held = held + ?, moving = moving + ?, sold = sold + ? \
         where order_no = ? and sku = ? and held + ? >= 0 and moving + ? >= 0 and sold + ? >= 0",
    )
    .bind(held)
    .bind(moving)
    .bind(sold)
    .bind(order_no)
    .bind(sku)
    .bind(held)
    .bind(moving)
    .bind(sold)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The same for an order that only gains, and may have had nothing of the SKU before. The caller has changed the SKU's
/// row, so nobody else is giving pieces of it meanwhile.
pub(super) async fn give_order(
    connection: &mut Connection,
    order_no: &str,
    sku: &str,
    delta: OrderDelta,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into order_stock (order_no, sku, held, moving, sold) values (?, ?, ?, ?, ?)",
    )
    .bind(order_no)
    .bind(sku)
    .bind(delta.held)
    .bind(delta.moving)
    .bind(delta.sold)
    .execute(&mut *connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            shift_order(connection, order_no, sku, delta).await
        }
        Err(error) => Err(error),
    }
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

/// What an order has of a SKU.
pub(super) async fn order_stock(
    connection: &mut Connection,
    order_no: &str,
    sku: &str,
) -> sqlx::Result<Option<OrderStock>> {
    sqlx::query_as(
        "select order_no, sku, held, moving, sold from order_stock where order_no = ? and sku = ?",
    )
    .bind(order_no)
    .bind(sku)
    .fetch_optional(connection)
    .await
}

/// What orders have, by order and SKU, after the row `after`.
pub(super) async fn list_order_stock(
    connection: &mut Connection,
    after: (&str, &str),
    limit: i64,
) -> sqlx::Result<Vec<OrderStock>> {
    sqlx::query_as(
        "select order_no, sku, held, moving, sold from order_stock \
         where order_no >= ? and (order_no > ? or sku > ?) order by order_no, sku limit ?",
    )
    .bind(after.0)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// What one order has, by SKU, after the SKU `after`.
pub(super) async fn list_stock_of_order(
    connection: &mut Connection,
    order_no: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<OrderStock>> {
    sqlx::query_as(
        "select order_no, sku, held, moving, sold from order_stock \
         where order_no = ? and sku > ? order by sku limit ?",
    )
    .bind(order_no)
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
