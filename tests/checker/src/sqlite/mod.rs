//! Fills a snapshot from SQLite files. Each file is read in one SQL transaction, read-only: files of a process that
//! was killed are read with their `-wal` as the next process would read them, and left as they are.

mod queries;

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::blobs;
use crate::snapshot::{
    Account, FenceRow, LedgerEntry, Order, Points, Sku, Snapshot, Stock, Transaction,
};

/// Why a file can't be checked.
#[derive(Debug, thiserror::Error)]
#[error("can't read {}: {source}", file.display())]
pub struct ReadError {
    /// Which.
    pub file: PathBuf,
    /// Why not.
    pub source: sqlx::Error,
}

impl ReadError {
    /// Whether the same call may work later: somebody holds the file for a moment.
    pub fn is_retryable(&self) -> bool {
        let sqlx::Error::Database(error) = &self.source else {
            return false;
        };
        // SQLITE_BUSY and SQLITE_LOCKED.
        matches!(error.code().as_deref(), Some("5" | "6"))
    }
}

/// Where the databases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The coordinator's log.
    pub coordinator: PathBuf,
    /// The order service's.
    pub order: PathBuf,
    /// The points service's.
    pub points: PathBuf,
    /// The stock service's.
    pub stock: PathBuf,
}

impl Files {
    /// The usual names in one folder.
    pub fn in_folder(folder: &Path) -> Self {
        let file = |name: &str| folder.join(format!("{name}.db"));
        Self {
            coordinator: file("coordinator"),
            order: file("order"),
            points: file("points"),
            stock: file("stock"),
        }
    }
}

/// Reads everything.
///
/// # Errors
///
/// A file is missing or isn't what its migrations make.
pub async fn read(files: &Files) -> Result<Snapshot, ReadError> {
    let mut snapshot = Snapshot::default();
    with(&files.coordinator, &mut snapshot, async |c, snapshot| {
        for row in all(c, queries::TRANSACTIONS).await? {
            let gid = row.try_get("gid")?;
            snapshot.transactions.insert(gid, transaction(&row)?);
        }
        Ok(())
    })
    .await?;
    with(&files.order, &mut snapshot, async |c, snapshot| {
        snapshot.fences.insert("order".to_owned(), fence(c).await?);
        snapshot.orders = orders(c).await?;
        Ok(())
    })
    .await?;
    with(&files.points, &mut snapshot, async |c, snapshot| {
        snapshot.fences.insert("points".to_owned(), fence(c).await?);
        snapshot.points = points(c).await?;
        Ok(())
    })
    .await?;
    with(&files.stock, &mut snapshot, async |c, snapshot| {
        snapshot.fences.insert("stock".to_owned(), fence(c).await?);
        snapshot.stock = stock(c).await?;
        Ok(())
    })
    .await?;
    Ok(snapshot)
}

/// Opens a file, looks whether it is whole, and reads it in one SQL transaction.
async fn with(
    file: &Path,
    snapshot: &mut Snapshot,
    read: impl AsyncFnOnce(&mut SqliteConnection, &mut Snapshot) -> sqlx::Result<()>,
) -> Result<(), ReadError> {
    let reading = async {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.disable_statement_logging().connect().await?;
        sqlx::query(queries::BEGIN).execute(&mut connection).await?;
        for row in all(&mut connection, queries::INTEGRITY).await? {
            let found: String = row.try_get(0)?;
            if found != "ok" {
                snapshot
                    .damaged
                    .push(format!("{}: {found}", file.display()));
            }
        }
        read(&mut connection, snapshot).await?;
        sqlx::query(queries::COMMIT)
            .execute(&mut connection)
            .await?;
        connection.close().await
    };
    reading.await.map_err(|source| ReadError {
        file: file.to_owned(),
        source,
    })
}

async fn all(
    connection: &mut SqliteConnection,
    query: &'static str,
) -> sqlx::Result<Vec<SqliteRow>> {
    sqlx::query(query).fetch_all(connection).await
}

fn transaction(row: &SqliteRow) -> sqlx::Result<Transaction> {
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

async fn fence(connection: &mut SqliteConnection) -> sqlx::Result<Vec<FenceRow>> {
    let rows = all(connection, queries::FENCE).await?;
    let row = |row: &SqliteRow| {
        Ok(FenceRow {
            gid: row.try_get("gid")?,
            branch: row.try_get("branch")?,
            service: row.try_get("service")?,
            state: row.try_get("state")?,
        })
    };
    rows.iter().map(row).collect()
}

async fn stock(connection: &mut SqliteConnection) -> sqlx::Result<Stock> {
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

async fn points(connection: &mut SqliteConnection) -> sqlx::Result<Points> {
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

async fn orders(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Order>> {
    let rows = all(connection, queries::ORDERS).await?;
    let row = |row: &SqliteRow| {
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
