//! A participant on SQLite: the names that a service mounts its code with. [`crate::mysql`] has the same ones.

use std::path::Path;

use sqlx::migrate::Migrator;
use tercet_database::Schema;
pub use tercet_database::sqlite::{Database, Db, migrate, open};

static SDK: Migrator = sqlx::migrate!("../../migrations/participant/sqlite");

/// The connection that actions and queries run on.
pub type Connection = <Db as sqlx::Database>::Connection;
/// What the configuration's URL names: a file.
pub type Location = Path;

/// The schema of the participant `name`, whose own migrations for SQLite are `own`.
pub fn schema(name: &'static str, own: &Migrator) -> Schema {
    crate::schema::join(name, &SDK, own)
}
