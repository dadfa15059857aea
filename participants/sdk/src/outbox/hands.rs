//! What a person can do about a message that needs attention: look at it, let it be tried again, or send it under a new
//! gid.

use tercet_database::classify;
use thiserror::Error;

use super::courier::{Courier, CourierError, Standing};
use super::db::{MessageRow, MessageState, NewMessage, OutboxDb};
use super::sender::is_too_old;
use super::{Message, MessageError, Outbox, segment_of};
use crate::clock::now_micros;

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
        let mut reader = self.shared.database.reader().acquire().await?;
        D::message(&mut *reader, gid).await
    }

    /// Messages that need attention, the oldest first, after the one that was changed then and has this gid.
    pub async fn attention(
        &self,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> sqlx::Result<Vec<MessageRow>> {
        let mut reader = self.shared.database.reader().acquire().await?;
        D::list_messages(&mut *reader, MessageState::Attention, after, limit).await
    }

    /// Lets a message that needs attention be sent again under its own gid, with all its attempts.
    pub async fn retry(&self, gid: &str) -> Result<(), HandsError> {
        let now = now_micros();
        let row = self.needing(gid).await?;
        if is_too_old(self.options(), &row, now) {
            return Err(HandsError::TooOld(gid.to_owned()));
        }
        let mut writer = self.shared.database.writer().acquire().await?;
        if !D::retry_message(&mut *writer, gid, now).await? {
            return Err(HandsError::NotWaiting(gid.to_owned()));
        }
        drop(writer);
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
                let mut writer = self.shared.database.writer().acquire().await?;
                D::settle_message(&mut *writer, gid, "found confirmed", now_micros()).await?;
                return known("it is delivered under this gid");
            }
        }
        let message =
            Message::new(new_gid, &row.participant, &row.action)?.with_payload(row.payload);
        let now = now_micros();
        let mut transaction = self.shared.database.begin().await?;
        let segment = segment_of(new_gid);
        let new = NewMessage {
            message: &message,
            segment,
            now,
        };
        if !D::insert_message(&mut *transaction, new).await? {
            return Err(HandsError::Taken(new_gid.to_owned()));
        }
        let note = format!("sent again as {new_gid}");
        if !D::settle_message(&mut *transaction, gid, &note, now).await? {
            return Err(HandsError::NotWaiting(gid.to_owned()));
        }
        transaction.commit().await?;
        self.wake(segment);
        Ok(())
    }

    async fn needing(&self, gid: &str) -> Result<MessageRow, HandsError> {
        let row = self.message(gid).await?;
        row.filter(|row| row.state == MessageState::Attention)
            .ok_or_else(|| HandsError::NotWaiting(gid.to_owned()))
    }
}
