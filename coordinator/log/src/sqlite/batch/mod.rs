//! One batch inside one SQL transaction: the session's counter first, then all begins, then all changes, then what
//! belongs to those that were written.

pub(super) mod queries;

use std::collections::HashSet;

use sqlx::{Arguments as _, SqliteConnection};
use tercet_core::Gid;
use tercet_failpoints::failpoint;

use self::queries::ManyRows;
use super::Db;
use crate::codec::{StoredRow, mode_code, state_code};
use crate::entry::DefinitionColumns;
use crate::kinds::{Begin, Change, Kinds, found, micros, verdicts};
use crate::sqlite::{dialect, queries as shared};
use crate::{AuditRecord, Entry, Lane, SessionId, Verdict};

type Arguments = <Db as sqlx::Database>::Arguments;

/// What became of a batch before its commit.
pub(super) enum Outcome {
    /// One for each entry, in order.
    Verdicts(Vec<Verdict>),
    /// The session may not write any more.
    Fenced,
}

/// Writes `batch`; the caller commits, and only then hands out the verdicts.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    session: SessionId,
    lane: Lane,
    appended: i64,
    batch: &[Entry],
) -> Result<Outcome, sqlx::Error> {
    failpoint!("log::before-counter")?;
    let raised = sqlx::query(dialect::RAISE_APPENDED)
        .bind(appended + 1)
        .bind(session.0)
        .bind(i64::from(lane.0))
        .bind(appended)
        .execute(&mut *connection)
        .await?;
    if raised.rows_affected() != 1 {
        return Ok(Outcome::Fenced);
    }
    let kinds = Kinds::of(batch);
    let mut written = HashSet::with_capacity(batch.len());
    insert(connection, session, &kinds.begins, &mut written).await?;
    update(connection, session, &kinds.updates, &mut written).await?;
    redefine(connection, session, &kinds.redefinitions, &mut written).await?;
    insert_labels(connection, &kinds.begins, &written).await?;
    failpoint!("log::after-changes")?;
    let audit: Vec<&AuditRecord> = batch
        .iter()
        .filter(|entry| written.contains(entry.gid.as_str()))
        .flat_map(|entry| &entry.audit)
        .collect();
    insert_audit(connection, &audit).await?;
    let duplicates = duplicates(connection, &kinds.begins, &written).await?;
    Ok(Outcome::Verdicts(verdicts(
        batch,
        kinds.invalid,
        &written,
        duplicates,
    )))
}

/// Runs `statement` for all of `rows`, in as few pieces as its sizes allow, and adds what it returns to `returned`.
async fn run<T>(
    connection: &mut SqliteConnection,
    statement: &'static ManyRows,
    mut rows: &[T],
    bind: impl Fn(&mut Arguments, &T) -> Result<(), sqlx::error::BoxDynError>,
    last: Option<i64>,
    returned: &mut HashSet<String>,
) -> Result<(), sqlx::Error> {
    while !rows.is_empty() {
        let (size, text) = statement.for_up_to(rows.len());
        let (piece, rest) = rows.split_at(size);
        let mut arguments = Arguments::default();
        for row in piece {
            bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
        }
        if let Some(last) = last {
            arguments.add(last).map_err(sqlx::Error::Encode)?;
        }
        let gids: Vec<String> = sqlx::query_scalar_with(text, arguments)
            .fetch_all(&mut *connection)
            .await?;
        returned.extend(gids);
        rows = rest;
    }
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    session: SessionId,
    begins: &[Begin<'_>],
    written: &mut HashSet<String>,
) -> Result<(), sqlx::Error> {
    let bind = |arguments: &mut Arguments, (gid, row, definition): &Begin<'_>| {
        arguments.add(gid.as_str())?;
        arguments.add(session.0)?;
        arguments.add(state_code(row.state))?;
        arguments.add(mode_code(row.mode))?;
        arguments.add(&row.content.0[..])?;
        arguments.add(row.begun_at.as_micros())?;
        arguments.add(row.try_deadline.as_micros())?;
        arguments.add(micros(row.decided_at))?;
        arguments.add(micros(row.ended_at))?;
        arguments.add(micros(row.attention_since))?;
        arguments.add(row.parked)?;
        arguments.add(definition.participants.as_str())?;
        arguments.add(&definition.bytes[..])?;
        arguments.add(&row.progress[..])
    };
    run(connection, &queries::INSERT, begins, bind, None, written).await
}

