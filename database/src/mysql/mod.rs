//! MySQL and MariaDB: a bounded pool, settings said to each connection, and servers that come and go.
//!
//! The server may be a plain one or a node of a cluster that speaks its protocol. Whatever is lost with a connection
//! is undone by the server; whoever works with one decides whether to do it again. The pool finds the server again by
//! itself when it comes back.

mod class;
mod create;
#[path = "dialect/queries.rs"]
mod dialect;
mod migrate;
#[path = "../queries.rs"]
mod queries;
mod safety;
mod session;
#[cfg(test)]
mod tests;

use core::time::Duration;

use sqlx::Connection as _;
use sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use sqlx::pool::PoolConnectionMetadata;

pub(crate) use class::class;
pub use create::{CreateError, create};
pub use session::{Use, connection};

use crate::{Connections, MySqlUrl, OpenError, Schema, SchemaState};
use session::{Limits, driver_options, prepare};

/// The database that `queries.rs` files mounted below a `mysql` module work with.
pub type Db = sqlx::MySql;

/// Open connections to a database on a server.
pub type Database = Connections<Db>;

/// A connection that stood idle for longer is asked whether it still lives before it is used.
const PING_AFTER: Duration = Duration::from_millis(500);

/// How a database on a server is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is.
    pub url: MySqlUrl,
    /// How many connections write at the same time, at least 1.
    pub connections: u32,
    /// How many connections only read at the same time, at least 1. They are opened when they are needed.
    pub readers: u32,
    /// How long work waits for a free connection, the making of a new one included. 1 to 3 s: a server that is gone should be
    /// found out about before callers have given up.
    pub acquire_timeout: Duration,
    /// How long a statement waits for a row that another one has locked; whole seconds, 1 to 3.
    pub lock_wait: Duration,
    /// After this time of silence inside an SQL transaction the server throws this client out and undoes what it had begun
    /// (MariaDB; on MySQL also outside of one, so idle connections are made anew). Whole seconds, at least 1, and less
    /// than half of the time after which a cluster takes over.
    pub client_timeout: Duration,
}

impl Options {
    /// The defaults for `url`: 8 connections for writing, 4 for reading, 2 s, 2 s and 5 s.
    pub const fn new(url: MySqlUrl) -> Self {
        Self {
            url,
            connections: 8,
            readers: 4,
            acquire_timeout: Duration::from_secs(2),
            lock_wait: Duration::from_secs(2),
            client_timeout: Duration::from_secs(5),
        }
    }

    const fn limits(&self) -> Limits {
        Limits {
            lock_wait: self.lock_wait,
            client: self.client_timeout,
        }
    }

    fn pool(&self, usage: Use) -> MySqlPoolOptions {
        let limits = self.limits();
        // The server ends idle connections, and ours should be gone before.
        let stale_after = self.client_timeout / 2;
        MySqlPoolOptions::new()
            .min_connections(0)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(stale_after)
            .max_lifetime(None)
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                Box::pin(is_usable(connection, metadata, stale_after))
            })
            .after_connect(move |connection, _| {
                Box::pin(async move { prepare(connection, &limits, usage).await })
            })
    }
}

/// A connection that lost its server shows it only when it is used: after a pause it is asked first.
async fn is_usable(
    connection: &mut MySqlConnection,
    metadata: PoolConnectionMetadata,
    stale_after: Duration,
) -> Result<bool, sqlx::Error> {
    if metadata.idle_for >= stale_after {
        return Ok(false);
    }
    if metadata.idle_for >= PING_AFTER {
        return Ok(connection.ping().await.is_ok());
    }
    Ok(true)
}

/// Opens a database on a server, and checks that it answers.
///
/// # Errors
///
/// [`OpenError`] names the database, without the password, and the cause in one line.
pub async fn connect(options: &Options) -> Result<Database, OpenError> {
    // Outside of the pool, which would hide a refused connection behind its time-out.
    let first = connection(options, Use::Writing)
        .await
        .map_err(|source| open_error(options, source))?;
    // Whether it hears the good-bye is all the same to the server.
    let _ = first.close().await;
    let driver = driver_options(&options.url);
    let writer = options
        .pool(Use::Writing)
        .max_connections(options.connections.max(1))
        .connect_lazy_with(driver.clone());
    let reader = options
        .pool(Use::Reading)
        .max_connections(options.readers.max(1))
        .connect_lazy_with(driver);
    Ok(Connections::new(writer, reader, dialect::BEGIN))
}

/// Opens the database at `url` for somebody who works with `schema`: makes the tables of an empty one, and refuses one
/// whose tables this version doesn't work with, and a server that doesn't keep what it has committed.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn open(schema: &Schema, url: &MySqlUrl) -> Result<Database, OpenError> {
    open_with(schema, &Options::new(url.clone())).await
}

/// The same with options of one's own.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn open_with(schema: &Schema, options: &Options) -> Result<Database, OpenError> {
    let database = connect(options).await?;
    let opened = async {
        safety::check(&options.url, &database).await?;
        Ok(schema.ensure(&database).await?)
    };
    match opened.await {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// Creates or upgrades the tables of `schema` in the database at `url`; safe to run twice, and from several machines at
/// once.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn migrate(schema: &Schema, url: &MySqlUrl) -> Result<SchemaState, OpenError> {
    let database = connect(&Options::new(url.clone())).await?;
    let migrated = schema.migrate(&database).await;
    database.close().await;
    Ok(migrated?)
}

fn open_error(options: &Options, source: sqlx::Error) -> OpenError {
    let url = options.url.to_string();
    match source {
        sqlx::Error::PoolTimedOut => OpenError::NoAnswer {
            url,
            waited: options.acquire_timeout,
        },
        source => OpenError::Server { url, source },
    }
}
