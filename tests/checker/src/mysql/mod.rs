//! Reads a database on a MySQL or MariaDB server: in one SQL transaction that sees one moment and writes nothing.

mod queries;
#[path = "../tables.rs"]
mod tables;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection as Connection, MySqlRow as Row};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::places::Service;
use crate::snapshot::Snapshot;

/// Asks the server whether the tables are whole, and reads them in one SQL transaction.
pub(crate) async fn read(
    options: &MySqlConnectOptions,
    service: Service,
    snapshot: &mut Snapshot,
) -> sqlx::Result<()> {
    let options = options.clone().disable_statement_logging();
    let mut connection = options.connect().await?;
    let looked = sqlx::raw_sql(queries::integrity(service)).fetch_all(&mut connection);
    for row in looked.await? {
        let [table, kind, found] = [0, 2, 3].map(|column| row.try_get::<String, _>(column));
        let (table, kind, found) = (table?, kind?, found?);
        if kind != "status" || found != "OK" {
            snapshot.damaged.push(format!("{table}: {kind} {found}"));
        }
    }
    for statement in [queries::ONE_MOMENT, queries::BEGIN] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    tables::read(&mut connection, service, snapshot).await?;
    sqlx::raw_sql(queries::COMMIT)
        .execute(&mut connection)
        .await?;
    connection.close().await
}
