//! The outbox on SQLite. The statements are those of `../queries.rs`; this module only says for which database.

use tercet_database::sqlite::Db;

#[path = "../queries.rs"]
mod queries;
