//! A connection out of a pool, and the patience with it.
//!
//! A statement that gets no answer (the network fell silent, the server hangs) would keep its connection, and the pool
//! its place, for as long as the kernel waits: hours. So no work with a database goes on for longer than [`LIMIT`], and
//! a connection that gave no answer is thrown away: the server undoes what it had begun. Any other connection goes back
//! to its pool, which makes sure that it is well first, also when the work on it was broken off.

use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tercet_database::give_back;

/// How long one SQL transaction, or one statement outside of one, may take. Longer than the server waits for a row or
/// for a silent client.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A connection out of a pool. Dropped, it goes back, unless it was given up.
pub(crate) struct Held<D: Database> {
    connection: Option<PoolConnection<D>>,
    is_given_up: Arc<AtomicBool>,
}

/// Gives up a connection that is still in use by somebody who waits for an answer.
pub(crate) struct GiveUp(Arc<AtomicBool>);

impl GiveUp {
    /// From now on the connection is thrown away when it is dropped.
    pub(crate) fn now(self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<D: Database> Held<D> {
    /// Takes one, as soon as one is free.
    pub(crate) async fn of(pool: &Pool<D>) -> sqlx::Result<Self> {
        Ok(Self {
            connection: Some(pool.acquire().await?),
            is_given_up: Arc::default(),
        })
    }

    /// What gives it up, for whoever waits for the work on it.
    pub(crate) fn give_up(&self) -> GiveUp {
        GiveUp(Arc::clone(&self.is_given_up))
    }

    /// The end of [`limited`] work on it: it goes back, or is thrown away when it gave no answer.
    pub(crate) fn settle<T>(self, done: sqlx::Result<T>) -> sqlx::Result<T> {
        if done.as_ref().is_err_and(is_no_answer) {
            self.give_up().now();
        }
        done
    }
}

impl<D: Database> Drop for Held<D> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.is_given_up.load(Ordering::Relaxed) {
            drop(connection.detach());
        } else {
            give_back(connection);
        }
    }
}

#[allow(
    clippy::expect_used,
    reason = "there is one from the beginning until `drop`"
)]
impl<D: Database> Deref for Held<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        self.connection.as_ref().expect("held")
    }
}

#[allow(
    clippy::expect_used,
    reason = "there is one from the beginning until `drop`"
)]
impl<D: Database> DerefMut for Held<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        self.connection.as_mut().expect("held")
    }
}

/// Waits no longer than [`LIMIT`].
pub(crate) async fn limited<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(no_answer()))
}

/// The error of work that took too long: a connection that is lost.
pub(crate) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, NoAnswer))
}

fn is_no_answer(error: &sqlx::Error) -> bool {
    let sqlx::Error::Io(error) = error else {
        return false;
    };
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<NoAnswer>)
}

#[derive(Debug, thiserror::Error)]
#[error("no answer from the database in time")]
struct NoAnswer;
