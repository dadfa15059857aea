//! What a person can do about a message that needs attention: look at it, let it be tried again, or send it under a new
//! gid.

use tercet_database::classify;
use thiserror::Error;

use super::courier::{Courier, CourierError, Standing};
use super::db::{MessageRow, MessageState, NewMessage, OutboxDb};
use super::sender::is_too_old;
use super::{Message, MessageError, Outbox, segment_of};
use crate::clock::now_micros;
use crate::held::{Held, limited};

/// Why a person's wish wasn't carried out. Nothing was changed.
#[derive(Debug, Error)]
pub enum HandsError {
    /// No message of this gid needs attention.
    #[error("no message {0} needs attention")]
    NotWaiting(String),
    /// The coordinator may have forgotten the gid: only a new one is safe.
    #[error("the message {0} is too old for its gid; send it again under a new one")]
    TooOld(String),
    /// The coordinator knows the gid: under a new one the message could be delivered twice.
    #[error("the coordinator knows the transaction {gid}: {what}")]
    Known {
        /// The message's gid.
        gid: String,
        /// What to do.
        what: &'static str,
    },
    /// The new gid has a message already.
    #[error("there is a message {0} already")]
    Taken(String),
    /// The new gid can't be one.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The coordinator can't be asked.
    #[error("the coordinator: {0}")]
    Coordinator(#[from] CourierError),
    /// The database.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl HandsError {
    /// Whether the same wish may be carried out later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Coordinator(CourierError::Later(_)) => true,
            Self::Message(error) => error.is_retryable(),
            Self::Database(error) => classify(error).is_retryable(),
            _ => false,
        }
    }
}

impl<D: OutboxDb> Outbox<D> {
    /// One message.
    pub async fn message(&self, gid: &str) -> sqlx::Result<Option<MessageRow>> {
        let mut reader = Held::of(self.shared.database.reader()).await?;
        let row = limited(D::message(&mut reader, gid)).await;
        let row = reader.settle(row)?;
        Ok(row)
    }

    /// Messages that need attention, the oldest first, after the one that was changed then and has this gid.
    pub async fn attention(
        &self,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> sqlx::Result<Vec<MessageRow>> {
        let mut reader = Held::of(self.shared.database.reader()).await?;
        let (state, after) = (MessageState::Attention, after);
        let rows = limited(D::list_messages(&mut reader, state, after, limit)).await;
        let rows = reader.settle(rows)?;
        Ok(rows)
    }

    /// Lets a message that needs attention be sent again under its own gid, with all its attempts.
    pub async fn retry(&self, gid: &str) -> Result<(), HandsError> {
        let now = now_micros();
        let row = self.needing(gid).await?;
        if is_too_old(self.options(), &row, now) {
            return Err(HandsError::TooOld(gid.to_owned()));
        }
        let mut writer = Held::of(self.shared.database.writer()).await?;
        let is_retried = limited(D::retry_message(&mut writer, gid, now)).await;
        let is_retried = writer.settle(is_retried)?;
        if !is_retried {
            return Err(HandsError::NotWaiting(gid.to_owned()));
        }
        self.wake(segment_of(gid));
        Ok(())
    }

    /// Sends a message that needs attention again under `new_gid`, and settles the old one: both in one SQL transaction.
    ///
    /// The coordinator is asked first. One that it is going to deliver, or has delivered, is settled as sent and refused
    /// with [`HandsError::Known`]; one that is undecided has to be ended first. Whether a gid that it doesn't know was
    /// delivered before it was purged, only the receiver can tell: that is what the person is for.
    pub async fn resend<C: Courier>(
        &self,
        courier: &C,
        gid: &str,
        new_gid: &str,
    ) -> Result<(), HandsError> {
        let row = self.needing(gid).await?;
        let known = |what| {
            Err(HandsError::Known {
                gid: gid.to_owned(),
                what,
            })
        };
        match courier.find(gid).await? {
            None | Some(Standing::Cancelled | Standing::ConfirmedWithout) => {}
            Some(Standing::Open) => return known("retry it, or cancel it there first"),
            Some(Standing::Confirmed) => {
                let mut writer = Held::of(self.shared.database.writer()).await?;
                let note = "found confirmed";
                let done = limited(D::settle_message(&mut writer, gid, note, now_micros())).await;
                writer.settle(done)?;
                return known("it is delivered under this gid");
            }
        }
        let message =
            Message::new(new_gid, &row.participant, &row.action)?.with_payload(row.payload);
        let mut writer = Held::of(self.shared.database.writer()).await?;
        let moved = limited(async {
            let mut transaction = self.shared.database.begin_on(&mut writer).await?;
            let moved = move_to::<D>(&mut transaction, gid, &message).await?;
            if moved == Moved::Done {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(moved)
        })
        .await;
        match writer.settle(moved)? {
            Moved::Taken => Err(HandsError::Taken(new_gid.to_owned())),
            Moved::NotWaiting => Err(HandsError::NotWaiting(gid.to_owned())),
            Moved::Done => {
                self.wake(segment_of(new_gid));
                Ok(())
            }
        }
    }

    async fn needing(&self, gid: &str) -> Result<MessageRow, HandsError> {
        let row = self.message(gid).await?;
        row.filter(|row| row.state == MessageState::Attention)
            .ok_or_else(|| HandsError::NotWaiting(gid.to_owned()))
    }
}

/// What became of moving a message to another gid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Done,
    Taken,
    NotWaiting,
}

async fn move_to<D: OutboxDb>(
    connection: &mut D::Connection,
    gid: &str,
    message: &Message,
) -> sqlx::Result<Moved> {
    let now = now_micros();
    let new = NewMessage {
        message,
        segment: segment_of(message.gid()),
        now,
    };
    if !D::insert_message(connection, new).await? {
        return Ok(Moved::Taken);
    }
    let note = format!("sent again as {}", message.gid());
    Ok(if D::settle_message(connection, gid, &note, now).await? {
        Moved::Done
    } else {
        Moved::NotWaiting
    })
}
