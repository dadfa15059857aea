//! What the tests stand on: participants that do as they are told, and a coordinator between them.

mod build;
mod fake;
mod freezable;
mod replicas;
mod world;

pub(crate) use build::{branch, execute, json_branch, options, with_timeout};
pub(crate) use fake::{Behaviour, Fake, Seen};
pub(crate) use replicas::{Replica, Replicas};
pub(crate) use world::{World, refusal};

use std::time::Duration;

/// Nothing in these tests takes this long unless it never happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The value of a future that must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
