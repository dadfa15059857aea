//! Opening the log that a configuration names.

use core::time::Duration;
use std::sync::Arc;

use tercet_core::Timestamp;
pub use tercet_database::{DatabaseUrl, OpenError, SchemaState, UrlError};

use crate::TransactionLog;
use crate::mysql::{self, MySqlStore};
use crate::sqlite::{self, SqliteStore};

/// How a log that is shared over a network is opened. A file has no use for it.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// How many lanes are written at the same time, at least 1.
    pub lanes: u16,
    /// After this time of silence inside an SQL transaction the server throws this process out; whole seconds, and less
    /// than half of the time after which others take over.
    pub client_timeout: Duration,
}

impl Default for StoreOptions {
    /// One lane, 5 s.
    fn default() -> Self {
        Self {
            lanes: 1,
            client_timeout: Duration::from_secs(5),
        }
    }
}

/// Opens the log at `url` for the process that others reach at `endpoint`: creates the tables of an empty database. In a
/// file it fences the session before; on a server only one of the same endpoint, which can't be another process's any more.
/// What fenced sessions have left open is adopted. `opened_at` is for people.
///
/// # Errors
///
/// [`OpenError`] in one line for people; [`OpenError::is_retryable`] says whether waiting may help.
pub async fn open(
    url: &DatabaseUrl,
    endpoint: impl Into<String>,
    opened_at: Timestamp,
    options: &StoreOptions,
) -> Result<Arc<dyn TransactionLog>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(
            SqliteStore::open(path, endpoint, opened_at).await?,
        )),
        DatabaseUrl::MySql(url) => {
            let connecting = tercet_database::mysql::Options {
                client_timeout: options.client_timeout,
                ..tercet_database::mysql::Options::new(url.clone())
            };
            let store = MySqlStore::open(&connecting, options.lanes, endpoint, opened_at).await?;
            store.succeed().await?;
            Ok(Arc::new(store))
        }
    }
}

/// Creates or upgrades the tables of the log at `url`, and says what was there before. Safe to run twice, and from two
/// processes at once.
///
/// # Errors
///
/// [`OpenError`] in one line for people.
pub async fn migrate(url: &DatabaseUrl) -> Result<SchemaState, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path).await,
        DatabaseUrl::MySql(url) => mysql::migrate(url).await,
    }
}
