//! A transaction from a row, or a typed error that says what is impossible about it.

use core::time::Duration;
use std::sync::Arc;

use prost::Message as _;
use tercet_core::{
    ActionName, Attempt, AttemptHistory, Attention, Branch, BranchDefinition, BranchId,
    BranchState, CallError, CancelCause, CancelReason, ContentHash, Decision, Gid,
    GlobalTransaction, Initiator, NameError, Options, ParticipantName, Phase, PhaseProgress,
    Timestamp, TriedBy, TryOrder, Verbs,
};
use tercet_proto::tercet::storage::v1 as proto;

use super::codes::{mode_of_code, state_of_code};
use crate::{SessionId, Stored};

/// A row as it stands in the table, before anything about it is believed.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub(crate) struct StoredRow {
    pub(crate) gid: String,
    pub(crate) version: i64,
    pub(crate) owner: i64,
    pub(crate) state: i64,
    pub(crate) mode: i64,
    pub(crate) content_hash: Vec<u8>,
    pub(crate) begun_at: i64,
    pub(crate) try_deadline: i64,
    pub(crate) decided_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) definition: Vec<u8>,
    pub(crate) progress: Vec<u8>,
}

/// What is impossible about a stored row.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// A name that isn't one of the contract.
    #[error("the {field} {error}")]
    Name {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        error: NameError,
    },
    /// A number that stands for nothing, or is out of range.
    #[error("{value} is no {field}")]
    Value {
        /// Which.
        field: &'static str,
        /// What stands there.
        value: i64,
    },
    /// A hash of another length.
    #[error("the {field} has {length} bytes, not 32")]
    Hash {
        /// Which.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// Bytes that aren't the message they should be.
    #[error("the {field} can't be read: {message}")]
    Blob {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Something that has to be there isn't.
    #[error("the {field} is missing")]
    Missing {
        /// What.
        field: &'static str,
    },
    /// Two facts that can't both be true.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl TryFrom<StoredRow> for Stored {
    type Error = DecodeError;

    fn try_from(row: StoredRow) -> Result<Self, DecodeError> {
        let version = u64::try_from(row.version)
            .ok()
            .filter(|version| *version > 0);
        let version = version.ok_or(DecodeError::Value {
            field: "version",
            value: row.version,
        })?;
        let owner = SessionId(row.owner);
        Ok(Self {
            transaction: transaction(row)?,
            version,
            owner,
        })
    }
}

fn transaction(row: StoredRow) -> Result<GlobalTransaction, DecodeError> {
    let definition =
        proto::Definition::decode(bytes::Bytes::from(row.definition)).map_err(|error| {
            DecodeError::Blob {
                field: "definition",
                message: error.to_string(),
            }
        })?;
    let progress = proto::Progress::decode(bytes::Bytes::from(row.progress)).map_err(|error| {
        DecodeError::Blob {
            field: "progress",
            message: error.to_string(),
        }
    })?;
    if definition.branches.len() != progress.branches.len() {
        return Err(DecodeError::Contradiction(
            "definition and progress have different numbers of branches",
        ));
    }
    let branches = definition.branches.into_iter().zip(progress.branches);
    let transaction = GlobalTransaction {
        gid: Gid::parse(&row.gid).map_err(|error| DecodeError::Name {
            field: "gid",
            error,
        })?,
        mode: mode_of_code(row.mode).ok_or(DecodeError::Value {
            field: "mode",
            value: row.mode,
        })?,
        content: hash("content hash", &row.content_hash)?,
        options: Arc::new(options(
            definition
                .options
                .ok_or(DecodeError::Missing { field: "options" })?,
        )?),
        trace_parent: definition.traceparent.into(),
        state: state_of_code(row.state).ok_or(DecodeError::Value {
            field: "state",
            value: row.state,
        })?,
        begun_at: Timestamp::from_micros(row.begun_at),
        try_deadline: Timestamp::from_micros(row.try_deadline),
        decided_at: row.decided_at.map(Timestamp::from_micros),
        ended_at: row.ended_at.map(Timestamp::from_micros),
        cancel_cause: progress.cancel_cause.map(cancel_cause).transpose()?,
        attention: progress.attention.map(attention),
        initiator_checks: progress.initiator_checks,
        next_check_at: progress
            .next_initiator_check_at_micros
            .map(Timestamp::from_micros),
        branches: branches
            .map(|(definition, progress)| branch(definition, progress))
            .collect::<Result<_, _>>()?,
    };
    consistent(&transaction)?;
    Ok(transaction)
}

/// What the state machine never produces, and acting upon which could harm: an end before every branch has followed,
/// a branch that followed another decision, a decision without its time.
fn consistent(transaction: &GlobalTransaction) -> Result<(), DecodeError> {
    let decision = transaction.state.decision();
    if decision.is_some() != transaction.decided_at.is_some() {
        return Err(DecodeError::Contradiction(
            "the state and the time of the decision contradict each other",
        ));
    }
    if transaction.state.is_ended() != transaction.ended_at.is_some() {
        return Err(DecodeError::Contradiction(
            "the state and the time of the end contradict each other",
        ));
    }
    if transaction.cancel_cause.is_some() && decision != Some(Decision::Cancel) {
        return Err(DecodeError::Contradiction(
            "there is a cause of a cancel, and no cancel",
        ));
    }
    if transaction.state.is_ended() && !transaction.all_branches_ended() {
        return Err(DecodeError::Contradiction(
            "the transaction has ended and one of its branches has not",
        ));
    }
    let followed_another = |branch: &Branch| {
        branch.state.is_ended() && decision.map(BranchState::from) != Some(branch.state)
    };
    if transaction.branches.iter().any(followed_another) {
        return Err(DecodeError::Contradiction(
            "a branch has ended otherwise than was decided",
        ));
    }
    let mut ids: Vec<&BranchId> = transaction
        .branches
        .iter()
        .map(|branch| &branch.definition.id)
        .collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DecodeError::Contradiction("two branches have one id"));
    }
    Ok(())
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<ContentHash, DecodeError> {
    let hash = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Hash {
        field,
        length: bytes.len(),
    })?;
    Ok(ContentHash(hash))
}

