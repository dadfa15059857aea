//! A participant on MySQL or MariaDB: the names that a service mounts its code with. [`crate::sqlite`] has the same
//! ones.
//!
//! Sessions are READ COMMITTED, wait a few seconds at most for a row's lock, and are ended by the server when a client
//! falls silent inside an SQL transaction, so a participant that freezes doesn't hold rows for long.

use sqlx::migrate::Migrator;
use tercet_database::Schema;
pub use tercet_database::mysql::{Database, Db, migrate, open};

static SDK: Migrator = sqlx::migrate!("../../migrations/participant/mysql");

/// The connection that actions and queries run on.
pub type Connection = <Db as sqlx::Database>::Connection;
/// What the configuration's URL names: a database on a server.
pub type Location = tercet_database::MySqlUrl;

/// The schema of the participant `name`, whose own migrations for MySQL are `own`.
pub fn schema(name: &'static str, own: &Migrator) -> Schema {
    crate::schema::join(name, &SDK, own)
}
