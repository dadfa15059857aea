//! Connecting, session settings, classes of SQL errors and migrations: what every crate with SQL of its own shares.
//!
//! It must never know a table of anybody but the migrations' own, and never decide whether to repeat a statement:
//! it says what an error means ([`ErrorClass`]), and its callers know what they were doing.
//!
//! # Two databases without writing twice
//!
//! Everything that differs between databases stands in a module named after the database, under the same names
//! (`Db`, `Database`, `connect`). A crate with SQL keeps its statements in one `queries.rs` that uses
//! `super::{Db, dialect}`, and mounts it once for each database:
//!
//! ```text
//! src/queries.rs            the statements, with `?` placeholders
//! src/sqlite/mod.rs         use tercet_database::sqlite::Db; #[path = "../queries.rs"] mod queries;
//! src/mysql/mod.rs          the same with mysql::Db, once that module exists here
//! ```
//!
//! Where to go next: [`DatabaseUrl`] for what a configuration names, [`sqlite::connect`] to open it, [`Schema`] to
//! bring its tables up to date, [`ErrorClass`] for what went wrong, [`HolderLock`] for "only one process".

mod connections;
mod error;
mod holder;
mod queries;
mod schema;
pub mod sqlite;
mod url;

pub use connections::Connections;
pub use error::{ErrorClass, OpenError, classify};
pub use holder::{Holder, HolderError, HolderLock};
pub use schema::{Schema, SchemaError, SchemaState};
pub use url::{DatabaseUrl, UrlError, mask};