fn bind_change(
    arguments: &mut Arguments,
    change: &Change<'_>,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(change.gid.as_str())?;
    arguments.add(change.expected)?;
    arguments.add(state_code(change.row.state))?;
    arguments.add(change.row.try_deadline.as_micros())?;
    arguments.add(micros(change.row.decided_at))?;
    arguments.add(micros(change.row.ended_at))?;
    arguments.add(micros(change.row.attention_since))?;
    arguments.add(change.row.parked)?;
    arguments.add(&change.row.progress[..])
}

async fn update(
    connection: &mut SqliteConnection,
    session: SessionId,
    updates: &[Change<'_>],
    written: &mut HashSet<String>,
) -> Result<(), sqlx::Error> {
    run(
        connection,
        &queries::UPDATE,
        updates,
        bind_change,
        Some(session.0),
        written,
    )
    .await
}

async fn redefine(
    connection: &mut SqliteConnection,
    session: SessionId,
    redefinitions: &[(Change<'_>, &DefinitionColumns)],
    written: &mut HashSet<String>,
) -> Result<(), sqlx::Error> {
    let bind = |arguments: &mut Arguments,
                (change, definition): &(Change<'_>, &DefinitionColumns)| {
        bind_change(arguments, change)?;
        arguments.add(definition.participants.as_str())?;
        arguments.add(&definition.bytes[..])
    };
    run(
        connection,
        &queries::REDEFINE,
        redefinitions,
        bind,
        Some(session.0),
        written,
    )
    .await
}

async fn insert_labels(
    connection: &mut SqliteConnection,
    begins: &[Begin<'_>],
    written: &HashSet<String>,
) -> Result<(), sqlx::Error> {
    let labels: Vec<(&str, &str, &str)> = begins
        .iter()
        .filter(|(gid, _, _)| written.contains(gid.as_str()))
        .flat_map(|(gid, _, definition)| {
            definition
                .labels
                .iter()
                .map(|(name, value)| (gid.as_str(), name.as_str(), value.as_str()))
        })
        .collect();
    let bind = |arguments: &mut Arguments, (gid, name, value): &(&str, &str, &str)| {
        arguments.add(*gid)?;
        arguments.add(*name)?;
        arguments.add(*value)
    };
    run(
        connection,
        &queries::INSERT_LABELS,
        &labels,
        bind,
        None,
        &mut HashSet::new(),
    )
    .await
}

/// Writes audit records; whoever calls commits.
pub(super) async fn insert_audit(
    connection: &mut SqliteConnection,
    records: &[&AuditRecord],
) -> Result<(), sqlx::Error> {
    let bind = |arguments: &mut Arguments, record: &&AuditRecord| {
        arguments.add(record.at.as_micros())?;
        arguments.add(record.who.as_str())?;
        arguments.add(record.action.as_str())?;
        arguments.add(record.gid.as_ref().map(Gid::as_str))?;
        arguments.add(record.branch.as_ref().map(tercet_core::BranchId::as_str))?;
        arguments.add(
            record
                .participant
                .as_ref()
                .map(tercet_core::ParticipantName::as_str),
        )?;
        arguments.add(record.reason.as_str())?;
        arguments.add(record.before.as_str())?;
        arguments.add(record.after.as_str())
    };
    run(
        connection,
        &queries::INSERT_AUDIT,
        records,
        bind,
        None,
        &mut HashSet::new(),
    )
    .await
}

/// What the log holds under the gids of begins that weren't written.
async fn duplicates(
    connection: &mut SqliteConnection,
    begins: &[Begin<'_>],
    written: &HashSet<String>,
) -> Result<Vec<(String, Verdict)>, sqlx::Error> {
    let gids: Vec<&str> = begins
        .iter()
        .map(|(gid, _, _)| gid.as_str())
        .filter(|gid| !written.contains(*gid))
        .collect();
    if gids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<StoredRow> = shared::read_many(gids.into_iter())
        .build_query_as()
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(found(rows))
}
