//! One batch inside one SQL transaction, in as few packets as can be: the lane's counter, all begins, all changes go out
//! together. What the server counts is the verdict; only where it counts less than was hoped for is there a second look.
//!
//! Must never commit: the lane does, and knows what it means when the answer to that is lost.

pub(super) mod queries;

use std::collections::{BTreeMap, HashSet};

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Either, Executor as _, MySqlConnection};
use tercet_core::Gid;
use tercet_database::{ErrorClass, classify};
use tercet_failpoints::failpoint;

use self::queries::{Statements, bind_blob};
use crate::codec::{StoredRow, state_code};
use crate::entry::DefinitionColumns;
use crate::kinds::{Begin, Change, Kinds, found, verdicts};
use crate::mysql::queries as shared;
use crate::{AuditRecord, Entry, Lane, SessionId, Verdict};

/// Rows of one UPDATE: each of its columns is a CASE that the server goes through row by row.
const UPDATE_ROWS_MAX: usize = 32;
/// How often begins are inserted again without those that are there already.
const INSERT_ROUNDS_MAX: u32 = 3;

/// Where a batch is written, and on what condition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) session: SessionId,
    pub(super) lane: Lane,
    /// The lane's counter before.
    pub(super) appended: i64,
    /// Which attempt this is, of all that this process ever makes on the lane.
    pub(super) attempt: i64,
}

/// What became of a batch before its commit.
pub(super) enum Outcome {
    /// One for each entry, in order.
    Verdicts(Vec<Verdict>),
    /// The lane's counter isn't what it should be, or the session is fenced.
    NotOurTurn,
    /// A gid was there and gone again, several times: other coordinators are at it, or the purge.
    Contended,
}

/// Changes that one UPDATE can make: one expected version, one new state, with or without a definition.
type Group<'k, 'a> = Vec<(&'k Change<'a>, Option<&'a DefinitionColumns>)>;

/// Only raises the lane's counter.
pub(super) async fn raise(
    connection: &mut MySqlConnection,
    place: &Place,
) -> Result<bool, sqlx::Error> {
    let counts = send(connection, Statements::begin(place)).await.0?;
    Ok(counts.get(1) == Some(&1))
}

/// Writes `batch`; the caller commits, and only then hands out the verdicts.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    place: &Place,
    batch: &[Entry],
) -> Result<Outcome, sqlx::Error> {
    failpoint!("log::before-counter")?;
    let mut kinds = Kinds::of(batch);
    let mut begins = core::mem::take(&mut kinds.begins);
    let groups = groups(&kinds);
    let mut there = Vec::new();
    let mut statements = Statements::begin(place);
    let mut rounds = 0;
    // What every round but the first leaves out, because it was done.
    let mut done = 0;
    let counts = loop {
        let first_update = add(&mut statements, place, &begins, &groups);
        let (sent, finished) = send(connection, statements).await;
        if done == 0 && finished.get(1).is_some_and(|raised| *raised != 1) {
            return Ok(Outcome::NotOurTurn);
        }
        let raised = if done == 0 { 2 } else { 0 };
        match sent {
            Ok(mut counts) => break counts.split_off(first_update),
            // The INSERT is undone, and what stands behind it wasn't run.
            Err(error)
                if classify(&error) == ErrorClass::UniqueViolation
                    && finished.len() == raised
                    && !begins.is_empty() =>
            {
                rounds += 1;
                if rounds > INSERT_ROUNDS_MAX {
                    return Ok(Outcome::Contended);
                }
                done = raised.max(done);
                let rows = rows_of(connection, &begins).await?;
                begins.retain(|(gid, _, _)| !rows.iter().any(|row| row.gid == gid.as_str()));
                there.extend(found(rows));
                statements = Statements::more();
            }
            Err(error) => return Err(error),
        }
    };
    failpoint!("log::after-changes")?;
    let mut written: HashSet<String> = begins
        .iter()
        .map(|(gid, _, _)| gid.as_str().to_owned())
        .collect();
    changed(connection, place, &groups, &counts, &mut written).await?;
    let audit: Vec<&AuditRecord> = batch
        .iter()
        .filter(|entry| written.contains(entry.gid.as_str()))
        .flat_map(|entry| &entry.audit)
        .collect();
    if !audit.is_empty() {
        insert_audit(connection, &audit).await?;
    }
    Ok(Outcome::Verdicts(verdicts(
        batch,
        kinds.invalid,
        &written,
        there,
    )))
}

