//! The SQL of the closing sums, read from the database files, past every service.

use std::path::Path;

use sqlx::{
    ConnectOptions, Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use super::sums::{Account, Balances, OrderRow, Sku, Transactions};
use crate::system::{Files, SERVICES};

/// Reads all four files.
pub(super) async fn read(files: &Files) -> sqlx::Result<Balances> {
    let mut stock = open(&files.path("stock")).await?;
    let mut points = open(&files.path("points")).await?;
    let mut order = open(&files.path("order")).await?;
    let mut coordinator = open(&files.path("coordinator")).await?;
    let mut tried_branches = 0;
    for name in SERVICES {
        let mut connection = open(&files.path(name)).await?;
        tried_branches += tried(&mut connection).await?;
        connection.close().await?;
    }
    let balances = Balances {
        skus: skus(&mut stock).await?,
        accounts: accounts(&mut points).await?,
        orders: orders(&mut order).await?,
        tried_branches,
        confirmed_in_stock: confirmed(&mut stock).await?,
        transactions: transactions(&mut coordinator).await?,
    };
    for connection in [stock, points, order, coordinator] {
        connection.close().await?;
    }
    Ok(balances)
}

async fn open(path: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await
}

async fn skus(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Sku>> {
    let sql = "SELECT sku, available, reserved, held, sold FROM sku ORDER BY sku";
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Sku {
                name: row.try_get(0)?,
                available: row.try_get(1)?,
                reserved: row.try_get(2)?,
                held: row.try_get(3)?,
                sold: row.try_get(4)?,
            })
        })
        .collect()
}

/// Kind 3 of the ledger is a spend.
async fn accounts(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Account>> {
    let sql = "SELECT a.user_id, a.available, a.frozen,
                      coalesce(sum(l.available_delta), 0), coalesce(sum(l.frozen_delta), 0),
                      coalesce(sum(l.kind = 3), 0)
                 FROM account a LEFT JOIN ledger l ON l.user_id = a.user_id
                GROUP BY a.user_id ORDER BY a.user_id";
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Account {
                user: row.try_get(0)?,
                available: row.try_get(1)?,
                frozen: row.try_get(2)?,
                ledger_available: row.try_get(3)?,
                ledger_frozen: row.try_get(4)?,
                spends: row.try_get(5)?,
            })
        })
        .collect()
}

async fn orders(connection: &mut SqliteConnection) -> sqlx::Result<Vec<OrderRow>> {
    let sql = "SELECT request_id, gid, state FROM orders ORDER BY request_id";
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(OrderRow {
                request_id: row.try_get(0)?,
                gid: row.try_get(1)?,
                state: row.try_get(2)?,
            })
        })
        .collect()
}

/// State 1 of a fence is tried.
async fn tried(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let sql = "SELECT count(*) FROM tercet_fence WHERE state = 1";
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// State 2 of a fence is confirmed.
async fn confirmed(connection: &mut SqliteConnection) -> sqlx::Result<Vec<(String, i64)>> {
    let sql = "SELECT gid, count(*) FROM tercet_fence WHERE state = 2 GROUP BY gid ORDER BY gid";
    sqlx::query_as(sql).fetch_all(connection).await
}

/// State 3 of a transaction is confirmed, 5 cancelled.
async fn transactions(connection: &mut SqliteConnection) -> sqlx::Result<Transactions> {
    let sql = "SELECT coalesce(sum(state = 3), 0), coalesce(sum(state = 5), 0),
                      coalesce(sum(state NOT IN (3, 5)), 0)
                 FROM global_transaction";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok(Transactions {
        confirmed: row.try_get(0)?,
        cancelled: row.try_get(1)?,
        open: row.try_get(2)?,
    })
}