/// The number that stands for a variant, which must not be the unspecified one.
fn variant<E: TryFrom<i32> + Default + PartialEq>(
    field: &'static str,
    value: i32,
) -> Result<E, DecodeError> {
    E::try_from(value)
        .ok()
        .filter(|variant| *variant != E::default())
        .ok_or(DecodeError::Value {
            field,
            value: value.into(),
        })
}

fn duration(field: &'static str, micros: i64) -> Result<Duration, DecodeError> {
    u64::try_from(micros)
        .map(Duration::from_micros)
        .map_err(|_| DecodeError::Value {
            field,
            value: micros,
        })
}

fn participant(name: &str) -> Result<ParticipantName, DecodeError> {
    ParticipantName::parse(name).map_err(|error| DecodeError::Name {
        field: "participant",
        error,
    })
}

fn options(options: proto::Options) -> Result<Options, DecodeError> {
    let initiator = options.initiator.map(|initiator| {
        let participant = participant(&initiator.participant)?;
        Ok(Initiator {
            participant,
            service: initiator.service.into(),
        })
    });
    Ok(Options {
        try_timeout: duration("try time-out", options.try_timeout_micros)?,
        try_order: match variant("try order", options.try_order)? {
            proto::TryOrder::Sequential => TryOrder::Sequential,
            proto::TryOrder::Parallel | proto::TryOrder::Unspecified => TryOrder::Parallel,
        },
        labels: options.labels.into_iter().collect(),
        headers: options.headers.into_iter().collect(),
        initiator: initiator.transpose()?,
    })
}

fn branch(
    definition: proto::BranchDefinition,
    progress: proto::BranchProgress,
) -> Result<Branch, DecodeError> {
    let state = match variant("branch state", progress.state)? {
        proto::BranchState::Registered | proto::BranchState::Unspecified => BranchState::Registered,
        proto::BranchState::Tried => BranchState::Tried,
        proto::BranchState::Refused => BranchState::Refused,
        proto::BranchState::InDoubt => BranchState::InDoubt,
        proto::BranchState::Confirmed => BranchState::Confirmed,
        proto::BranchState::Cancelled => BranchState::Cancelled,
    };
    Ok(Branch {
        definition: Arc::new(branch_definition(definition)?),
        state,
        state_before_end: None,
        forced: progress.forced,
        tries: progress
            .r#try
            .map(phase_progress)
            .transpose()?
            .unwrap_or_default(),
        second: progress
            .second
            .map(phase_progress)
            .transpose()?
            .unwrap_or_default(),
        try_response: progress.try_response,
        last_error: progress.last_error.map(call_error),
        attention: progress.attention.map(attention),
    })
}

