//! How the tables of a database relate to the program that opens it, whichever database it is.

use sqlx::migrate::MigrateError;

use crate::{ErrorClass, classify};

/// How the tables of a database relate to the [`Schema`](crate::Schema) of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// There are none.
    Empty,
    /// They are of an older version; `migrate` brings them up to date.
    Older {
        /// Their version.
        found: i64,
    },
    /// They are the ones of this program.
    Current,
    /// They are newer, and say that this program may work with them.
    NewerReadable {
        /// Their version.
        found: i64,
    },
}

/// Why the tables of a database can't be used, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer program has made them, and this one is too old for them.
    #[error(
        "the {name} database has schema version {found}, which needs a program of schema version {readable_from} or \
         later; this one has {own}: start a newer version of tercet"
    )]
    TooNew {
        /// Whose tables.
        name: &'static str,
        /// Their version.
        found: i64,
        /// The oldest program version that may work with them.
        readable_from: i64,
        /// The version of this program.
        own: i64,
    },
    /// They are older than this program.
    #[error(
        "the {name} database has schema version {found}, this program needs {own}: run `tercet migrate` first"
    )]
    TooOld {
        /// Whose tables.
        name: &'static str,
        /// Their version.
        found: i64,
        /// The version of this program.
        own: i64,
    },
    /// They belong to somebody else.
    #[error("this is the database of {found}, not of {name}: the url names the wrong file")]
    Foreign {
        /// Whose tables were expected.
        name: &'static str,
        /// Whose they are.
        found: String,
    },
    /// A migration failed; the schema is as it was.
    #[error("the {name} database could not be migrated: {source}")]
    Migrate {
        /// Whose tables.
        name: &'static str,
        /// What failed.
        source: MigrateError,
    },
    /// The schema couldn't be read or written.
    #[error("the schema of the {name} database could not be read: {source}")]
    Database {
        /// Whose tables.
        name: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
}

impl SchemaError {
    /// Whether waiting and trying again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { source, .. }
            | Self::Migrate {
                source: MigrateError::Execute(source),
                ..
            } => classify(source).is_retryable(),
            _ => false,
        }
    }

    /// The class of the SQL error behind it, if there is one.
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Database { source, .. } => Some(classify(source)),
            _ => None,
        }
    }
}
