//! Which tables a database has, and bringing them up to date. Mounted once for each database.
//!
//! Migrations only add within a major version, so an older program may work with a newer schema: the database says
//! from which version on (`readable_from`). Everything happens in one SQL transaction that takes the write lock
//! first, so two processes that migrate at once follow one another, and a crash leaves the old schema whole. (Where
//! the database commits DDL by itself, its dialect has to bring a lock of its own.)

use sqlx::migrate::Migrator;

use super::{Database, Db, dialect, queries};
use crate::{SchemaError, SchemaState};

/// The schema that a program was built for.
#[derive(Debug)]
pub struct Schema {
    /// Whose tables these are, so that nobody opens somebody else's file; for instance `coordinator`.
    pub name: &'static str,
    /// The embedded migrations; the last one's number is the schema's version.
    pub migrator: Migrator,
    /// The oldest version of the program that may work with these tables.
    pub readable_from: i64,
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
    pub async fn check(&self, database: &Database) -> Result<SchemaState, SchemaError> {
        let mut connection = database
            .reader()
            .acquire()
            .await
            .map_err(|source| self.database_error(source))?;
        self.state(&mut connection).await
    }

    /// Creates or upgrades the tables. Safe to run twice, and from two processes at the same time.
    ///
    /// # Errors
    ///
    /// As [`Schema::check`]; besides, whatever a migration does wrong. The schema is then as it was.
    pub async fn migrate(&self, database: &Database) -> Result<SchemaState, SchemaError> {
        let mut transaction = database
            .begin()
            .await
            .map_err(|source| self.database_error(source))?;
        let before = self.state(&mut transaction).await?;
        if matches!(before, SchemaState::Empty | SchemaState::Older { .. }) {
            self.upgrade(&mut transaction).await?;
            transaction
                .commit()
                .await
                .map_err(|source| self.database_error(source))?;
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
    pub async fn ensure(&self, database: &Database) -> Result<(), SchemaError> {
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

    async fn state(
        &self,
        connection: &mut <Db as sqlx::Database>::Connection,
    ) -> Result<SchemaState, SchemaError> {
        let exists: i64 = sqlx::query_scalar(dialect::SCHEMA_VERSION_EXISTS)
            .fetch_one(&mut *connection)
            .await
            .map_err(|source| self.database_error(source))?;
        if exists == 0 {
            return Ok(SchemaState::Empty);
        }
        let row: Option<(String, i64, i64)> = sqlx::query_as(queries::READ_SCHEMA_VERSION)
            .fetch_optional(&mut *connection)
            .await
            .map_err(|source| self.database_error(source))?;
        row.map_or(Ok(SchemaState::Empty), |(name, found, readable_from)| {
            self.compare(name, found, readable_from)
        })
    }

    fn compare(
        &self,
        found_name: String,
        found: i64,
        readable_from: i64,
    ) -> Result<SchemaState, SchemaError> {
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

    /// Runs inside the caller's SQL transaction: each migration becomes a savepoint of it.
    async fn upgrade(
        &self,
        connection: &mut <Db as sqlx::Database>::Connection,
    ) -> Result<(), SchemaError> {
        self.migrator
            .run_direct(None, &mut *connection, false)
            .await
            .map_err(|source| SchemaError::Migrate {
                name: self.name,
                source,
            })?;
        let written = async {
            sqlx::query(queries::CREATE_SCHEMA_VERSION)
                .execute(&mut *connection)
                .await?;
            sqlx::query(queries::DELETE_SCHEMA_VERSION)
                .execute(&mut *connection)
                .await?;
            sqlx::query(queries::INSERT_SCHEMA_VERSION)
                .bind(self.name)
                .bind(self.version())
                .bind(self.readable_from)
                .execute(&mut *connection)
                .await
        };
        written
            .await
            .map(|_| ())
            .map_err(|source| self.database_error(source))
    }

    const fn database_error(&self, source: sqlx::Error) -> SchemaError {
        SchemaError::Database {
            name: self.name,
            source,
        }
    }
}
