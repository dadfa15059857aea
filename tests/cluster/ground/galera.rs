//! What everything stands on: three nodes of a Galera cluster, a coordinator's log on each, and the participants'
//! databases on the first.

use std::path::Path;

use tercet_checker::Service;
use tercet_test_databases::{Galera, NODES};

use crate::harness::databases::Databases;

/// The nodes. Faults are done to them directly.
pub(crate) type Ground = Galera;

/// A cluster with empty databases, and the node of each of three coordinators. None, after one line, where no cluster can
/// be had.
pub(crate) async fn start(folder: &Path) -> Option<(Ground, Databases, [String; 3])> {
    let cluster = Galera::get().await?;
    let databases = Databases::on(cluster.node(0), folder).await;
    // No process starts before its node knows whom to let in.
    cluster
        .everywhere(databases.url(Service::Coordinator))
        .await;
    let addresses: Vec<String> = (0..NODES)
        .map(|node| cluster.node(node).address())
        .collect();
    let addresses = addresses.try_into().expect("as many nodes as coordinators");
    Some((cluster, databases, addresses))
}

/// Waits until whoever reads the databases from outside reads everything that was answered.
pub(crate) async fn caught_up(cluster: &Ground) {
    cluster.caught_up(0).await;
}
