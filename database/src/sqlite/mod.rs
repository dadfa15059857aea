//! SQLite: one file, one writing connection, WAL, and a flush to disk with every commit.

mod class;
#[path = "dialect/queries.rs"]
mod dialect;
mod migrate;
#[path = "../queries.rs"]
mod queries;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

pub(crate) use class::class;

use crate::{Connections, ErrorClass, OpenError, Schema, SchemaState, classify};

/// The database that `queries.rs` files mounted below an `sqlite` module work with.
pub type Db = sqlx::Sqlite;

/// Open connections to an SQLite file.
pub type Database = Connections<Db>;

/// How long a statement waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long work waits for a free connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements kept for each connection.
const STATEMENT_CACHE: usize = 256;

/// How an SQLite file is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file; its folder is made when it doesn't exist.
    pub path: PathBuf,
    /// How many connections read at the same time, at least 1.
    pub readers: u32,
    /// How long a statement waits for another process that is writing.
    pub busy_timeout: Duration,
}

impl Options {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 4,
            busy_timeout: BUSY_TIMEOUT,
        }
    }

    fn connection(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .busy_timeout(self.busy_timeout)
            .journal_mode(SqliteJournalMode::Wal)
            // A decision that was answered must survive the loss of power.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENT_CACHE)
            .disable_statement_logging()
    }
}

/// Opens an SQLite file, making it and its folder when they don't exist, and checks that it can be written.
///
/// # Errors
///
/// [`OpenError`] names the file and the cause in one line.
pub async fn connect(options: &Options) -> Result<Database, OpenError> {
    let path = &options.path;
    make_folder(path)?;
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .max_lifetime(None)
        .idle_timeout(None)
        // SQLite undoes a transaction by itself after some errors (disk full, IO); the driver doesn't notice, and would
        // refuse every later BEGIN on that connection. Such a connection is closed, and another one takes its place.
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
        .connect_with(options.connection())
        .await
        .map_err(|source| open_error(path, source))?;
    let reader = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .max_lifetime(None)
        // Not SQLITE_OPEN_READONLY: a reader of a WAL file has to write the file's shared memory.
        .connect_lazy_with(options.connection().pragma("query_only", "ON"));
    let database = Connections::new(writer, reader, dialect::BEGIN);
    match check_writable(&database).await {
        Ok(()) => Ok(database),
        Err(source) => {
            database.close().await;
            Err(open_error(path, source))
        }
    }
}

/// Opens the file `path` for somebody who works with `schema`: makes the tables of an empty one, and refuses one whose
/// tables this version doesn't work with.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn open(schema: &Schema, path: &Path) -> Result<Database, OpenError> {
    let database = connect(&Options::new(path)).await?;
    match schema.ensure(&database).await {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error.into())
        }
    }
}

/// Creates or upgrades the tables of `schema` in the file `path`; safe to run twice, and from two processes at once.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn migrate(schema: &Schema, path: &Path) -> Result<SchemaState, OpenError> {
    let database = connect(&Options::new(path)).await?;
    let migrated = schema.migrate(&database).await;
    database.close().await;
    Ok(migrated?)
}

/// A file that was opened but can't be written shows itself only at the first write.
async fn check_writable(database: &Database) -> Result<(), sqlx::Error> {
    match database.begin().await {
        Ok(transaction) => transaction.rollback().await,
        // Somebody else is writing, so it can be written.
        Err(error) if classify(&error) == ErrorClass::Busy => Ok(()),
        Err(error) => Err(error),
    }
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    })
}

fn open_error(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    match classify(&source) {
        ErrorClass::ReadOnly => OpenError::ReadOnly { path },
        _ if class::is_not_a_database(&source) => OpenError::NotADatabase { path, source },
        _ if class::cannot_open(&source) && folder_is_read_only(&path) => {
            OpenError::ReadOnly { path }
        }
        _ => OpenError::Open { path, source },
    }
}

/// SQLite says only "unable to open database file" when the folder can't be written.
fn folder_is_read_only(path: &Path) -> bool {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    !path.exists()
        && folder
            .metadata()
            .is_ok_and(|folder| folder.permissions().readonly())
}
