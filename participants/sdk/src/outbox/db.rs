//! What the outbox needs of a database, and the rows it moves.
//!
//! One implementation per database is generated from `outbox/queries.rs`. Every method takes a connection, so that the
//! caller says in which SQL transaction it runs; none of them begins or commits.

use std::future::Future;

use bytes::Bytes;

use super::Message;
use crate::fence::FenceDb;

/// What became of a message. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// To be sent.
    Waiting = 1,
    /// The coordinator has decided to confirm it, and sees it through.
    Sent = 2,
    /// The coordinator was told that there is no such message, and there never will be.
    Aborted = 3,
    /// Not sent by itself any more: a person has to look.
    Attention = 4,
}

impl MessageState {
    /// The number kept in the `state` column.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads the `state` column; a number that was never written is refused.
    pub fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Waiting),
            2 => Some(Self::Sent),
            3 => Some(Self::Aborted),
            4 => Some(Self::Attention),
            _ => None,
        }
    }
}

/// A message about to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The message.
    pub message: &'a Message,
    /// Its segment.
    pub segment: u8,
    /// Now, microseconds since the Unix epoch.
    pub now: i64,
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Its global transaction.
    pub gid: String,
    /// What became of it.
    pub state: MessageState,
    /// Whose action it is for; empty for an aborted one.
    pub participant: String,
    /// The action it is for; empty for an aborted one.
    pub action: String,
    /// The action's request; empty once it is sent.
    pub payload: Bytes,
    /// How often sending has been begun.
    pub attempts: u32,
    /// How the last attempt failed, for people.
    pub last_error: String,
    /// When it was written, microseconds since the Unix epoch.
    pub created_at: i64,
    /// When its state last changed, microseconds since the Unix epoch.
    pub changed_at: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The coordinator has it.
    Sent,
    /// To be sent again at this time, microseconds since the Unix epoch.
    Again {
        /// When.
        at: i64,
        /// Why it failed.
        error: String,
    },
    /// For a person.
    Attention {
        /// Why.
        error: String,
    },
}

/// What waits to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages, counted up to 10,000.
    pub waiting: u64,
    /// When the oldest of those was written, microseconds since the Unix epoch.
    pub oldest: Option<i64>,
}

/// A database that can hold an outbox.
pub trait OutboxDb: FenceDb {
    /// Inserts a waiting message; false when its gid has a row already.
    fn insert_message(
        connection: &mut Self::Connection,
        row: NewMessage<'_>,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Inserts *aborted* for a gid; false when it has a row already.
    fn insert_aborted(
        connection: &mut Self::Connection,
        gid: &str,
        segment: u8,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Reads one message.
    fn message(
        connection: &mut Self::Connection,
        gid: &str,
    ) -> impl Future<Output = sqlx::Result<Option<MessageRow>>> + Send;

    /// The gids of messages that are due in these segments, the longest due first.
    fn due_messages(
        connection: &mut Self::Connection,
        segments: &[u8],
        now: i64,
        limit: u32,
    ) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send;

    /// When something is due next in these segments, microseconds since the Unix epoch.
    fn next_message(
        connection: &mut Self::Connection,
        segments: &[u8],
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// Claims those of these messages that are still due: their next attempt is begun, and not due again before `until`.
    fn claim_messages(
        connection: &mut Self::Connection,
        gids: &[String],
        claim: &str,
        now: i64,
        until: i64,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Reads what was claimed.
    fn claimed_messages(
        connection: &mut Self::Connection,
        gids: &[String],
        claim: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<MessageRow>>> + Send;

    /// Notes how the attempt of a claimed message ended; false when the claim isn't ours any more.
    fn end_attempt(
        connection: &mut Self::Connection,
        gid: &str,
        claim: &str,
        outcome: &Outcome,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Messages in one state by age, after a position.
    fn list_messages(
        connection: &mut Self::Connection,
        state: MessageState,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> impl Future<Output = sqlx::Result<Vec<MessageRow>>> + Send;

    /// Makes a message that needs attention wait again, with all its attempts; false when it isn't one.
    fn retry_message(
        connection: &mut Self::Connection,
        gid: &str,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Marks a message that needs attention as sent; false when it isn't one.
    fn settle_message(
        connection: &mut Self::Connection,
        gid: &str,
        note: &str,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// What waits.
    fn backlog(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Backlog>> + Send;

    /// Deletes up to `limit` rows that are sent or aborted and haven't changed since `before`; how many went.
    fn clean_messages(
        connection: &mut Self::Connection,
        before: i64,
        limit: u32,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;
}
