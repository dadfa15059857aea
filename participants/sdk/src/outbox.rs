//! The outbox: messages written in the SQL transaction of the business change that they tell of, and sent after it.
//!
//! [`Outbox::write`] puts a message into a local table, on the connection of the business change: both are there or
//! neither is. After the commit a worker sends it as a reliable message of the coordinator: begin (naming this service
//! as the initiator), register the one branch, confirm. All three are safe to repeat, so a message whose sending
//! breaks off anywhere is simply sent again when its lease is over; the receiver's fence makes it one effect. The
//! message's row is also the initiator's fence row, which [`InitiatorCheck`] answers the coordinator's questions from.
//!
//! Attempts are bounded, and so is the age at which a message is sent: once the coordinator may have forgotten the gid,
//! sending it again could deliver it twice. What is beyond either bound waits for a person
//! ([`Outbox::attention`], [`Outbox::retry`], [`Outbox::resend`]).
//!
//! Must never: call anybody while an SQL transaction is open; forget a message; send one under a gid that the coordinator
//! may have purged.
//!
//! Where next: `outbox/sender.rs` for the three calls, `outbox/worker.rs` for the sweeps, `outbox/check.rs` for the
//! coordinator's question.

mod check;
mod courier;
mod db;
mod hands;
mod message;
mod mysql;
mod options;
mod sender;
mod sqlite;
pub(crate) mod worker;

use std::sync::Arc;

use tercet_client::Client;
use tercet_database::Connections;
use tokio::sync::Notify;

use crate::clock::now_micros;
use crate::held::{Held, limited};
pub use check::InitiatorCheck;
pub use courier::{Courier, CourierError, GrpcCourier, Standing};
pub use db::{Backlog, MessageRow, MessageState, NewMessage, OutboxDb, Outcome};
pub use hands::HandsError;
pub use message::{Message, MessageError, segment_of};
use options::Counters;
pub use options::{OutboxCounts, OutboxOptions};

/// Segments of the table; workers share them out.
pub const SEGMENTS: u8 = 64;

/// The messages of one participant. Cheap to clone; clones share workers and counters.
pub struct Outbox<D: OutboxDb> {
    pub(crate) shared: Arc<Shared<D>>,
}

pub(crate) struct Shared<D: OutboxDb> {
    pub(crate) database: Connections<D>,
    options: OutboxOptions,
    /// One for each worker: something was written into its segments.
    written: Vec<Arc<Notify>>,
    counters: Counters,
}

impl<D: OutboxDb> Clone for Outbox<D> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<D: OutboxDb> std::fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl<D: OutboxDb> Outbox<D> {
    /// An outbox in `database`, whose tables exist already. Nothing is sent before [`Outbox::run`].
    pub fn new(database: Connections<D>, options: OutboxOptions) -> Self {
        let workers = options.workers();
        Self {
            shared: Arc::new(Shared {
                database,
                options,
                written: (0..workers).map(|_| Arc::default()).collect(),
                counters: Counters::default(),
            }),
        }
    }

    /// Writes a message on the connection of the business change, to be sent once that has committed; false when
    /// it was written before.
    ///
    /// # Errors
    ///
    /// [`MessageError::Aborted`] when the coordinator was told that this gid's local transaction won't commit: then it must
    /// not.
    pub async fn write(
        &self,
        connection: &mut D::Connection,
        message: &Message,
    ) -> Result<bool, MessageError> {
        let segment = segment_of(message.gid());
        let row = NewMessage {
            message,
            segment,
            now: now_micros(),
        };
        if D::insert_message(connection, row).await? {
            self.shared.counters.written();
            self.wake(segment);
            return Ok(true);
        }
        match D::message(connection, message.gid()).await? {
            Some(row) if row.state != MessageState::Aborted => Ok(false),
            _ => Err(MessageError::Aborted {
                gid: message.gid().to_owned(),
            }),
        }
    }

    /// Sends what is written, for ever; drop the future to stop. What was under way then is sent again.
    pub async fn run(self, client: Client) {
        let courier = GrpcCourier::new(&client, &self.shared.options);
        self.run_with(courier).await;
    }

    /// The same by any courier.
    pub async fn run_with<C: Courier>(self, courier: C) {
        let courier = Arc::new(courier);
        let workers = (0..self.shared.options.workers())
            .map(|number| worker::Worker::new(self.clone(), Arc::clone(&courier), number).run());
        futures::future::join_all(workers).await;
    }

    /// Times and bounds.
    pub fn options(&self) -> &OutboxOptions {
        &self.shared.options
    }

    /// What has been counted since the start.
    pub fn counts(&self) -> OutboxCounts {
        self.shared.counters.read()
    }

    /// What waits now: how many messages, counted up to 10,000, and since when the oldest does.
    pub async fn backlog(&self) -> sqlx::Result<Backlog> {
        let mut reader = Held::of(self.shared.database.reader()).await?;
        let backlog = limited(D::backlog(&mut reader)).await;
        let backlog = reader.settle(backlog)?;
        Ok(backlog)
    }

    fn wake(&self, segment: u8) {
        let number = usize::from(segment) % self.shared.written.len();
        if let Some(written) = self.shared.written.get(number) {
            written.notify_one();
        }
    }
}
