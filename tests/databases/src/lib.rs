//! Database servers for tests: each test gets a database of its own, each fault test a server of its own.
//!
//! ```no_run
//! # async fn test() {
//! let Some(server) = tercet_test_databases::Server::shared().await else { return };
//! let url = server.database("my_test").await; // mysql://root@127.0.0.1:40123/tercet_test_my_test_…
//! # }
//! ```
//!
//! MariaDB comes from the distribution's packages into `build/mariadb`, without root and without installing anything
//! ([`fetch`]), or is the one that is installed; MySQL proper comes from Debian unstable, where that can be reached, and [`Galera`] is three MariaDB servers that are one. A server runs in a temporary folder on a free port of this machine only. It
//! is gone with the value that stands for it, and with the process however that ends (`process`): nothing here
//! ever ends a process that it didn't start. `TERCET_TEST_MYSQL_URL` names a server that is there already; the shared
//! one is then that one.
//!
//! What can't be had is one line on standard output and `None`; with `CI` set it is a panic: a test that didn't run has not
//! passed. This must never be used outside of tests: the servers have no password.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the crate is part of tests, where a panic with its place is the best report"
)]

mod error;
pub mod fetch;
mod galera;
mod private;
mod process;
mod queries;
mod server;

pub use error::Error;
pub use fetch::Kind;
pub use galera::{Galera, Held, NODES};
pub use private::{Options, PrivateServer};
pub use server::{Server, VARIABLE};

/// What a test does with a server that isn't to be had everywhere: one line and none, under `CI` as well.
pub fn where_it_can_be_had<T>(server: Result<T, Error>) -> Option<T> {
    match server {
        Ok(server) => Some(server),
        Err(Error::Missing(what)) => {
            println!("skipped: {what}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// What a test does with a server that could not be had: one line and none. Under `CI`, and where a server is there but
/// doesn't work, a panic.
pub fn or_skip<T>(server: Result<T, Error>) -> Option<T> {
    match server {
        Ok(server) => Some(server),
        Err(Error::Missing(what)) if std::env::var_os("CI").is_none() => {
            println!("skipped: {what}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
