//! The order service on SQLite: `service.rs` and all it names, mounted for this database.

use sqlx::migrate::Migrator;
use tercet_participant::sqlite as database;

static OWN: Migrator = sqlx::migrate!("../../migrations/order/sqlite");

#[cfg(test)]
#[path = "tests/sqlite.rs"]
mod home;
#[path = "service.rs"]
mod service;
#[cfg(test)]
#[path = "tests/upgrade.rs"]
mod upgrade;
pub(super) use service::{migrate, serve};
