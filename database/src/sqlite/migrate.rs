//! Bringing the tables of a file up to date.
//!
//! Everything happens in one SQL transaction that takes the write lock first, so two processes that migrate at once
//! follow one another, and a crash leaves the old schema whole.

use sqlx::SqliteConnection;

use super::{Database, Db, dialect, queries};
use crate::schema::Migratable;
use crate::{Schema, SchemaError, SchemaState};

impl Migratable for Db {
    async fn check(schema: &Schema, database: &Database) -> Result<SchemaState, SchemaError> {
        let mut connection = database
            .reader()
            .acquire()
            .await
            .map_err(|source| schema.database_error(source))?;
        state(schema, &mut connection).await
    }

    async fn migrate(schema: &Schema, database: &Database) -> Result<SchemaState, SchemaError> {
        let mut transaction = database
            .begin()
            .await
            .map_err(|source| schema.database_error(source))?;
        let before = state(schema, &mut transaction).await?;
        if matches!(before, SchemaState::Empty | SchemaState::Older { .. }) {
            upgrade(schema, &mut transaction).await?;
            transaction
                .commit()
                .await
                .map_err(|source| schema.database_error(source))?;
        }
        Ok(before)
    }
}

async fn state(
    schema: &Schema,
    connection: &mut SqliteConnection,
) -> Result<SchemaState, SchemaError> {
    let read = async {
        let exists: i64 = sqlx::query_scalar(dialect::SCHEMA_VERSION_EXISTS)
            .fetch_one(&mut *connection)
            .await?;
        if exists == 0 {
            return Ok(None);
        }
        sqlx::query_as(queries::READ_SCHEMA_VERSION)
            .fetch_optional(&mut *connection)
            .await
    };
    let row = read.await.map_err(|source| schema.database_error(source))?;
    schema.compare(row)
}

/// Runs inside the caller's SQL transaction: each migration becomes a savepoint of it.
async fn upgrade(schema: &Schema, connection: &mut SqliteConnection) -> Result<(), SchemaError> {
    schema
        .migrator
        .run_direct(None, &mut *connection, false)
        .await
        .map_err(|source| SchemaError::Migrate {
            name: schema.name,
            source,
        })?;
    let written = async {
        sqlx::query(dialect::CREATE_SCHEMA_VERSION)
            .execute(&mut *connection)
            .await?;
        let raised = sqlx::query(queries::RAISE_SCHEMA_VERSION)
            .bind(schema.version())
            .bind(schema.readable_from)
            .bind(schema.version())
            .execute(&mut *connection)
            .await?;
        if raised.rows_affected() == 0 {
            sqlx::query(queries::INSERT_SCHEMA_VERSION)
                .bind(schema.name)
                .bind(schema.version())
                .bind(schema.readable_from)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    };
    written
        .await
        .map_err(|source| schema.database_error(source))
}
