//! Bringing the tables of a server's database up to date, also when several machines do so at once.
//!
//! DDL commits by itself here, so no SQL transaction holds a migration together; and no lock of the server is one for
//! all: sqlx's own is none on MariaDB, and on Galera every lock is a node's. So each migration is one statement, and each is
//! **claimed** by inserting a row: whoever inserts it runs the statement and raises the row's beat meanwhile, all others
//! wait. When the beat stands still for [`LEASE`] on the waiting process's own clock, the claim is taken over by a
//! conditional update and the statement is run again; "exists already" is then the answer that was hoped for. The claims
//! are not needed for being right, only for being quiet: two that run one statement at once get in nobody's way.
//!
//! What must never happen here: a version in `schema_version` that some migration below it hasn't reached.

use core::time::Duration;

use sqlx::migrate::{MigrateError, Migration};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::time::Instant;

use super::{Database, Db, dialect, queries};
use crate::schema::Migratable;
use crate::{ErrorClass, Schema, SchemaError, SchemaState, classify};

/// A claim whose beat stood still for so long is taken over.
const LEASE: Duration = Duration::from_secs(10);
/// Between two beats of a claim.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at somebody else's claim.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a statement is tried that fails for a passing reason.
const TRIES_MAX: u32 = 20;
/// The pause after the first failure; it grows with each.
const PAUSE: Duration = Duration::from_millis(50);
/// "There is such a table, column, index, foreign key, CHECK."
const EXISTS_ALREADY: [u16; 5] = [1050, 1060, 1061, 1826, 3822];

impl Migratable for Db {
    async fn check(schema: &Schema, database: &Database) -> Result<SchemaState, SchemaError> {
        state(schema, database).await
    }

    async fn migrate(schema: &Schema, database: &Database) -> Result<SchemaState, SchemaError> {
        let before = state(schema, database).await?;
        if matches!(
            before,
            SchemaState::Current | SchemaState::NewerReadable { .. }
        ) {
            return Ok(before);
        }
        let upgraded = begin(schema, database).await;
        upgraded.map_err(|source| schema.database_error(source))?;
        // Somebody else's tables may have come in between.
        state(schema, database).await?;
        let runner = Runner {
            database,
            name: uuid::Uuid::now_v7().to_string(),
        };
        for migration in schema.migrator.iter() {
            if !migration.migration_type.is_down_migration() {
                runner
                    .complete(migration)
                    .await
                    .map_err(|source| SchemaError::Migrate {
                        name: schema.name,
                        source,
                    })?;
            }
        }
        let raised = patiently(|| async {
            sqlx::query(queries::RAISE_SCHEMA_VERSION)
                .bind(schema.version())
                .bind(schema.readable_from)
                .bind(schema.version())
                .execute(database.writer())
                .await
        });
        raised
            .await
            .map_err(|source| schema.database_error(source))?;
        Ok(before)
    }
}

async fn state(schema: &Schema, database: &Database) -> Result<SchemaState, SchemaError> {
    let read = patiently(|| async {
        let exists: i64 = sqlx::query_scalar(dialect::TABLE_EXISTS)
            .bind("schema_version")
            .fetch_one(database.reader())
            .await?;
        if exists == 0 {
            return Ok(None);
        }
        sqlx::query_as(queries::READ_SCHEMA_VERSION)
            .fetch_optional(database.reader())
            .await
    });
    let row: Option<(String, i64, i64)> =
        read.await.map_err(|source| schema.database_error(source))?;
    let found = row.as_ref().map(|(_, version, _)| *version);
    let state = schema.compare(row)?;
    // A row of version 0 says whose tables these are going to be.
    Ok(if found == Some(0) {
        SchemaState::Empty
    } else {
        state
    })
}

/// Makes the tables that migrations are recorded in, and says whose database this is.
async fn begin(schema: &Schema, database: &Database) -> Result<(), sqlx::Error> {
    for statement in [
        dialect::CREATE_SCHEMA_VERSION,
        dialect::CREATE_SCHEMA_MIGRATION,
    ] {
        let created = patiently(|| database.writer().execute(statement)).await;
        match created {
            Err(error) if !exists_already(&error) => return Err(error),
            _ => {}
        }
    }
    let inserted = patiently(|| async {
        sqlx::query(queries::INSERT_SCHEMA_VERSION)
            .bind(schema.name)
            .bind(0_i64)
            .bind(0_i64)
            .execute(database.writer())
            .await
    });
    match inserted.await {
        Err(error) if classify(&error) != ErrorClass::UniqueViolation => Err(error),
        _ => Ok(()),
    }
}

/// A row of `schema_migration`.
#[derive(sqlx::FromRow)]
struct Claim {
    checksum: Vec<u8>,
    runner: String,
    beat: i64,
    done: bool,
}

/// This process, as claims name it.
struct Runner<'a> {
    database: &'a Database,
    name: String,
}

