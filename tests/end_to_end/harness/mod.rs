//! Real processes, real files, real sockets: what the end-to-end tests stand on.
//!
//! - [`process`]: one `tercet` process: started, waited for, killed.
//! - [`shop`]: a coordinator and the three participants of the shop, each a process with a database of its own.
//! - [`databases`]: where these files are, or the databases on a server.
//! - [`queries`]: what is read from the coordinator's database.
//! - [`scripted`]: a participant whose every answer the test chooses, so that nothing has to be timed.
#![allow(
    dead_code,
    reason = "each test target that mounts it uses its own part"
)]

pub(crate) mod databases;
pub(crate) mod process;
pub(crate) mod queries;
pub(crate) mod scripted;
pub(crate) mod shop;

use std::time::Duration;

/// How long anything may take before a test gives up. A bound against hanging, never a measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for `future`, or fails saying what was waited for.
pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    let value = tokio::time::timeout(PATIENCE, future).await;
    value.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Asks again and again until `probe` gives something. Each question is a real call, so this doesn't spin.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    patiently(what, async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
