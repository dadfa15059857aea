//! Reads the tables of one service into a snapshot. Mounted once for each kind of database: the tables have the same
//! columns everywhere, so the text of the SQL and of this file is the same, and only the types of the driver differ.

use sqlx::Row as _;

use super::{Connection, Row};
use crate::blobs;
use crate::places::Service;
use crate::queries;
use crate::snapshot::{
    Account, FenceRow, LedgerEntry, Order, Points, Sku, Snapshot, Stock, Transaction,
};

/// Adds what the tables of `service` say.
pub(super) async fn read(
    connection: &mut Connection,
    service: Service,
    snapshot: &mut Snapshot,
) -> sqlx::Result<()> {
    if service == Service::Coordinator {
        for row in all(connection, queries::TRANSACTIONS).await? {
            let gid = row.try_get("gid")?;
            snapshot.transactions.insert(gid, transaction(&row)?);
        }
        return Ok(());
    }
    let rows = fence(connection).await?;
    snapshot.fences.insert(service.name().to_owned(), rows);
    match service {
        Service::Coordinator => {}
        Service::Order => snapshot.orders = orders(connection).await?,
        Service::Points => snapshot.points = points(connection).await?,
        Service::Stock => snapshot.stock = stock(connection).await?,
    }
    Ok(())
}

async fn all(connection: &mut Connection, query: &'static str) -> sqlx::Result<Vec<Row>> {
    sqlx::query(query).fetch_all(connection).await
}

fn transaction(row: &Row) -> sqlx::Result<Transaction> {
    let participants: String = row.try_get("participants")?;
    let definition: Vec<u8> = row.try_get("definition")?;
    let progress: Vec<u8> = row.try_get("progress")?;
    Ok(Transaction {
        state: row.try_get("state")?,
        participants: participants.split_whitespace().map(str::to_owned).collect(),
        is_decided: row.try_get("is_decided")?,
        is_ended: row.try_get("is_ended")?,
        branches: blobs::branches(&definition, &progress).map_err(|error| error.to_string()),
    })
}

async fn fence(connection: &mut Connection) -> sqlx::Result<Vec<FenceRow>> {
    let rows = all(connection, queries::FENCE).await?;
    let row = |row: &Row| {
        Ok(FenceRow {
            gid: row.try_get("gid")?,
            branch: row.try_get("branch")?,
            service: row.try_get("service")?,
            state: row.try_get("state")?,
        })
    };
    rows.iter().map(row).collect()
}

async fn stock(connection: &mut Connection) -> sqlx::Result<Stock> {
    let mut stock = Stock::default();
    for row in all(connection, queries::SKUS).await? {
        stock.skus.push(Sku {
            sku: row.try_get("sku")?,
            available: row.try_get("available")?,
            reserved: row.try_get("reserved")?,
            held: row.try_get("held")?,
            sold: row.try_get("sold")?,
        });
    }
    for row in all(connection, queries::RESTOCKED).await? {
        let quantity: i64 = row.try_get("quantity")?;
        *stock.restocked.entry(row.try_get("sku")?).or_default() += quantity;
    }
    for row in all(connection, queries::NOTICES).await? {
        let notice = (
            row.try_get("gid")?,
            row.try_get("branch")?,
            row.try_get("subject")?,
        );
        stock.notices.push(notice);
    }
    Ok(stock)
}

async fn points(connection: &mut Connection) -> sqlx::Result<Points> {
    let mut points = Points::default();
    for row in all(connection, queries::ACCOUNTS).await? {
        points.accounts.push(Account {
            user: row.try_get("user_id")?,
            available: row.try_get("available")?,
            frozen: row.try_get("frozen")?,
        });
    }
    for row in all(connection, queries::LEDGER).await? {
        points.ledger.push(LedgerEntry {
            user: row.try_get("user_id")?,
            order: row.try_get("order_ref")?,
            kind: row.try_get("kind")?,
            number: row.try_get("number")?,
            available: row.try_get("available_delta")?,
            frozen: row.try_get("frozen_delta")?,
        });
    }
    Ok(points)
}

async fn orders(connection: &mut Connection) -> sqlx::Result<Vec<Order>> {
    let rows = all(connection, queries::ORDERS).await?;
    let row = |row: &Row| {
        Ok(Order {
            number: row.try_get("order_no")?,
            request: row.try_get("request_id")?,
            gid: row.try_get("gid")?,
            branch: row.try_get("branch")?,
            user: row.try_get("user_id")?,
            sku: row.try_get("sku")?,
            quantity: row.try_get("quantity")?,
            points: row.try_get("points")?,
            state: row.try_get("state")?,
        })
    };
    rows.iter().map(row).collect()
}
