//! The statements that every SQL database takes alike, `?` placeholders and all: reading, listing, purging, audit.
//!
//! Mounted once for each database, with that database's `Db` around it.

use sqlx::QueryBuilder;

use super::Db;
use crate::codec::state_code;
use crate::{AuditFilter, Filter, PageToken};

macro_rules! stored {
    ($rest:literal) => {
        concat!(
            "SELECT gid, version, owner, state, mode, content_hash, begun_at, try_deadline, decided_at, ended_at, ",
            "definition, progress FROM global_transaction",
            $rest
        )
    };
}

pub(crate) const READ: &str = stored!(" WHERE gid = ?");

/// Recovery, in pages: the session, the last gid of the page before (or nothing, which is before every gid), how many.
pub(crate) const OPEN: &str =
    stored!(" WHERE owner = ? AND ended_at IS NULL AND gid > ? ORDER BY gid LIMIT ?");

/// Several transactions by name.
pub(crate) fn read_many<'a>(gids: impl Iterator<Item = &'a str>) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new(stored!(" WHERE gid IN ("));
    let mut names = query.separated(", ");
    for gid in gids {
        names.push_bind(gid.to_owned());
    }
    query.push(")");
    query
}

pub(crate) fn list(filter: &Filter, after: Option<&PageToken>, limit: i64) -> QueryBuilder<Db> {
    let Filter {
        states,
        labels,
        participant,
        begun_before,
        needs_attention,
        gids,
    } = filter;
    let mut query = QueryBuilder::new(stored!(" WHERE 1 = 1"));
    if !gids.is_empty() {
        query.push(" AND gid IN (");
        let mut names = query.separated(", ");
        for gid in gids {
            names.push_bind(gid.as_str().to_owned());
        }
        query.push(")");
    }
    if !states.is_empty() {
        query.push(" AND state IN (");
        let mut codes = query.separated(", ");
        for state in states {
            codes.push_bind(state_code(*state));
        }
        query.push(")");
        if states.iter().all(|state| !state.is_ended()) {
            // Says what follows from the states, so that the index of open transactions can be used.
            query.push(" AND ended_at IS NULL");
        }
    }
    for (name, value) in labels {
        query.push(" AND gid IN (SELECT gid FROM transaction_label WHERE name = ");
        query
            .push_bind(name.clone())
            .push(" AND value = ")
            .push_bind(value.clone())
            .push(")");
    }
    if let Some(participant) = participant {
        query
            .push(" AND instr(participants, ")
            .push_bind(format!(" {participant} "))
            .push(") > 0");
    }
    if let Some(before) = begun_before {
        query.push(" AND begun_at < ").push_bind(before.as_micros());
    }
    if *needs_attention {
        query.push(" AND attention_since IS NOT NULL");
    }
    if let Some(after) = after {
        // Not a comparison of rows: MySQL reads all of an index for that.
        let at = after.at.as_micros();
        query.push(" AND begun_at <= ").push_bind(at);
        query.push(" AND (begun_at < ").push_bind(at);
        query
            .push(" OR gid < ")
            .push_bind(after.key.clone())
            .push(")");
    }
    query
        .push(" ORDER BY begun_at DESC, gid DESC LIMIT ")
        .push_bind(limit);
    query
}

pub(crate) fn list_audit(filter: &AuditFilter, before_id: i64, limit: i64) -> QueryBuilder<Db> {
    let AuditFilter { gid, participant } = filter;
    let mut query = QueryBuilder::new(
        "SELECT id, at, who, action, gid, branch_id, participant, reason, state_before, state_after FROM audit WHERE id < ",
    );
    query.push_bind(before_id);
    if let Some(gid) = gid {
        query.push(" AND gid = ").push_bind(gid.as_str().to_owned());
    }
    if let Some(participant) = participant {
        query
            .push(" AND participant = ")
            .push_bind(participant.as_str().to_owned());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

pub(crate) const COUNTS: &str = "
SELECT state, COUNT(*), COUNT(attention_since), COUNT(CASE WHEN parked = 1 THEN 1 END), MIN(begun_at)
  FROM global_transaction
 WHERE ended_at IS NULL
 GROUP BY state";

pub(crate) const ENDED: &str = "SELECT gid FROM global_transaction WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at LIMIT ?";

/// A participant, since when, who, why. Fails on the key when it is paused already.
pub(crate) const PAUSE: &str =
    "INSERT INTO participant_pause (participant, since, who, reason) VALUES (?, ?, ?, ?)";

pub(crate) const RESUME: &str = "DELETE FROM participant_pause WHERE participant = ?";

pub(crate) const PAUSES: &str =
    "SELECT participant, since, who, reason FROM participant_pause ORDER BY participant";

/// Deletes the rows of `table` that belong to `gids`.
pub(crate) fn delete(table: Purged, gids: &[String]) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new(match table {
        Purged::Labels => "DELETE FROM transaction_label WHERE gid IN (",
        Purged::Transactions => {
            "DELETE FROM global_transaction WHERE ended_at IS NOT NULL AND gid IN ("
        }
    });
    let mut names = query.separated(", ");
    for gid in gids {
        names.push_bind(gid.clone());
    }
    query.push(")");
    query
}

/// What a purge deletes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purged {
    Labels,
    Transactions,
}
