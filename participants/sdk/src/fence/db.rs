//! What the fence needs of a database, and the rows it moves.
//!
//! One implementation per database is generated from `fence/queries.rs`. Every method takes a connection, so
//! that the caller says in which SQL transaction it runs; none of them begins or commits.

use std::future::Future;

use sqlx::Database;

use super::FenceState;
use crate::context::BranchKey;

/// A row about to be inserted.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// The branch.
    pub key: &'a BranchKey,
    /// Full gRPC name of the action's service.
    pub service: &'a str,
    /// The state it begins in.
    pub state: FenceState,
    /// The request as it came, kept while the branch is *tried*, for confirm, cancel and the resolver.
    pub request: &'a [u8],
    /// The try deadline, microseconds since the Unix epoch.
    pub try_deadline: i64,
    /// When the resolver first asks, microseconds since the Unix epoch.
    pub ask_at: i64,
    /// Now, microseconds since the Unix epoch.
    pub now: i64,
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceRow {
    /// The branch.
    pub key: BranchKey,
    /// Full gRPC name of the action's service.
    pub service: String,
    /// What happened to the branch here.
    pub state: FenceState,
    /// The request as it came with the try; empty once the branch has ended.
    pub request: Vec<u8>,
    /// The first try's reply.
    pub reply: Vec<u8>,
    /// The try deadline, microseconds since the Unix epoch.
    pub try_deadline: i64,
    /// When the row was inserted, microseconds since the Unix epoch.
    pub created_at: i64,
    /// When its state last changed, microseconds since the Unix epoch.
    pub changed_at: i64,
    /// How often the resolver has asked.
    pub asked: u32,
    /// Whether the coordinator said that it doesn't know the transaction.
    pub unknown: bool,
}

/// When and how a row that stays *tried* is asked about again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When to ask next, microseconds since the Unix epoch.
    pub ask_at: i64,
    /// How often has been asked by then.
    pub asked: u32,
    /// Whether the coordinator said that it doesn't know the transaction.
    pub unknown: bool,
}

/// Where a listing goes on: after the row that was changed then and has this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// When the last row shown was changed, microseconds since the Unix epoch.
    pub changed_at: i64,
    /// Its key, which settles ties.
    pub key: BranchKey,
}

/// Which rows a listing shows, the oldest change first.
#[derive(Debug, Clone)]
pub struct ListFilter {
    /// Only rows in these states; empty means all.
    pub states: Vec<FenceState>,
    /// Only rows last changed at this time or before, microseconds since the Unix epoch.
    pub changed_until: i64,
    /// Only rows after this one.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: u32,
}

/// A database that can hold a fence.
pub trait FenceDb: Database {
    /// Inserts a row; false when the branch has one already.
    fn insert(
        connection: &mut Self::Connection,
        row: NewRow<'_>,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Ends a *tried* row of this service; false when there is none.
    fn end(
        connection: &mut Self::Connection,
        key: &BranchKey,
        service: &str,
        to: FenceState,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Keeps the first try's reply.
    fn keep_reply(
        connection: &mut Self::Connection,
        key: &BranchKey,
        reply: &[u8],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Forgets the request of a row that has ended: nothing will run with it any more.
    fn drop_request(
        connection: &mut Self::Connection,
        key: &BranchKey,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Reads one row.
    fn read(
        connection: &mut Self::Connection,
        key: &BranchKey,
    ) -> impl Future<Output = sqlx::Result<Option<FenceRow>>> + Send;

    /// Reads the *tried* rows that the resolver should ask about, the longest waiting first.
    fn due(
        connection: &mut Self::Connection,
        now: i64,
        limit: u32,
    ) -> impl Future<Output = sqlx::Result<Vec<FenceRow>>> + Send;

    /// When the resolver has something to ask about next, microseconds since the Unix epoch.
    fn next_due(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;

    /// Reads the rows of these branches; those without a row are left out.
    fn read_many(
        connection: &mut Self::Connection,
        keys: &[&BranchKey],
    ) -> impl Future<Output = sqlx::Result<Vec<FenceRow>>> + Send;

    /// Inserts rows with their replies in one statement; false, and none of them, when one of the branches has a row
    /// already.
    fn insert_many(
        connection: &mut Self::Connection,
        rows: &[(NewRow<'_>, &[u8])],
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Ends rows that are *tried*, and forgets their requests; how many were.
    fn end_many(
        connection: &mut Self::Connection,
        keys: &[&BranchKey],
        to: FenceState,
        now: i64,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Puts off asking about a row that is still *tried*.
    fn postpone(
        connection: &mut Self::Connection,
        key: &BranchKey,
        due: Due,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The keys of ended rows that haven't changed since `before`.
    fn old(
        connection: &mut Self::Connection,
        before: i64,
        limit: u32,
    ) -> impl Future<Output = sqlx::Result<Vec<BranchKey>>> + Send;

    /// Deletes one row, if it is still ended and hasn't changed since `before`; how many went.
    fn delete(
        connection: &mut Self::Connection,
        key: &BranchKey,
        before: i64,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Lists rows, the oldest change first.
    fn list(
        connection: &mut Self::Connection,
        filter: &ListFilter,
    ) -> impl Future<Output = sqlx::Result<Vec<FenceRow>>> + Send;
}
