//! Pages from rows: whatever can't be read is set aside, so that it doesn't hold up the rest.

use tercet_core::{Gid, Timestamp};

use crate::codec::StoredRow;
use crate::{Damaged, LogError, OpenPage, Page, PageToken, Stored};

/// A page of open transactions from at most `limit` rows in order of gid.
///
/// A name that is no gid can only end a page by stopping it: whatever comes after such a row would never be read, so the
/// page goes on after the last name that is one.
pub(crate) fn open_page(rows: Vec<StoredRow>, limit: usize) -> OpenPage {
    let full = rows.len() == limit;
    let next = rows
        .iter()
        .rev()
        .filter(|_| full)
        .find_map(|row| Gid::parse(&row.gid).ok());
    let (transactions, damaged) = decode(rows);
    OpenPage {
        transactions,
        damaged,
        next,
    }
}

/// How many rows to ask for where `limit` are to be shown: one more tells whether there is another page.
pub(crate) const fn with_the_next(limit: usize) -> usize {
    limit.saturating_add(1)
}

/// Leaves `limit` of the rows that were found with [`with_the_next`]; the last of them, if others come after it.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: usize) -> Option<&T> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| has_more)
}

/// A page of a list from the rows that were found with [`with_the_next`], newest first.
pub(crate) fn page(mut rows: Vec<StoredRow>, limit: usize) -> Page<Stored> {
    let next = cut(&mut rows, limit).map(|row| PageToken {
        at: Timestamp::from_micros(row.begun_at),
        key: row.gid.clone(),
    });
    let (items, damaged) = decode(rows);
    Page {
        items,
        damaged,
        next,
    }
}

fn decode(rows: Vec<StoredRow>) -> (Vec<Stored>, Vec<Damaged>) {
    let mut readable = Vec::with_capacity(rows.len());
    let mut damaged = Vec::new();
    for row in rows {
        let gid = row.gid.clone();
        match Stored::try_from(row) {
            Ok(stored) => readable.push(stored),
            Err(error) => damaged.push(Damaged { gid, error }),
        }
    }
    (readable, damaged)
}

/// The number of the audit record that a page goes on before.
pub(crate) fn before_audit(after: Option<&PageToken>) -> Result<i64, LogError> {
    after.map_or(Ok(i64::MAX), |after| {
        after
            .key
            .parse()
            .map_err(|_| LogError::Invalid("the page token is not one of this list".to_owned()))
    })
}

/// A transaction from its row.
pub(crate) fn stored(row: Option<StoredRow>, gid: &Gid) -> Result<Option<Stored>, LogError> {
    row.map(Stored::try_from)
        .transpose()
        .map_err(|error| LogError::Damaged {
            gid: gid.clone(),
            error,
        })
}
