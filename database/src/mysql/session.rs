//! What every connection to a server is told first, so that the server's own configuration changes nothing.
//!
//! - READ COMMITTED: no gap locks between batches, and a statement sees what was committed before it.
//! - Strict mode, set whole: without it a text that is too long is cut silently.
//! - Short waits for locks, so that a writer is never stuck behind one that is gone.
//! - A client that falls silent in the middle of an SQL transaction (frozen, or its machine lost) is thrown out by the
//!   server, which undoes what it had begun. Otherwise its row locks would hold for hours.

use core::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{Options, dialect};
use crate::{MySqlUrl, TlsMode};

/// Prepared statements kept for each connection.
const STATEMENT_CACHE: usize = 256;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It may write.
    Writing,
    /// The server refuses its writes.
    Reading,
}

/// How long the server waits for this client, and this client for locks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) lock_wait: Duration,
    pub(crate) client: Duration,
}

impl Limits {
    /// The server counts in seconds, and 0 wouldn't wait at all.
    pub(crate) fn lock_wait_seconds(&self) -> u64 {
        self.lock_wait.as_secs().max(1)
    }

    /// Rounded down: longer than was asked for would be too long.
    pub(crate) fn client_seconds(&self) -> u64 {
        self.client.as_secs().max(1)
    }
}

/// What matters of a server to the settings of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    /// MariaDB: an SQL transaction that stands idle is ended before the connection is.
    pub(crate) has_idle_transaction_timeout: bool,
    /// A node of a Galera cluster.
    pub(crate) is_galera: bool,
}

impl Server {
    async fn of(connection: &mut MySqlConnection) -> Result<Self, sqlx::Error> {
        let variables: Vec<(String, String)> = sqlx::query_as(dialect::SERVER)
            .persistent(false)
            .fetch_all(connection)
            .await?;
        let mut server = Self::default();
        for (name, value) in variables {
            match name.as_str() {
                "idle_transaction_timeout" => server.has_idle_transaction_timeout = true,
                "wsrep_on" => server.is_galera = value.eq_ignore_ascii_case("on"),
                _ => {}
            }
        }
        Ok(server)
    }
}

/// Says all settings to a new connection.
pub(crate) async fn prepare(
    connection: &mut MySqlConnection,
    limits: &Limits,
    usage: Use,
) -> Result<(), sqlx::Error> {
    let server = Server::of(connection).await?;
    let settings = dialect::session_settings(limits, &server);
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(settings)))
        .await?;
    connection
        .execute(sqlx::raw_sql(dialect::isolation(usage)))
        .await?;
    Ok(())
}

/// The driver's options for `url`: nothing of its own, all settings are [`prepare`]'s.
pub(crate) fn driver_options(url: &MySqlUrl) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .host(&url.host)
        .port(url.port)
        .username(&url.user)
        .database(&url.database)
        .ssl_mode(match url.tls.mode {
            TlsMode::Disabled => MySqlSslMode::Disabled,
            TlsMode::Preferred => MySqlSslMode::Preferred,
            TlsMode::Required => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        })
        .statement_cache_capacity(STATEMENT_CACHE)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    if let Some(password) = &url.password {
        options = options.password(password);
    }
    if let Some(socket) = &url.socket {
        options = options.socket(socket);
    }
    if let Some(ca) = &url.tls.ca {
        options = options.ssl_ca(ca);
    }
    if let Some((cert, key)) = url.tls.cert.as_ref().zip(url.tls.key.as_ref()) {
        options = options.ssl_client_cert(cert).ssl_client_key(key);
    }
    options
}

/// One connection outside of any pool, with all settings said. Dropped, its socket is closed and the server undoes
/// what it had begun.
///
/// # Errors
///
/// Those of the driver; no answer within the time for acquiring a connection is `PoolTimedOut`.
pub async fn connection(options: &Options, usage: Use) -> Result<MySqlConnection, sqlx::Error> {
    let opened = async {
        let mut connection = driver_options(&options.url).connect().await?;
        prepare(&mut connection, &options.limits(), usage).await?;
        Ok(connection)
    };
    match tokio::time::timeout(options.acquire_timeout, opened).await {
        Ok(opened) => opened,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}
