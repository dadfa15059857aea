//! Running an SQL transaction again, whole, when the database got in its own way.
//!
//! A deadlock, a lock that was waited for too long, a connection that broke before the commit: nothing was written,
//! so the same work is done again, a bounded number of times and not for long. A commit whose answer is lost is
//! something else: it may have taken effect, and is never run again here. Whoever called calls again, and then the
//! fence row says what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Database, Transaction};
use tercet_database::{Connections, ErrorClass, classify};
use tercet_failpoints::failpoint;
use tokio::time::Instant;

use crate::clock::now_micros;
use crate::error::ActionError;
use crate::held::{Held, LIMIT, no_answer};

/// How often one piece of work is run at most.
const RUNS_MAX: u32 = 8;
/// No run begins later than this after the first one.
const TIME_MAX: Duration = Duration::from_secs(4);
/// The pause before the second run; each one after that is longer by as much.
const PAUSE: Duration = Duration::from_millis(2);

/// Counts the runs of one piece of work.
#[derive(Debug)]
pub(crate) struct Reruns {
    runs: u32,
    until: Instant,
}

impl Reruns {
    /// Before the first run.
    pub(crate) fn new() -> Self {
        Self {
            runs: 0,
            until: Instant::now() + TIME_MAX,
        }
    }

    /// After a run that failed: waits a little and answers true when there is to be another one.
    pub(crate) async fn again(&mut self, error: &ActionError) -> bool {
        self.runs += 1;
        if !is_worth_another_run(error) || self.runs >= RUNS_MAX || Instant::now() >= self.until {
            return false;
        }
        tracing::debug!(runs = self.runs, %error, "running the SQL transaction again");
        // Two that deadlocked don't meet again in step: the clock's last digits part them.
        let spread =
            Duration::from_micros(u64::try_from(now_micros().rem_euclid(4096)).unwrap_or(0));
        tokio::time::sleep(PAUSE * self.runs + spread).await;
        true
    }
}

/// Whether nothing was written and the same work may well succeed now.
fn is_worth_another_run(error: &ActionError) -> bool {
    match error {
        ActionError::Contended => true,
        ActionError::Database(error) => matches!(
            classify(error),
            ErrorClass::Busy | ErrorClass::ConnectionLost
        ),
        _ => false,
    }
}

/// One SQL transaction on a connection of its own.
pub(crate) struct Run<'a, D: Database> {
    database: &'a Connections<D>,
    /// Set when the commit is on its way: from then on, being broken off doesn't mean that nothing was written.
    committing: AtomicBool,
}

impl<'a, D: Database> Run<'a, D> {
    /// Nothing has begun.
    pub(crate) fn on(database: &'a Connections<D>) -> Self {
        Self {
            database,
            committing: AtomicBool::new(false),
        }
    }

    /// Takes a connection and does `work` on it, for no longer than [`LIMIT`].
    pub(crate) async fn within<T, F>(
        &self,
        work: impl FnOnce(Held<D>) -> F,
    ) -> Result<T, ActionError>
    where
        F: Future<Output = Result<T, ActionError>>,
    {
        let connection = Held::of(self.database.writer()).await?;
        let give_up = connection.give_up();
        let mut working = std::pin::pin!(work(connection));
        if let Ok(done) = tokio::time::timeout(LIMIT, &mut working).await {
            return done;
        }
        give_up.now();
        if self.committing.load(Ordering::Relaxed) {
            return Err(ActionError::CommitUnknown(Arc::new(no_answer())));
        }
        Err(ActionError::Database(no_answer()))
    }

    /// Commits, and tells an error that certainly undid everything from one that leaves the outcome open.
    pub(crate) async fn commit(&self, transaction: Transaction<'_, D>) -> Result<(), ActionError> {
        failpoint!("fence::before-commit").map_err(sqlx::Error::from)?;
        self.committing.store(true, Ordering::Relaxed);
        transaction.commit().await.map_err(|error| {
            if classify(&error).is_definite() {
                ActionError::Database(error)
            } else {
                ActionError::CommitUnknown(Arc::new(error))
            }
        })?;
        failpoint!("fence::after-commit")
            .map_err(|error| ActionError::CommitUnknown(Arc::new(error.into())))
    }
}

/// Rolls back. The answer stands whether or not that is confirmed: a connection that fails here is thrown away, and
/// its SQL transaction with it.
pub(crate) async fn roll_back<D: Database>(transaction: Transaction<'_, D>) {
    if let Err(error) = transaction.rollback().await {
        tracing::debug!(%error, "roll-back not confirmed");
    }
}
