//! The order service on MySQL or MariaDB: `service.rs` and all it names, mounted for this database.

use sqlx::migrate::Migrator;
use tercet_participant::mysql as database;

static OWN: Migrator = sqlx::migrate!("../../migrations/order/mysql");

#[cfg(test)]
#[path = "tests/mysql.rs"]
mod home;
#[path = "service.rs"]
mod service;
#[cfg(test)]
#[path = "tests/upgrade.rs"]
mod upgrade;
pub(super) use service::{migrate, serve};
