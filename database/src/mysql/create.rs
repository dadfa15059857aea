//! Making a database on a server, for whoever runs a system of its own for a while. Services never do this: theirs is made
//! by whoever runs the server.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use url::Url;

use super::{Options, Use, connection, dialect, open_error};
use crate::{MySqlUrl, OpenError, UrlError};

/// Why a database wasn't made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The server's url.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The server.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Not a name that needs no quotes.
    #[error("{0} is no name for a database: use small letters, digits and _")]
    Name(String),
}

impl CreateError {
    /// Whether waiting and trying again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Open(error) => error.is_retryable(),
            Self::Url(_) | Self::Name(_) => false,
        }
    }
}

/// Makes an empty database called `name` on the server of `server`, whose own database part is not looked at; answers the
/// url of the new one. One of that name that is there already is an error.
///
/// # Errors
///
/// [`CreateError`] in one line for people, without the password.
pub async fn create(server: &str, name: &str) -> Result<String, CreateError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(CreateError::Name(name.to_owned()));
    }
    let Ok(mut url) = Url::parse(server) else {
        // The parser of our own says it better, and never quotes the password.
        MySqlUrl::parse(server)?;
        return Err(CreateError::Name(name.to_owned()));
    };
    // Every server has this one.
    url.set_path("information_schema");
    let options = Options::new(MySqlUrl::parse(url.as_str())?);
    let opened = connection(&options, Use::Writing).await;
    let mut connection = opened.map_err(|source| open_error(&options, source))?;
    // The name was looked at above.
    let statement = sqlx::raw_sql(AssertSqlSafe(dialect::create_database(name)));
    let made = connection.execute(statement).await;
    made.map_err(|source| open_error(&options, source))?;
    let _ = connection.close().await;
    url.set_path(name);
    Ok(url.into())
}
