//! The outbox on a real database (mounted once for each, in `testing/`), against a coordinator in memory that keeps the
//! contract and can be told to fail after any step.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod bounds;
mod deaths;
mod figures;
mod model;
mod questions;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use model::Model;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Database, Place};
use crate::outbox::{Message, MessageRow, MessageState, Outbox, OutboxCounts, OutboxOptions};
use crate::testing::Amount;

/// One service's outbox, and the coordinator it sends to.
struct Post {
    place: Place,
    outbox: Outbox<super::Db>,
    model: Arc<Model>,
}

/// Nothing waits long, so that a test doesn't either.
fn quick() -> OutboxOptions {
    OutboxOptions {
        lease: Duration::from_millis(20),
        call_timeout: Duration::from_mins(5),
        back_off: Duration::from_millis(1),
        back_off_max: Duration::from_millis(5),
        idle: Duration::from_millis(10),
        ..OutboxOptions::new("shop")
    }
}

impl Post {
    async fn new() -> Option<Self> {
        Self::with(quick()).await
    }

    async fn with(options: OutboxOptions) -> Option<Self> {
        let place = Place::new().await?;
        let outbox = Outbox::new(place.open().await, options);
        Some(Self {
            place,
            outbox,
            model: Arc::default(),
        })
    }

    fn database(&self) -> &Database {
        &self.outbox.shared.database
    }

    /// Writes a message in an SQL transaction of its own.
    async fn write(&self, gid: &str) {
        let mut transaction = self.database().begin().await.unwrap();
        let is_new = self
            .outbox
            .write(&mut transaction, &message(gid))
            .await
            .unwrap();
        assert!(is_new);
        transaction.commit().await.unwrap();
    }

    /// Starts the workers, as a process does.
    fn run(&self) -> Running {
        self.run_other(self.outbox.clone())
    }

    fn run_other(&self, outbox: Outbox<super::Db>) -> Running {
        Running(tokio::spawn(outbox.run_with(self.model.courier())))
    }

    async fn row(&self, gid: &str) -> Option<MessageRow> {
        self.outbox.message(gid).await.unwrap()
    }

    async fn state(&self, gid: &str) -> Option<MessageState> {
        self.row(gid).await.map(|row| row.state)
    }

    /// Waits until this much has been counted, which is a moment after it shows in the table.
    async fn until_counted(&self, is_so: impl Fn(OutboxCounts) -> bool) {
        let limit = Instant::now() + Duration::from_mins(1);
        while !is_so(self.outbox.counts()) {
            assert!(Instant::now() < limit, "{:?}", self.outbox.counts());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until a message is in a state.
    async fn until(&self, gid: &str, state: MessageState) -> MessageRow {
        let limit = Instant::now() + Duration::from_mins(1);
        loop {
            let row = self.row(gid).await;
            if let Some(row) = row.filter(|row| row.state == state) {
                return row;
            }
            assert!(
                Instant::now() < limit,
                "{gid} never was {state:?} but {:?}",
                self.row(gid).await
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The workers of one process; dropping it is what a killed process does.
struct Running(JoinHandle<()>);

impl Running {
    /// Ends the process and waits until nothing of it is left.
    async fn kill(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn message(gid: &str) -> Message {
    let says = Amount {
        wallet: gid.to_owned(),
        amount: 7,
    };
    Message::new(gid, "stock", "notify")
        .unwrap()
        .saying(&says)
        .unwrap()
}
