//! A SKU as a hot row: how it is locked, read and written, with the shares of the orders that a batch is about.
//!
//! Whoever has the SKU's lock may change the shares of its orders; nobody changes them without.

use tercet_participant::HotTable;

use super::queries::{self, OrderStock};
use super::{Connection, Db};
use crate::moves::{Pieces, Row, Share};

/// The table of SKUs, and below it what orders have of them.
#[derive(Debug)]
pub(super) struct SkuTable;

impl HotTable for SkuTable {
    type Db = Db;
    type Row = Row;

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn lock(connection: &mut Connection, sku: &str) -> sqlx::Result<bool> {
        queries::lock(connection, sku).await
    }

    async fn read(connection: &mut Connection, sku: &str) -> sqlx::Result<Option<Row>> {
        Self::read_parts(connection, sku, &[]).await
    }

    async fn read_parts(
        connection: &mut Connection,
        sku: &str,
        orders: &[String],
    ) -> sqlx::Result<Option<Row>> {
        let Some(stock) = queries::get(&mut *connection, sku).await? else {
            return Ok(None);
        };
        let shares = queries::orders_of(connection, sku, orders).await?;
        Ok(Some(Row {
            pieces: Pieces {
                available: stock.available,
                reserved: stock.reserved,
                held: stock.held,
                sold: stock.sold,
            },
            version: stock.version,
            shares: shares.into_iter().map(share).collect(),
        }))
    }

    async fn write(
        connection: &mut Connection,
        sku: &str,
        before: &Row,
        after: &Row,
    ) -> sqlx::Result<bool> {
        let (version, old, new) = (before.version, before.pieces, after.pieces);
        if !queries::write(&mut *connection, sku, old, new, version).await? {
            return Ok(false);
        }
        let mut fresh = Vec::new();
        for (order_no, share) in &after.shares {
            match before.shares.get(order_no) {
                None => fresh.push((order_no.as_ref(), *share)),
                Some(old) if old == share => {}
                Some(old) => {
                    if !queries::write_order(&mut *connection, sku, order_no, *old, *share).await? {
                        return Ok(false);
                    }
                }
            }
        }
        queries::insert_orders(connection, sku, &fresh).await?;
        Ok(true)
    }
}

fn share(row: OrderStock) -> (std::sync::Arc<str>, Share) {
    let OrderStock {
        order_no,
        held,
        moving,
        sold,
        ..
    } = row;
    let share = Share { held, moving, sold };
    (order_no.into(), share)
}