fn branch_definition(definition: proto::BranchDefinition) -> Result<BranchDefinition, DecodeError> {
    let tried_by = match variant("caller of try", definition.tried_by)? {
        proto::TriedBy::Caller => TriedBy::Caller,
        proto::TriedBy::Coordinator | proto::TriedBy::Unspecified => TriedBy::Coordinator,
    };
    Ok(BranchDefinition {
        id: BranchId::parse(&definition.id).map_err(|error| DecodeError::Name {
            field: "branch id",
            error,
        })?,
        participant: participant(&definition.participant)?,
        action: ActionName::parse(&definition.action).map_err(|error| DecodeError::Name {
            field: "action",
            error,
        })?,
        service: definition.service.into(),
        verbs: verbs(&definition.verbs)?,
        payload: definition.payload,
        content: hash("content hash of a branch", &definition.content_hash)?,
        tried_by,
    })
}

fn verbs(verbs: &[i32]) -> Result<Verbs, DecodeError> {
    let phases = verbs
        .iter()
        .map(|verb| phase(*verb))
        .collect::<Result<Vec<_>, _>>()?;
    let has = |phase| phases.contains(&phase);
    Verbs::from_flags(has(Phase::Try), has(Phase::Confirm), has(Phase::Cancel))
        .map_err(|_| DecodeError::Contradiction("a branch has a set of verbs that isn't allowed"))
}

fn phase(verb: i32) -> Result<Phase, DecodeError> {
    Ok(match variant("verb", verb)? {
        proto::Verb::Try | proto::Verb::Unspecified => Phase::Try,
        proto::Verb::Confirm => Phase::Confirm,
        proto::Verb::Cancel => Phase::Cancel,
    })
}

fn phase_progress(progress: proto::PhaseProgress) -> Result<PhaseProgress, DecodeError> {
    Ok(PhaseProgress {
        calls: progress.calls,
        used: progress.used,
        next_attempt_at: progress.next_attempt_at_micros.map(Timestamp::from_micros),
        history: progress
            .attempts
            .into_iter()
            .map(attempt)
            .collect::<Result<AttemptHistory, _>>()?,
    })
}

fn attempt(attempt: proto::Attempt) -> Result<Attempt, DecodeError> {
    Ok(Attempt {
        phase: phase(attempt.phase)?,
        number: attempt.number,
        started_at: Timestamp::from_micros(attempt.started_at_micros),
        took: duration("length of an attempt", attempt.took_micros)?,
        code: attempt.code,
        message: attempt.message,
        endpoint: attempt.endpoint.into(),
    })
}

fn call_error(error: proto::CallError) -> CallError {
    CallError {
        code: error.code,
        reason: error.reason,
        message: error.message,
    }
}

fn attention(attention: proto::Attention) -> Attention {
    Attention {
        why: attention.why,
        since: Timestamp::from_micros(attention.since_micros),
        parked: attention.parked,
    }
}

fn cancel_cause(cause: proto::CancelCause) -> Result<CancelCause, DecodeError> {
    let branch = (!cause.branch_id.is_empty())
        .then(|| BranchId::parse(&cause.branch_id))
        .transpose();
    Ok(CancelCause {
        reason: match variant("cancel reason", cause.reason)? {
            proto::CancelReason::Refused | proto::CancelReason::Unspecified => {
                CancelReason::Refused
            }
            proto::CancelReason::InDoubt => CancelReason::InDoubt,
            proto::CancelReason::Deadline => CancelReason::Deadline,
            proto::CancelReason::Requested => CancelReason::Requested,
            proto::CancelReason::Initiator => CancelReason::Initiator,
        },
        branch: branch.map_err(|error| DecodeError::Name {
            field: "branch that caused a cancel",
            error,
        })?,
        error: cause.error.map(call_error),
        note: cause.note,
    })
}
