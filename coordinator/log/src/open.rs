//! Opening the log that a configuration names.

use std::sync::Arc;

use tercet_core::Timestamp;
pub use tercet_database::{DatabaseUrl, OpenError, SchemaState, UrlError};

use crate::TransactionLog;
use crate::sqlite::{self, SqliteStore};

/// Opens the log at `url` for the process that others reach at `endpoint`: creates the tables of an empty database,
/// fences the session before and adopts its open transactions. `opened_at` is for people only.
///
/// # Errors
///
/// [`OpenError`] in one line for people; [`OpenError::is_retryable`] says whether waiting may help.
pub async fn open(
    url: &DatabaseUrl,
    endpoint: impl Into<String>,
    opened_at: Timestamp,
) -> Result<Arc<dyn TransactionLog>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(
            SqliteStore::open(path, endpoint, opened_at).await?,
        )),
        DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
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
        DatabaseUrl::MySql(_) => Err(not_built_yet(url)),
    }
}

fn not_built_yet(url: &DatabaseUrl) -> OpenError {
    OpenError::NotBuiltYet {
        what: "the transaction log",
        url: url.to_string(),
    }
}
