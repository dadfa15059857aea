//! A connection on its way back to its pool.
//!
//! The pool looks whether a connection is well before it takes it back: a question to the server, and a wait for the answer
//! without end. Where the network has fallen silent meanwhile the place in the pool would be gone with the connection, for as
//! long as the kernel waits: hours. So nobody drops a connection out of a pool on a server: it is given back by this.

use core::time::Duration;

use sqlx::Database;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long the pool may take to look at a connection. Longer than a busy server needs for the shortest of all questions.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Gives a connection back to its pool, in the background. One that gives no sign of life is closed, and its place in the
/// pool is free again.
pub fn give_back<D: Database>(mut connection: PoolConnection<D>) {
    let Ok(runtime) = Handle::try_current() else {
        // Nobody can wait for an answer any more: it is closed.
        drop(connection.detach());
        return;
    };
    // What `PoolConnection` does when it is dropped, as a future that can be given up.
    let returned = connection.return_to_pool();
    runtime.spawn(async move {
        if timeout(LOOK_MAX, returned).await.is_err() {
            tracing::debug!("a connection that gave no sign of life is closed");
        }
    });
}
