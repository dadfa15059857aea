//! Branches: ids, names, payloads and their limits.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use prost_types::Struct;
use tercet_core::{ActionName, BranchId, ContentHash, NameError, ParticipantName};
use tercet_proto::tercet::v1 as pb;

use super::content;
use crate::config::Limits;
use crate::errors::{ApiError, Reason};

/// A branch whose shape is right. Whether its names are configured isn't known yet.
#[derive(Clone, Debug)]
pub(crate) struct CheckedBranch {
    pub(crate) id: BranchId,
    pub(crate) participant: ParticipantName,
    pub(crate) action: ActionName,
    pub(crate) payload: Payload,
    pub(crate) content: ContentHash,
    /// Its path in the request, for errors.
    pub(crate) field: String,
}

/// A payload as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Ready to be sent on.
    Message(Bytes),
    /// To be converted with the participant's descriptors.
    Json(Struct),
}

impl Payload {
    fn size(&self) -> usize {
        match self {
            Self::Message(bytes) => bytes.len(),
            Self::Json(json) => json.encoded_len(),
        }
    }
}

/// The branches of a one-call transaction.
pub(crate) fn branches(
    branches: Vec<pb::Branch>,
    limits: &Limits,
) -> Result<Vec<CheckedBranch>, ApiError> {
    if branches.is_empty() {
        let message = "a transaction needs at least one branch";
        return Err(ApiError::field(Reason::InvalidBranch, "branches", message));
    }
    if branches.len() > limits.branches {
        let message = format!(
            "{} branches are more than {}",
            branches.len(),
            limits.branches
        );
        return Err(ApiError::field(
            Reason::TooManyBranches,
            "branches",
            message,
        ));
    }
    let mut checked = Vec::with_capacity(branches.len());
    for (index, sent) in branches.into_iter().enumerate() {
        checked.push(branch(sent, format!("branches[{index}]"), limits)?);
    }
    let mut ids = BTreeSet::new();
    if let Some(twice) = checked.iter().find(|branch| !ids.insert(&branch.id)) {
        let message = format!("branch id {} is there twice", twice.id);
        let field = format!("{}.id", twice.field);
        return Err(ApiError::field(Reason::InvalidBranch, field, message));
    }
    payloads_within(
        checked.iter().map(|branch| branch.payload.size()).sum(),
        limits,
    )?;
    Ok(checked)
}

/// Whether all payloads of a transaction together keep to the limit.
pub(crate) fn payloads_within(bytes: usize, limits: &Limits) -> Result<(), ApiError> {
    let max = limits.transaction_payload_bytes;
    if bytes > max {
        let message = format!("all payloads together have {bytes} bytes, more than {max}");
        return Err(ApiError::field(
            Reason::PayloadTooLarge,
            "branches",
            message,
        ));
    }
    Ok(())
}

/// One branch; `field` is its path in the request.
pub(crate) fn branch(
    sent: pb::Branch,
    field: String,
    limits: &Limits,
) -> Result<CheckedBranch, ApiError> {
    let content = content::of_branch(&sent);
    let bad = |part: &str, error: NameError| bad_name(&field, part, &error);
    let id = new_branch_id(&sent, &field)?;
    let participant =
        ParticipantName::parse(&sent.participant).map_err(|error| bad("participant", error))?;
    let action = ActionName::parse(&sent.action).map_err(|error| bad("action", error))?;
    let payload = match sent.payload {
        None => Payload::Message(Bytes::new()),
        Some(pb::branch::Payload::Message(bytes)) => Payload::Message(bytes),
        Some(pb::branch::Payload::Json(json)) => Payload::Json(json),
    };
    payload_within(payload.size(), &field, limits)?;
    Ok(CheckedBranch {
        id,
        participant,
        action,
        payload,
        content,
        field,
    })
}

/// The id that a branch is to have; `field` is the branch's path in the request.
pub(crate) fn new_branch_id(sent: &pb::Branch, field: &str) -> Result<BranchId, ApiError> {
    BranchId::parse(&sent.id).map_err(|error| bad_name(field, "id", &error))
}

fn bad_name(field: &str, part: &str, error: &NameError) -> ApiError {
    let message = format!("{part} {error}");
    ApiError::field(Reason::InvalidBranch, format!("{field}.{part}"), message)
}

/// Whether one payload keeps to the limit.
pub(crate) fn payload_within(bytes: usize, field: &str, limits: &Limits) -> Result<(), ApiError> {
    let max = limits.payload_bytes;
    if bytes > max {
        let message = format!("the payload has {bytes} bytes, more than {max}");
        let field = format!("{field}.payload");
        return Err(ApiError::field(Reason::PayloadTooLarge, field, message));
    }
    Ok(())
}
