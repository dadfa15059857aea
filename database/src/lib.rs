//! Connecting, session settings, classes of SQL errors and migrations: what every crate with SQL of its own shares.
//!
//! It must never know a table of anybody but the migrations' own, and never decide whether to repeat a statement:
//! it says what an error means ([`ErrorClass`]), and its callers know what they were doing.
//!
//! # Two databases without writing twice
//!
//! Everything that differs between databases stands in a module named after the database, under the same names (`Db`,
//! `Database`, `Options`, `connect`, `open`, `migrate`). What both take alike is one file that uses `super::{Db, dialect}` and is
//! mounted once in each. In this crate and in every crate with SQL of its own:
//!
//! ```text
//! src/queries.rs                  the statements that both take, with `?` placeholders
//! src/sqlite/mod.rs               pub type Db = sqlx::Sqlite; #[path = "../queries.rs"] mod queries;
//! src/sqlite/dialect/queries.rs   what only SQLite takes
//! src/mysql/mod.rs                pub type Db = sqlx::MySql;  the same names again
//! src/mysql/dialect/queries.rs    what only MySQL and MariaDB take
//! ```
//!
//! Where to go next: [`DatabaseUrl`] for what a configuration names, [`sqlite::connect`] and
//! [`mysql::connect`] to open it, [`Schema`] to
//! bring its tables up to date, [`ErrorClass`] for what went wrong, [`HolderLock`] for "only one process".

mod connections;
mod error;
mod give_back;
mod holder;
pub mod mysql;
mod schema;
mod schema_state;
pub mod sqlite;
mod url;

pub use connections::Connections;
pub use error::{ErrorClass, OpenError, classify};
pub use give_back::give_back;
pub use holder::{Holder, HolderError, HolderLock};
pub use schema::{Migratable, Schema};
pub use schema_state::{SchemaError, SchemaState};
pub use url::{DatabaseUrl, MySqlUrl, Tls, TlsMode, UrlError, mask};
