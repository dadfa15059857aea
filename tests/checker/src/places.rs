//! Where the databases are: files, databases on a server, or some of each.

use core::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::mysql::MySqlConnectOptions;

use crate::snapshot::Snapshot;
use crate::{mysql, sqlite};

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The coordinator's log.
    Coordinator,
    /// The order service's.
    Order,
    /// The points service's.
    Points,
    /// The stock service's.
    Stock,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Coordinator, Self::Order, Self::Points, Self::Stock];

    /// Its name, which is also that of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Order => "order",
            Self::Points => "points",
            Self::Stock => "stock",
        }
    }
}

/// One database. `Display` shows no password.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// A database on a server.
    MySql(Box<MySqlConnectOptions>),
}

impl FromStr for Place {
    type Err = sqlx::Error;

    /// `mysql://…`, `sqlite:FILE` or a file.
    fn from_str(text: &str) -> Result<Self, sqlx::Error> {
        if text.starts_with("mysql:") || text.starts_with("mariadb:") {
            return Ok(Self::MySql(Box::new(text.parse()?)));
        }
        let file = text.strip_prefix("sqlite:").unwrap_or(text);
        Ok(Self::Sqlite(PathBuf::from(file)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "{}", file.display()),
            Self::MySql(options) => write!(
                f,
                "mysql://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
        }
    }
}

/// The databases of a shop.
#[derive(Debug, Clone)]
pub struct Places([Place; 4]);

impl Places {
    /// The usual files of one folder.
    pub fn in_folder(folder: &Path) -> Self {
        let file = |service: Service| folder.join(format!("{}.db", service.name()));
        Self(Service::ALL.map(|service| Place::Sqlite(file(service))))
    }

    /// The database of `service` is elsewhere.
    #[must_use]
    pub fn with(mut self, service: Service, place: Place) -> Self {
        self.0[service as usize] = place;
        self
    }
}

/// Why a database can't be checked.
#[derive(Debug, thiserror::Error)]
#[error("can't read {place}: {source}")]
pub struct ReadError {
    /// Which.
    pub place: Place,
    /// Why not.
    pub source: sqlx::Error,
}

impl ReadError {
    /// Whether the same call may work later: somebody holds the file, or the server is away, for a moment.
    pub fn is_retryable(&self) -> bool {
        match &self.source {
            // SQLITE_BUSY and SQLITE_LOCKED.
            sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("5" | "6")),
            sqlx::Error::Io(_) => matches!(self.place, Place::MySql(_)),
            _ => false,
        }
    }
}

/// Reads everything.
///
/// # Errors
///
/// A database is missing or isn't what its migrations make.
pub async fn read(places: &Places) -> Result<Snapshot, ReadError> {
    let mut snapshot = Snapshot::default();
    for (service, place) in Service::ALL.into_iter().zip(&places.0) {
        let read = match place {
            Place::Sqlite(file) => sqlite::read(file, service, &mut snapshot).await,
            Place::MySql(options) => mysql::read(options, service, &mut snapshot).await,
        };
        read.map_err(|source| ReadError {
            place: place.clone(),
            source,
        })?;
    }
    Ok(snapshot)
}
