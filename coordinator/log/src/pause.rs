//! Participants that a person has paused: kept beside the transactions, so that every coordinator knows and none forgets.

use tercet_core::{ParticipantName, Timestamp};

use crate::AuditRecord;

/// A participant that gets no calls until somebody resumes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Which one.
    pub participant: ParticipantName,
    /// Since when (UTC).
    pub since: Timestamp,
    /// Who has paused it, as far as that is known.
    pub who: String,
    /// Why, as that person gave it.
    pub reason: String,
}

impl Pause {
    /// What follows from a record of pausing; none when it names no participant.
    pub(crate) fn from_record(record: &AuditRecord) -> Option<Self> {
        Some(Self {
            participant: record.participant.clone()?,
            since: record.at,
            who: record.who.clone(),
            reason: record.reason.clone(),
        })
    }
}

impl AuditRecord {
    /// The record of pausing or resuming with how the participant was before and is from now on: only the store knows, inside
    /// the SQL transaction that changes it.
    pub(crate) fn of_pausing(&self, was_paused: bool, is_paused: bool) -> Self {
        let word = |is_paused| if is_paused { "paused" } else { "calling" };
        Self {
            before: word(was_paused).to_owned(),
            after: word(is_paused).to_owned(),
            ..self.clone()
        }
    }
}