/// Adds begins and changes, and says how many statements stand before the first change.
fn add<'a>(
    statements: &mut Statements<'a>,
    place: &Place,
    begins: &[Begin<'a>],
    groups: &[Group<'_, 'a>],
) -> usize {
    if !begins.is_empty() {
        statements.insert(place, begins);
        statements.insert_labels(begins);
    }
    let before = statements.count();
    for group in groups {
        statements.update(place, group);
    }
    before
}

fn groups<'k, 'a>(kinds: &'k Kinds<'a>) -> Vec<Group<'k, 'a>> {
    let mut groups: BTreeMap<(i64, i64, bool), Group<'k, 'a>> = BTreeMap::new();
    let redefinitions = kinds
        .redefinitions
        .iter()
        .map(|(change, definition)| (change, Some(*definition)));
    let updates = kinds.updates.iter().map(|change| (change, None));
    for (change, definition) in updates.chain(redefinitions) {
        let kind = (
            change.expected,
            state_code(change.row.state),
            definition.is_some(),
        );
        groups.entry(kind).or_default().push((change, definition));
    }
    groups
        .into_values()
        .flat_map(|group| {
            group
                .chunks(UPDATE_ROWS_MAX)
                .map(<[_]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Sends `statements` and gives the number of rows that each matched; beside an error, those of the ones before it.
async fn send(
    connection: &mut MySqlConnection,
    statements: Statements<'_>,
) -> (Result<Vec<u64>, sqlx::Error>, Vec<u64>) {
    let expected = statements.count();
    if expected == 0 {
        return (Ok(Vec::new()), Vec::new());
    }
    let (text, blobs) = statements.into_parts();
    for (number, blob) in blobs.into_iter().enumerate() {
        let bound = sqlx::query(AssertSqlSafe(bind_blob(number)))
            .bind(blob)
            .execute(&mut *connection);
        if let Err(error) = bound.await {
            return (Err(error), Vec::new());
        }
    }
    let mut counts = Vec::with_capacity(expected);
    let mut answers = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(text)));
    loop {
        match answers.try_next().await {
            Ok(Some(Either::Left(done))) => counts.push(done.rows_affected()),
            Ok(Some(Either::Right(_))) => {}
            Ok(None) if counts.len() == expected => return (Ok(counts.clone()), counts),
            Ok(None) => {
                let error = sqlx::Error::Protocol(format!(
                    "{} answers to {expected} statements",
                    counts.len()
                ));
                return (Err(error), counts);
            }
            Err(error) => return (Err(error), counts),
        }
    }
}

async fn rows_of(
    connection: &mut MySqlConnection,
    begins: &[Begin<'_>],
) -> Result<Vec<StoredRow>, sqlx::Error> {
    shared::read_many(begins.iter().map(|(gid, _, _)| gid.as_str()))
        .build_query_as()
        .persistent(false)
        .fetch_all(connection)
        .await
}

/// Adds the gids of changes that were written, where need be by asking.
async fn changed(
    connection: &mut MySqlConnection,
    place: &Place,
    groups: &[Group<'_, '_>],
    counts: &[u64],
    written: &mut HashSet<String>,
) -> Result<(), sqlx::Error> {
    let mut doubtful: Vec<&Gid> = Vec::new();
    for (group, matched) in groups.iter().zip(counts) {
        let gids = group.iter().map(|(change, _)| change.gid);
        if usize::try_from(*matched) == Ok(group.len()) {
            written.extend(gids.map(|gid| gid.as_str().to_owned()));
        } else if *matched > 0 {
            doubtful.extend(gids);
        }
    }
    if !doubtful.is_empty() {
        let text = queries::written(place, doubtful);
        let gids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
            .persistent(false)
            .fetch_all(connection)
            .await?;
        written.extend(gids);
    }
    Ok(())
}

/// Writes audit records; whoever calls commits.
pub(super) async fn insert_audit(
    connection: &mut MySqlConnection,
    records: &[&AuditRecord],
) -> Result<(), sqlx::Error> {
    let mut statements = Statements::more();
    statements.insert_audit(records);
    send(connection, statements).await.0.map(|_| ())
}
