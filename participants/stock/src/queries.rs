//! The stock service's SQL, written once for every database.

use sqlx::{FromRow, QueryBuilder};
use tercet_participant::BranchContext;

use super::{Connection, Db};
use crate::moves::{Pieces, Share};

/// The stock of one SKU, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Stock {
    pub(super) sku: String,
    pub(super) available: i64,
    pub(super) reserved: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
    pub(super) version: i64,
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

/// One SKU beside the sums that it must agree with.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Sums {
    pub(super) sku: String,
    pub(super) available: i64,
    pub(super) reserved: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
    pub(super) delivered: i64,
    pub(super) orders_held: i64,
    pub(super) orders_moving: i64,
    pub(super) orders_sold: i64,
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

/// Takes the lock of a SKU's row; false when there is no such SKU.
pub(super) async fn lock(connection: &mut Connection, sku: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update sku set version = version where sku = ?")
        .bind(sku)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// From `before` to `after`; false when it isn't as it was before.
pub(super) async fn write(
    connection: &mut Connection,
    sku: &str,
    before: Pieces,
    after: Pieces,
    version: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update sku set available = ?, reserved = ?, held = ?, sold = ?, version = version + 1 \
         where sku = ? and version = ? and available = ? and reserved = ? and held = ? and sold = ?",
    )
    .bind(after.available)
    .bind(after.reserved)
    .bind(after.held)
    .bind(after.sold)
    .bind(sku)
    .bind(version)
    .bind(before.available)
    .bind(before.reserved)
    .bind(before.held)
    .bind(before.sold)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What these orders have of a SKU; those that have nothing of it are left out. At most a batch's orders.
pub(super) async fn orders_of(
    connection: &mut Connection,
    sku: &str,
    orders: &[String],
) -> sqlx::Result<Vec<OrderStock>> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Db>::new(
        "select order_no, sku, held, moving, sold from order_stock where sku = ",
    );
    query.push_bind(sku.to_owned()).push(" and order_no in (");
    let mut names = query.separated(", ");
    for order_no in orders {
        names.push_bind(order_no.clone());
    }
    query.push(")");
    query.build_query_as().fetch_all(connection).await
}

/// Adds what orders have of a SKU that had nothing of it. The caller has the SKU's lock, so nobody else can.
pub(super) async fn insert_orders(
    connection: &mut Connection,
    sku: &str,
    orders: &[(&str, Share)],
) -> sqlx::Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut query =
        QueryBuilder::<Db>::new("insert into order_stock (order_no, sku, held, moving, sold) ");
    query.push_values(orders, |mut row, (order_no, share)| {
        row.push_bind((*order_no).to_owned())
            .push_bind(sku.to_owned())
            .push_bind(share.held)
            .push_bind(share.moving)
            .push_bind(share.sold);
    });
    query.build().execute(connection).await?;
    Ok(())
}

/// Changes what an order has of a SKU; false when it isn't as it was before.
pub(super) async fn write_order(
    connection: &mut Connection,
    sku: &str,
    order_no: &str,
    before: Share,
    after: Share,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update order_stock set held = ?, moving = ?, sold = ? \
         where order_no = ? and sku = ? and held = ? and moving = ? and sold = ?",
    )
    .bind(after.held)
    .bind(after.moving)
    .bind(after.sold)
    .bind(order_no)
    .bind(sku)
    .bind(before.held)
    .bind(before.moving)
    .bind(before.sold)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn get(connection: &mut Connection, sku: &str) -> sqlx::Result<Option<Stock>> {
    sqlx::query_as("select sku, available, reserved, held, sold, version from sku where sku = ?")
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
        "select sku, available, reserved, held, sold, version from sku where sku > ? order by sku limit ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// SKUs by name with their sums, after `after`. One statement, so all of it is of one moment.
pub(super) async fn list_sums(
    connection: &mut Connection,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Sums>> {
    sqlx::query_as(
        "select s.sku, s.available, s.reserved, s.held, s.sold, \
         coalesce(b.quantity, 0) + coalesce(r.quantity, 0) as delivered, \
         coalesce(o.held, 0) as orders_held, coalesce(o.moving, 0) as orders_moving, \
         coalesce(o.sold, 0) as orders_sold \
         from sku s left join seed b on b.sku = s.sku \
         left join (select sku, cast(sum(quantity) as signed) as quantity from restock where sku > ? group by sku) r \
         on r.sku = s.sku \
         left join (select sku, cast(sum(held) as signed) as held, cast(sum(moving) as signed) as moving, \
         cast(sum(sold) as signed) as sold from order_stock where sku > ? group by sku) o on o.sku = s.sku \
         where s.sku > ? order by s.sku limit ?",
    )
    .bind(after)
    .bind(after)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
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

/// Adds a SKU, in the caller's SQL transaction; false when there is one.
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
    .execute(&mut *connection)
    .await;
    match inserted {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        Err(error) => return Err(error),
    }
    sqlx::query("insert into seed (sku, quantity) values (?, ?)")
        .bind(sku)
        .bind(quantity)
        .execute(connection)
        .await?;
    Ok(true)
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
