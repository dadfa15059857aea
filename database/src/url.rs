//! Database URLs, parsed once at the border. Nothing here ever shows a password.

use core::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What stands in place of a secret.
const MASK: &str = "***";

/// Which database a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file: `sqlite:path/to/file.db`.
    Sqlite(PathBuf),
}

/// Why a text isn't a database URL. No variant carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It names no kind of database at all.
    #[error("a database url looks like sqlite:path/to/file.db")]
    NoScheme,
    /// A kind of database that Tercet doesn't know.
    #[error("{scheme}: is no database that Tercet knows; use sqlite:path/to/file.db")]
    UnknownScheme {
        /// The scheme as given.
        scheme: String,
    },
    /// A kind of database that is planned, but not built in this version.
    #[error(
        "{masked} names a MySQL or MariaDB database, which is not built yet; use sqlite:path/to/file.db"
    )]
    NotBuiltYet {
        /// The URL without its password.
        masked: String,
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
}

impl DatabaseUrl {
    /// Parses `sqlite:path` (or `sqlite://path`).
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
            "mysql" | "mariadb" => Err(UrlError::NotBuiltYet { masked: mask(text) }),
            _ => Err(UrlError::UnknownScheme {
                scheme: scheme.to_owned(),
            }),
        }
    }

    /// The file of an SQLite database.
    pub fn sqlite_path(&self) -> &Path {
        match self {
            Self::Sqlite(path) => path,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// `url` with its password and the values of its parameters replaced, for logs, errors and `config show`.
///
/// It works on any text, also on one that is no URL: better to mask too much than to show a secret. The password
/// ends at the last `@` before the path, since an unescaped one may contain an `@` itself.
pub fn mask(url: &str) -> String {
    let (front, parameters) = match url.split_once('?') {
        Some((front, parameters)) => (front, Some(parameters)),
        None => (url, None),
    };
    let mut masked = match (front.find("://"), front.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let user_and_password = &front[scheme + 3..at];
            let user = user_and_password
                .split_once(':')
                .map_or(user_and_password, |(user, _)| user);
            let secret = if user.len() < user_and_password.len() {
                format!(":{MASK}")
            } else {
                String::new()
            };
            format!("{}{user}{secret}{}", &front[..scheme + 3], &front[at..])
        }
        _ => front.to_owned(),
    };
    for (position, parameter) in parameters
        .into_iter()
        .flat_map(|all| all.split('&'))
        .enumerate()
    {
        let name = parameter
            .split_once('=')
            .map_or(parameter, |(name, _)| name);
        masked.push(if position == 0 { '?' } else { '&' });
        masked.push_str(name);
        masked.push('=');
        masked.push_str(MASK);
    }
    masked
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
            assert_eq!(url.sqlite_path(), Path::new(path), "{text}");
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

    #[test]
    fn mysql_is_refused_without_showing_its_password() {
        for text in [
            "mysql://tercet:hunter2@db:3306/tercet",
            "mariadb://tercet:hunter2@db/tercet",
        ] {
            let line = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(line.contains("not built yet"), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
            assert!(line.contains("tercet:***@db"), "{line}");
        }
    }

    #[test]
    fn a_mask_hides_every_secret() {
        for (url, masked) in [
            ("mysql://u:p@h/d", "mysql://u:***@h/d"),
            ("mysql://u:p@ss:w/ord@h/d", "mysql://u:***@h/d"),
            ("mysql://u@h/d", "mysql://u@h/d"),
            ("mysql://h/d?password=p&x", "mysql://h/d?password=***&x=***"),
            ("sqlite:a/b.db", "sqlite:a/b.db"),
        ] {
            assert_eq!(mask(url), masked);
        }
    }
}
