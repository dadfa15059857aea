//! Which tables a program works with, whatever database they are in.

use core::future::Future;

use sqlx::Database;
use sqlx::migrate::Migrator;

use crate::{Connections, SchemaError, SchemaState};

/// The schema that a program was built for.
#[derive(Debug)]
pub struct Schema {
    /// Whose tables these are, so that nobody opens somebody else's database; for instance `coordinator`.
    pub name: &'static str,
    /// The embedded migrations of the database in question; the last one's number is the schema's version.
    pub migrator: Migrator,
    /// The oldest version of the program that may work with these tables.
    pub readable_from: i64,
}

/// A database whose tables can be checked and brought up to date.
pub trait Migratable: Database {
    /// How the tables relate to `schema`. Changes nothing.
    fn check(
        schema: &Schema,
        database: &Connections<Self>,
    ) -> impl Future<Output = Result<SchemaState, SchemaError>> + Send;

    /// Brings the tables up to date, and says what was there before.
    fn migrate(
        schema: &Schema,
        database: &Connections<Self>,
    ) -> impl Future<Output = Result<SchemaState, SchemaError>> + Send;
}

impl Schema {
    /// The version that this program was built for.
    pub fn version(&self) -> i64 {
        self.migrator
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0)
    }

    /// How the tables of `database` relate to this program. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`SchemaError::TooNew`] and [`SchemaError::Foreign`] for tables that this program must not touch.
    pub async fn check<DB: Migratable>(
        &self,
        database: &Connections<DB>,
    ) -> Result<SchemaState, SchemaError> {
        DB::check(self, database).await
    }

    /// Creates or upgrades the tables. Safe to run twice, and from several processes at the same time.
    ///
    /// # Errors
    ///
    /// As [`Schema::check`]; besides, whatever a migration does wrong. The schema is then as it was, or (on a server,
    /// which commits each change of a table by itself) complete up to some migration, and another run goes on there.
    pub async fn migrate<DB: Migratable>(
        &self,
        database: &Connections<DB>,
    ) -> Result<SchemaState, SchemaError> {
        let before = DB::migrate(self, database).await?;
        if matches!(before, SchemaState::Empty | SchemaState::Older { .. }) {
            tracing::info!(
                schema = self.name,
                version = self.version(),
                ?before,
                "database schema migrated"
            );
        }
        Ok(before)
    }

    /// For a server that starts: creates the tables of an empty database, and checks those of any other.
    ///
    /// # Errors
    ///
    /// [`SchemaError::TooOld`] besides those of [`Schema::migrate`]: an upgrade is a person's decision.
    pub async fn ensure<DB: Migratable>(
        &self,
        database: &Connections<DB>,
    ) -> Result<(), SchemaError> {
        match self.check(database).await? {
            SchemaState::Empty => self.migrate(database).await.map(|_| ()),
            SchemaState::Older { found } => Err(SchemaError::TooOld {
                name: self.name,
                found,
                own: self.version(),
            }),
            SchemaState::Current | SchemaState::NewerReadable { .. } => Ok(()),
        }
    }

    /// What the row of `schema_version` means for this program; no row: nothing was ever finished here.
    pub(crate) fn compare(
        &self,
        row: Option<(String, i64, i64)>,
    ) -> Result<SchemaState, SchemaError> {
        let Some((found_name, found, readable_from)) = row else {
            return Ok(SchemaState::Empty);
        };
        let (name, own) = (self.name, self.version());
        if found_name != name {
            return Err(SchemaError::Foreign {
                name,
                found: found_name,
            });
        }
        match found.cmp(&own) {
            core::cmp::Ordering::Less => Ok(SchemaState::Older { found }),
            core::cmp::Ordering::Equal => Ok(SchemaState::Current),
            core::cmp::Ordering::Greater if own >= readable_from => {
                Ok(SchemaState::NewerReadable { found })
            }
            core::cmp::Ordering::Greater => Err(SchemaError::TooNew {
                name,
                found,
                readable_from,
                own,
            }),
        }
    }

    pub(crate) const fn database_error(&self, source: sqlx::Error) -> SchemaError {
        SchemaError::Database {
            name: self.name,
            source,
        }
    }
}
