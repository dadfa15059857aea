//! The handle of a coordinator that runs.

use std::future::pending;
use std::sync::Weak;
use std::time::Duration;

use tercet_log::{Failure, TransactionLog};
use tercet_service::Addresses;
use tokio_util::sync::CancellationToken;

use super::StopError;
use crate::transactions::{Stage, Transactions};

/// How long [`Running::abort`] waits for the last hold on the log to go.
const ABORT_LIMIT: Duration = Duration::from_secs(5);

/// A coordinator that runs. Dropping the handle leaves it running.
#[derive(Debug)]
pub struct Running {
    server: tercet_service::Running,
    transactions: Transactions,
    stopped: CancellationToken,
    held: Weak<dyn TransactionLog>,
}

/// Waits until nothing can be promised any more, and says why.
pub(super) async fn failed(transactions: &Transactions) -> Failure {
    let shared = transactions.shared();
    let fenced = async {
        match &shared.cluster {
            Some(cluster) => cluster.fenced().await,
            None => pending().await,
        }
    };
    tokio::select! {
        failure = shared.log.failed() => failure,
        () = fenced => Failure::Fenced,
    }
}

/// No beat is raised any more, and nobody else looked after.
pub(super) fn leave(transactions: &Transactions) {
    if let Some(cluster) = &transactions.shared().cluster {
        cluster.leave();
    }
}

impl Running {
    pub(super) fn new(
        server: tercet_service::Running,
        transactions: Transactions,
        stopped: CancellationToken,
        held: Weak<dyn TransactionLog>,
    ) -> Self {
        Self {
            server,
            transactions,
            stopped,
            held,
        }
    }

    /// The addresses that were bound.
    pub fn addresses(&self) -> Addresses {
        self.server.addresses()
    }

    /// The line that scripts wait for.
    pub fn ready_line(&self) -> String {
        self.server.ready_line()
    }

    /// Prints the ready line, the only thing that ever goes to standard output.
    pub fn announce(&self) {
        self.server.announce();
    }

    /// Begins the drain of this coordinator and of everything that shares its [`Drain`](tercet_service::Drain).
    pub fn drain(&self) {
        self.server.drain();
    }

    /// Waits until it has stopped: drained, or because its log or its server has failed.
    ///
    /// # Errors
    ///
    /// [`StopError`] when nobody asked it to stop. The process has to end then; a new start goes on.
    pub async fn wait(mut self) -> Result<(), StopError> {
        let failure = tokio::select! {
            served = self.server.stopped() => {
                // Nothing is left after a drain; somebody in a hurry may have skipped it.
                self.kill();
                return Ok(served?);
            }
            failure = failed(&self.transactions) => failure,
        };
        // Nothing can be promised any more, and everything is left to others: a caller's connection ends here.
        self.kill();
        self.server.abort().await;
        Err(failure.into())
    }

    fn kill(&self) {
        self.transactions.advance(Stage::Killed);
        leave(&self.transactions);
        self.stopped.cancel();
    }

    /// Dies as a killed process does: the listeners and every connection are gone when this returns, nothing more is
    /// written, and the log is free for the next one.
    pub async fn abort(self) {
        self.kill();
        self.server.abort().await;
        self.transactions.ended().await;
        drop(self.transactions);
        let gone = async {
            // The last connections let go of it within a few turns; nobody is told when.
            while self.held.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(ABORT_LIMIT, gone).await.is_err() {
            tracing::warn!("something still holds the log of an aborted coordinator");
        }
    }
}
