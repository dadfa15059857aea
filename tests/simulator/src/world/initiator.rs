//! The initiator's own database: one row per gid, written in its local transaction or by the check that finds none.

use std::collections::BTreeMap;

use tercet_core::{Gid, InitiatorAnswer};

use crate::bugs::Bug;

/// A row of the initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// A local transaction holds the row and hasn't ended.
    Running,
    /// It ended.
    Ended(LocalEnd),
}

/// How a local transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalEnd {
    Committed,
    Aborted,
}

/// All initiators' rows.
#[derive(Debug, Default)]
pub(crate) struct Initiator {
    pub(crate) rows: BTreeMap<Gid, Local>,
}

impl Initiator {
    /// Begins the local transaction by inserting its row; false if the key is taken by an aborted one.
    pub(crate) fn open(&mut self, gid: &Gid) -> bool {
        *self.rows.entry(gid.clone()).or_insert(Local::Running) != Local::Ended(LocalEnd::Aborted)
    }

    /// Ends the local transaction; false if it has already ended the other way.
    pub(crate) fn end(&mut self, gid: &Gid, end: LocalEnd) -> bool {
        let row = self.rows.entry(gid.clone()).or_insert(Local::Running);
        if *row == Local::Running {
            *row = Local::Ended(end);
        }
        *row == Local::Ended(end)
    }

    /// `CheckTransaction`: a check that finds no row inserts *aborted* before it says so.
    pub(crate) fn check(&mut self, gid: &Gid, bug: Option<Bug>) -> InitiatorAnswer {
        if bug == Some(Bug::AbortedWithoutRow) && !self.rows.contains_key(gid) {
            return InitiatorAnswer::Aborted;
        }
        match self
            .rows
            .entry(gid.clone())
            .or_insert(Local::Ended(LocalEnd::Aborted))
        {
            Local::Running => InitiatorAnswer::Unknown,
            Local::Ended(LocalEnd::Committed) => InitiatorAnswer::Committed,
            Local::Ended(LocalEnd::Aborted) => InitiatorAnswer::Aborted,
        }
    }
}
