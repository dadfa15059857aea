//! The tables of a participant: the SDK's and its own, in one database and one schema.
//!
//! Migrations are numbered by the date and time they were written (`20261121000000_fence.sql`), so those of the
//! SDK and those of a participant never get in each other's way, and the highest number is always the newest.

use sqlx::migrate::Migrator;
use tercet_database::Schema;

/// The schema of the participant `name`: the SDK's migrations for one database, and the participant's own for the same.
pub(crate) fn join(name: &'static str, sdk: &Migrator, own: &Migrator) -> Schema {
    let mut migrations: Vec<_> = sdk.iter().chain(own.iter()).cloned().collect();
    migrations.sort_by_key(|migration| migration.version);
    Schema {
        name,
        migrator: Migrator::with_migrations(migrations),
        readable_from: 0,
    }
}
