//! What everything stands on: one MariaDB server.

use std::path::Path;

use tercet_test_databases::{Options, PrivateServer};

use crate::harness::databases::Databases;

/// The server. Faults are done to it directly.
pub(crate) type Ground = PrivateServer;

/// A server with empty databases, and where each of three coordinators reaches it. None, after one line, where no server
/// can be had.
pub(crate) async fn start(folder: &Path) -> Option<(Ground, Databases, [String; 3])> {
    let server = PrivateServer::get(Options::default()).await?;
    let databases = Databases::on(&server, folder).await;
    let address = server.address();
    let addresses = [address.clone(), address.clone(), address];
    Some((server, databases, addresses))
}

/// Waits until whoever reads the databases from outside reads everything that was answered.
#[allow(
    clippy::unused_async,
    reason = "on several nodes there is something to wait for"
)]
pub(crate) async fn caught_up(_: &Ground) {}
