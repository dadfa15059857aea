//! The outbox on MySQL and MariaDB. The statements are those of `../queries.rs`; this module only says for which database.

use tercet_database::mysql::Db;

#[path = "../queries.rs"]
mod queries;
