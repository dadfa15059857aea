//! Requests become core types here, once, and only here: gids, branches, options, limits.
//!
//! The order is the contract's (section 6): shape and limits of everything first, then names, then what the
//! participants are like now. Only the last step, JSON, waits for anything, and it isn't here but in
//! [`crate::json`]. Must never: change anything, or ask anybody.

mod branches;
pub(crate) mod content;
mod options;

use tercet_core::{BranchId, Gid, NameError, ParticipantName};
use tercet_proto::tercet::v1 as pb;

pub(crate) use branches::{
    CheckedBranch, Payload, branch, branches, new_branch_id, payload_within, payloads_within,
};
pub(crate) use options::{options, renewal};

use crate::errors::{ApiError, Reason};

/// The most bytes of a reason that is kept; longer ones are cut, never refused.
const REASON_BYTES_MAX: usize = 1_024;

/// A gid that must be there.
pub(crate) fn gid(text: &str) -> Result<Gid, ApiError> {
    Gid::parse(text).map_err(|error| bad_name(Reason::InvalidGid, "gid", &error))
}

/// The id of a branch that is asked about.
pub(crate) fn branch_id(text: &str) -> Result<BranchId, ApiError> {
    BranchId::parse(text).map_err(|error| bad_name(Reason::InvalidBranch, "branch_id", &error))
}

/// The name of a participant in a filter or an operator's command. What isn't a name is no participant's.
pub(crate) fn participant_name(text: &str) -> Result<ParticipantName, ApiError> {
    ParticipantName::parse(text).map_err(|_| unknown_participant(text))
}

/// No participant of that name is configured.
pub(crate) fn unknown_participant(name: &str) -> ApiError {
    let shown: String = name.chars().take(ParticipantName::MAX_BYTES).collect();
    ApiError::new(
        Reason::UnknownParticipant,
        format!("no participant {shown:?} is configured"),
    )
}

fn bad_name(reason: Reason, field: &str, error: &NameError) -> ApiError {
    ApiError::field(reason, field, format!("{field} {error}"))
}

/// A reason as it is kept: cut at a character border when it is too long.
pub(crate) fn cut_reason(mut reason: String) -> String {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

/// What a call waits for, as the caller put it.
pub(crate) fn wait_for(value: i32) -> Result<pb::WaitFor, ApiError> {
    match pb::WaitFor::try_from(value) {
        Ok(pb::WaitFor::Unspecified) => Ok(pb::WaitFor::Decision),
        Ok(wait_for) => Ok(wait_for),
        Err(_) => Err(ApiError::field(
            Reason::InvalidRequest,
            "wait_for",
            format!("{value} is no WaitFor"),
        )),
    }
}
