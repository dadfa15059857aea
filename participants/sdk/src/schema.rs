//! The tables of a participant: the fence's and its own, in one database and one schema.
//!
//! Migrations are numbered by the date and time they were written (`20261121000000_fence.sql`), so those of the
//! SDK and those of a participant never get in each other's way, and the highest number is always the newest.

use sqlx::migrate::Migrator;
use tercet_database::Schema;

static FENCE: Migrator = sqlx::migrate!("../../migrations/participant/sqlite");

/// The schema of the participant `name`, whose own migrations are `own`.
pub fn schema(name: &'static str, own: &Migrator) -> Schema {
    let migrations = FENCE.iter().chain(own.iter()).cloned().collect();
    Schema {
        name,
        migrator: Migrator::with_migrations(migrations),
        readable_from: 0,
    }
}