impl Runner<'_> {
    /// Returns once `migration` is done, by whomever.
    async fn complete(&self, migration: &Migration) -> Result<(), MigrateError> {
        let mut seen: Option<(String, i64, Instant)> = None;
        loop {
            let Some(claim) = self.read(migration).await? else {
                if self.claim(migration).await? {
                    self.run(migration, false).await?;
                }
                continue;
            };
            if claim.checksum != *migration.checksum {
                return Err(MigrateError::VersionMismatch(migration.version));
            }
            if claim.done {
                return Ok(());
            }
            let still = match &seen {
                Some((runner, beat, since)) if *runner == claim.runner && *beat == claim.beat => {
                    since.elapsed() >= LEASE
                }
                _ => {
                    seen = Some((claim.runner.clone(), claim.beat, Instant::now()));
                    false
                }
            };
            let abandoned = claim.runner.is_empty() || claim.runner == self.name;
            if !still && !abandoned {
                tokio::time::sleep(LOOK_EVERY).await;
            } else if self.take_over(migration, &claim).await? {
                tracing::warn!(
                    version = migration.version,
                    "going on with a migration that another process has begun"
                );
                self.run(migration, true).await?;
            }
        }
    }

    /// Runs the statement, and raises the beat meanwhile.
    async fn run(&self, migration: &Migration, again: bool) -> Result<(), MigrateError> {
        let statement = patiently(|| async {
            let text = AssertSqlSafe(migration.sql.as_str().to_owned());
            self.database.writer().execute(sqlx::raw_sql(text)).await
        });
        tokio::pin!(statement);
        let mut ticks = tokio::time::interval(BEAT_EVERY);
        let ran = loop {
            tokio::select! {
                ran = &mut statement => break ran,
                _ = ticks.tick() => self.beat(migration).await,
            }
        };
        match ran {
            Ok(_) => self.finish(migration).await,
            Err(error) if again && exists_already(&error) => self.finish(migration).await,
            Err(error) => {
                self.give_up(migration, &error).await;
                Err(MigrateError::ExecuteMigration(error, migration.version))
            }
        }
    }

    async fn read(&self, migration: &Migration) -> Result<Option<Claim>, sqlx::Error> {
        patiently(|| async {
            sqlx::query_as(dialect::READ_MIGRATION)
                .bind(migration.version)
                .fetch_optional(self.database.reader())
                .await
        })
        .await
    }

    /// False: somebody was first, or this very claim after a lost connection; reading it again tells.
    async fn claim(&self, migration: &Migration) -> Result<bool, sqlx::Error> {
        let claimed = patiently(|| async {
            sqlx::query(dialect::CLAIM_MIGRATION)
                .bind(migration.version)
                .bind(&*migration.description)
                .bind(&*migration.checksum)
                .bind(&self.name)
                .execute(self.database.writer())
                .await
        });
        match claimed.await {
            Ok(_) => Ok(true),
            Err(error) if classify(&error) == ErrorClass::UniqueViolation => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn take_over(&self, migration: &Migration, claim: &Claim) -> Result<bool, sqlx::Error> {
        let taken = patiently(|| async {
            sqlx::query(dialect::TAKE_MIGRATION_OVER)
                .bind(&self.name)
                .bind(migration.version)
                .bind(&claim.runner)
                .bind(claim.beat)
                .execute(self.database.writer())
                .await
        });
        Ok(taken.await?.rows_affected() == 1)
    }

    /// A beat that fails is a beat less: whoever takes over does no harm.
    async fn beat(&self, migration: &Migration) {
        let beat = sqlx::query(dialect::BEAT_MIGRATION)
            .bind(migration.version)
            .bind(&self.name)
            .execute(self.database.writer());
        if let Err(error) = beat.await {
            tracing::debug!(%error, "the claim of a migration could not be renewed");
        }
    }

    /// Matches nothing where somebody has taken over, who then does the same.
    async fn finish(&self, migration: &Migration) -> Result<(), MigrateError> {
        patiently(|| async {
            sqlx::query(dialect::FINISH_MIGRATION)
                .bind(migration.version)
                .bind(&self.name)
                .execute(self.database.writer())
                .await
        })
        .await?;
        Ok(())
    }

    /// What certainly wasn't run is forgotten; what may have been run is left for the next one to go on with.
    async fn give_up(&self, migration: &Migration, error: &sqlx::Error) {
        let statement = if may_have_run(error) {
            dialect::RELEASE_MIGRATION
        } else {
            dialect::FORGET_MIGRATION
        };
        let given_up = sqlx::query(statement)
            .bind(migration.version)
            .bind(&self.name)
            .execute(self.database.writer());
        if let Err(error) = given_up.await {
            tracing::debug!(%error, "the claim of a migration could not be given back");
        }
    }
}

/// The server said no to the statement itself, or nobody knows.
fn may_have_run(error: &sqlx::Error) -> bool {
    !classify(error).is_definite() && error.as_database_error().is_none()
}

fn exists_already(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .is_some_and(|error| EXISTS_ALREADY.contains(&error.number()))
}

/// Runs a statement again that failed for a passing reason. Each of them may be: they are conditional, or say that what
/// they make exists.
async fn patiently<T, F>(mut statement: impl FnMut() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let mut tries = 1;
    loop {
        match statement().await {
            Err(error) if tries < TRIES_MAX && classify(&error).is_retryable() => {
                tracing::debug!(%error, tries, "a statement of a migration is tried again");
                tokio::time::sleep(PAUSE * tries).await;
                tries += 1;
            }
            answer => return answer,
        }
    }
}
