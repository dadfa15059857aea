//! Database URLs, parsed once at the border. Nothing here ever shows a password.

mod mask;
mod mysql;

use core::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use mask::mask;
pub use mysql::{MySqlUrl, Tls, TlsMode};

/// Which database a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file: `sqlite:path/to/file.db`.
    Sqlite(PathBuf),
    /// A database on a MySQL or MariaDB server: `mysql://user:password@host:port/database`.
    MySql(MySqlUrl),
}

/// Why a text isn't a database URL. No variant carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It names no kind of database at all.
    #[error(
        "a database url looks like sqlite:path/to/file.db or mysql://user:password@host:3306/database"
    )]
    NoScheme,
    /// A kind of database that Tercet doesn't know.
    #[error(
        "{scheme}: is no database that Tercet knows; use sqlite:path/to/file.db or \
         mysql://user:password@host:3306/database"
    )]
    UnknownScheme {
        /// The scheme as given.
        scheme: String,
    },
    /// No file is named.
    #[error("the url names no file; use sqlite:path/to/file.db")]
    NoPath,
    /// An SQLite database in memory, or one with parameters.
    #[error(
        "the url must name a file and nothing else (found {found:?}): no memory database, no parameters"
    )]
    NotAFile {
        /// What stood in place of a file.
        found: String,
    },
    /// A part of a server's url is missing or can't be read.
    #[error("{masked}: {problem}")]
    Malformed {
        /// The URL without its password.
        masked: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl DatabaseUrl {
    /// Parses `sqlite:path` (or `sqlite://path`) and `mysql://user:password@host:port/database` (or `mariadb://`).
    ///
    /// # Errors
    ///
    /// [`UrlError`] says in one line what is wrong with it, never quoting a password.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() {
                    return Err(UrlError::NoPath);
                }
                if path.starts_with(":memory:") || path.contains('?') || path.contains('\0') {
                    return Err(UrlError::NotAFile {
                        found: path.to_owned(),
                    });
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            "mysql" | "mariadb" => MySqlUrl::parse(text).map(Self::MySql),
            _ => Err(UrlError::UnknownScheme {
                scheme: scheme.to_owned(),
            }),
        }
    }

    /// The file of an SQLite database; none for a server.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::MySql(_) => None,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// For people: a password is masked, so a server's url can't be parsed again.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::MySql(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_file_is_named_with_and_without_slashes() {
        for (text, path) in [
            ("sqlite:data/a.db", "data/a.db"),
            ("sqlite://data/a.db", "data/a.db"),
            ("sqlite:/var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:with space@and:colon.db", "with space@and:colon.db"),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!(url.sqlite_path(), Some(Path::new(path)), "{text}");
            assert_eq!(DatabaseUrl::parse(&url.to_string()).unwrap(), url);
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        assert_eq!(DatabaseUrl::parse("data/a.db"), Err(UrlError::NoScheme));
        assert_eq!(DatabaseUrl::parse("sqlite:"), Err(UrlError::NoPath));
        assert_eq!(DatabaseUrl::parse("sqlite://"), Err(UrlError::NoPath));
        assert!(matches!(
            DatabaseUrl::parse("sqlite::memory:"),
            Err(UrlError::NotAFile { .. })
        ));
        assert!(matches!(
            DatabaseUrl::parse("sqlite:a.db?mode=ro"),
            Err(UrlError::NotAFile { .. })
        ));
        assert!(matches!(
            DatabaseUrl::parse("postgres://h/d"),
            Err(UrlError::UnknownScheme { .. })
        ));
    }
}
