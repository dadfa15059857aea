//! Statements beside the batches: each on a connection of its own, none of them waited for for ever.

use core::time::Duration;

use sqlx::MySqlConnection;
use sqlx::pool::PoolConnection;
use tercet_database::mysql::Database;
use tercet_database::{ErrorClass, classify, give_back};
use tokio::time::timeout;

use super::{Db, log_error};
use crate::LogError;

/// How often a read is tried whose connection breaks.
const READS_MAX: u32 = 5;
/// How often a change is tried that somebody else is in the way of.
const TRIES_MAX: u32 = 8;
/// The longest pause before the second try; it doubles with each. Where nodes certify, whoever was later at COMMIT has lost,
/// and several that go on at the same time only meet again.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(300);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) database: Database,
    /// After this time without an answer a connection is given up, so that a server that is gone doesn't keep all of them.
    pub(super) patience: Duration,
}

impl Asking {
    /// Runs a read. One whose connection breaks is run again.
    pub(super) async fn read<T, F>(&self, read: impl Fn(Guard) -> F) -> Result<T, LogError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut tries = 1;
        loop {
            let acquired = self.database.reader().acquire().await;
            let guard = Guard(Some(acquired.map_err(|error| log_error(&error))?));
            match self.patiently(read(guard)).await {
                Err(error) if classify(&error).is_retryable() && tries < READS_MAX => {
                    tracing::debug!(%error, "reading the log again");
                    tries += 1;
                }
                answer => return answer.map_err(|error| log_error(&error)),
            }
        }
    }

    /// Runs a change. It is run again only after an error that says that nothing was done: whether the others may be is for
    /// whoever asked.
    pub(super) async fn change<T, F>(&self, change: impl Fn(Guard) -> F) -> Result<T, LogError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut tries = 1;
        loop {
            let acquired = self.database.writer().acquire().await;
            let guard = Guard(Some(acquired.map_err(|error| log_error(&error))?));
            match self.patiently(change(guard)).await {
                Err(error) if classify(&error) == ErrorClass::Busy && tries < TRIES_MAX => {
                    tracing::debug!(%error, "a change beside the batches is run again");
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                answer => return answer.map_err(|error| log_error(&error)),
            }
        }
    }

    async fn patiently<T>(
        &self,
        asked: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        match timeout(self.patience, asked).await {
            Ok(answer) => answer,
            // As when no connection becomes free in time.
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

/// Before the next try, between half and all of what is the longest for it.
fn pause(tries: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << tries.min(8)).min(PAUSE_MAX);
    let chance = u32::from(uuid::Uuid::now_v7().as_bytes()[15]);
    longest / 2 + longest / 2 * chance / u32::from(u8::MAX)
}

/// A connection for one question. Dropped before it has answered, it is closed, and the server undoes what was begun.
pub(super) struct Guard(Option<PoolConnection<Db>>);

impl Guard {
    /// Asks, and gives the connection back for the next one if that went well.
    pub(super) async fn ask<T>(
        mut self,
        ask: impl AsyncFnOnce(&mut MySqlConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Some(connection) = self.0.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        let answer = ask(connection).await?;
        if let Some(connection) = self.0.take() {
            give_back(connection);
        }
        Ok(answer)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
