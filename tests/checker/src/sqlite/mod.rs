//! Reads SQLite files. Each file is read in one SQL transaction, read-only: files of a process that was killed are read
//! with their `-wal` as the next process would read them, and left as they are.

mod queries;
#[path = "../tables.rs"]
mod tables;

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection as Connection, SqliteRow as Row};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::places::Service;
use crate::snapshot::Snapshot;

/// Opens a file, looks whether it is whole, and reads it in one SQL transaction.
pub(crate) async fn read(
    file: &Path,
    service: Service,
    snapshot: &mut Snapshot,
) -> sqlx::Result<()> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::query(queries::BEGIN).execute(&mut connection).await?;
    let found = sqlx::query(queries::INTEGRITY).fetch_all(&mut connection);
    for row in found.await? {
        let found: String = row.try_get(0)?;
        if found != "ok" {
            let damage = format!("{}: {found}", file.display());
            snapshot.damaged.push(damage);
        }
    }
    tables::read(&mut connection, service, snapshot).await?;
    sqlx::query(queries::COMMIT)
        .execute(&mut connection)
        .await?;
    connection.close().await
}
