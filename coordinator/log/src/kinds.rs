//! The entries of a batch by kind of statement, and their verdicts from what the statements did. The same for every SQL
//! database; no SQL here.

use std::collections::HashSet;

use tercet_core::{Gid, Timestamp};

use crate::codec::StoredRow;
use crate::entry::{DefinitionColumns, Row};
use crate::{Entry, Stored, Verdict, Write};

/// A new row.
pub(crate) type Begin<'a> = (&'a Gid, &'a Row, &'a DefinitionColumns);

/// A change and the version that it expects.
pub(crate) struct Change<'a> {
    pub(crate) gid: &'a Gid,
    pub(crate) expected: i64,
    pub(crate) row: &'a Row,
}

/// The entries of a batch by kind of statement.
#[derive(Default)]
pub(crate) struct Kinds<'a> {
    pub(crate) begins: Vec<Begin<'a>>,
    pub(crate) updates: Vec<Change<'a>>,
    pub(crate) redefinitions: Vec<(Change<'a>, &'a DefinitionColumns)>,
    /// Why an entry isn't written at all, by its place in the batch.
    pub(crate) invalid: Vec<(usize, String)>,
}

impl<'a> Kinds<'a> {
    /// Sorts the entries; what SQL must not see is set aside.
    pub(crate) fn of(batch: &'a [Entry]) -> Self {
        let mut kinds = Self::default();
        for (index, entry) in batch.iter().enumerate() {
            if let Err(reason) = entry.check() {
                kinds.invalid.push((index, reason));
                continue;
            }
            let gid = &entry.gid;
            match &entry.write {
                Write::Begin(row) => {
                    if let Some(definition) = &row.definition {
                        kinds.begins.push((gid, row, definition));
                    }
                }
                Write::Update {
                    expected_version,
                    row,
                } => {
                    let expected = i64::try_from(*expected_version).unwrap_or(i64::MAX);
                    let change = Change { gid, expected, row };
                    match &row.definition {
                        Some(definition) => kinds.redefinitions.push((change, definition)),
                        None => kinds.updates.push(change),
                    }
                }
            }
        }
        kinds
    }
}

/// What wasn't written is invalid, a duplicate, or stale, in this order.
pub(crate) fn verdicts(
    batch: &[Entry],
    invalid: Vec<(usize, String)>,
    written: &HashSet<String>,
    mut duplicates: Vec<(String, Verdict)>,
) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = batch
        .iter()
        .map(|entry| {
            if written.contains(entry.gid.as_str()) {
                return Verdict::Written;
            }
            let found = duplicates
                .iter()
                .position(|(gid, _)| gid == entry.gid.as_str());
            found.map_or(Verdict::Stale, |position| {
                duplicates.swap_remove(position).1
            })
        })
        .collect();
    for (index, reason) in invalid {
        verdicts[index] = Verdict::Invalid(reason);
    }
    verdicts
}

/// What begins are told that were there before.
pub(crate) fn found(rows: Vec<StoredRow>) -> Vec<(String, Verdict)> {
    let verdict = |row| match Stored::try_from(row) {
        Ok(stored) => Verdict::Duplicate(Box::new(stored)),
        Err(error) => Verdict::Invalid(format!("the stored transaction can't be read: {error}")),
    };
    rows.into_iter()
        .map(|row| (row.gid.clone(), verdict(row)))
        .collect()
}

pub(crate) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_micros)
}
