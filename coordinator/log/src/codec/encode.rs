//! A transaction as a row.

use bytes::Bytes;
use prost::Message as _;
use tercet_core::{
    Attempt, Attention, Branch, BranchDefinition, BranchState, CallError, CancelCause,
    CancelReason, GlobalTransaction, Initiator, Options, Phase, PhaseProgress, Timestamp, TriedBy,
    TryOrder,
};
use tercet_proto::tercet::storage::v1 as proto;

use crate::entry::{DefinitionColumns, Row};

impl Row {
    /// The whole row of `transaction`.
    pub fn encode(transaction: &GlobalTransaction) -> Self {
        Self {
            definition: Some(definition_columns(transaction)),
            ..Self::encode_progress(transaction)
        }
    }

    /// The row of `transaction` without what follows from its options and branches' definitions.
    pub fn encode_progress(transaction: &GlobalTransaction) -> Self {
        Self {
            mode: transaction.mode,
            content: transaction.content,
            state: transaction.state,
            begun_at: transaction.begun_at,
            try_deadline: transaction.try_deadline,
            decided_at: transaction.decided_at,
            ended_at: transaction.ended_at,
            attention_since: transaction
                .oldest_attention()
                .map(|attention| attention.since),
            parked: transaction.is_parked(),
            definition: None,
            progress: Bytes::from(progress(transaction).encode_to_vec()),
        }
    }
}

fn definition_columns(transaction: &GlobalTransaction) -> DefinitionColumns {
    let mut names: Vec<&str> = transaction
        .branches
        .iter()
        .map(|branch| branch.definition.participant.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let participants = if names.is_empty() {
        String::new()
    } else {
        format!(" {} ", names.join(" "))
    };
    let labels = &transaction.options.labels;
    DefinitionColumns {
        participants,
        labels: labels
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        bytes: Bytes::from(definition(transaction).encode_to_vec()),
    }
}

fn definition(transaction: &GlobalTransaction) -> proto::Definition {
    proto::Definition {
        options: Some(options(&transaction.options)),
        traceparent: transaction.trace_parent.to_string(),
        branches: transaction
            .branches
            .iter()
            .map(|branch| branch_definition(&branch.definition))
            .collect(),
    }
}

fn options(options: &Options) -> proto::Options {
    let order = match options.try_order {
        TryOrder::Parallel => proto::TryOrder::Parallel,
        TryOrder::Sequential => proto::TryOrder::Sequential,
    };
    proto::Options {
        try_timeout_micros: i64::try_from(options.try_timeout.as_micros()).unwrap_or(i64::MAX),
        try_order: order.into(),
        labels: options.labels.clone().into_iter().collect(),
        headers: options.headers.clone().into_iter().collect(),
        initiator: options.initiator.as_ref().map(initiator),
    }
}

fn initiator(initiator: &Initiator) -> proto::Initiator {
    proto::Initiator {
        participant: initiator.participant.as_str().to_owned(),
        service: initiator.service.to_string(),
    }
}

fn branch_definition(definition: &BranchDefinition) -> proto::BranchDefinition {
    let verbs = [Phase::Try, Phase::Confirm, Phase::Cancel]
        .into_iter()
        .filter(|verb| definition.verbs.has(*verb));
    let tried_by = match definition.tried_by {
        TriedBy::Coordinator => proto::TriedBy::Coordinator,
        TriedBy::Caller => proto::TriedBy::Caller,
    };
    proto::BranchDefinition {
        id: definition.id.as_str().to_owned(),
        participant: definition.participant.as_str().to_owned(),
        action: definition.action.as_str().to_owned(),
        service: definition.service.to_string(),
        verbs: verbs.map(|verb| verb_of(verb).into()).collect(),
        payload: definition.payload.clone(),
        content_hash: Bytes::copy_from_slice(&definition.content.0),
        tried_by: tried_by.into(),
    }
}

const fn verb_of(phase: Phase) -> proto::Verb {
    match phase {
        Phase::Try => proto::Verb::Try,
        Phase::Confirm => proto::Verb::Confirm,
        Phase::Cancel => proto::Verb::Cancel,
    }
}

fn progress(transaction: &GlobalTransaction) -> proto::Progress {
    proto::Progress {
        cancel_cause: transaction.cancel_cause.as_ref().map(cancel_cause),
        attention: transaction.attention.as_ref().map(attention),
        initiator_checks: transaction.initiator_checks,
        next_initiator_check_at_micros: transaction.next_check_at.map(Timestamp::as_micros),
        branches: transaction.branches.iter().map(branch_progress).collect(),
    }
}

fn cancel_cause(cause: &CancelCause) -> proto::CancelCause {
    let reason = match cause.reason {
        CancelReason::Refused => proto::CancelReason::Refused,
        CancelReason::InDoubt => proto::CancelReason::InDoubt,
        CancelReason::Deadline => proto::CancelReason::Deadline,
        CancelReason::Requested => proto::CancelReason::Requested,
        CancelReason::Initiator => proto::CancelReason::Initiator,
    };
    proto::CancelCause {
        reason: reason.into(),
        branch_id: cause
            .branch
            .as_ref()
            .map_or_else(String::new, |branch| branch.as_str().to_owned()),
        error: cause.error.as_ref().map(call_error),
        note: cause.note.clone(),
    }
}

fn call_error(error: &CallError) -> proto::CallError {
    proto::CallError {
        code: error.code,
        reason: error.reason.clone(),
        message: error.message.clone(),
    }
}

fn attention(attention: &Attention) -> proto::Attention {
    proto::Attention {
        why: attention.why.clone(),
        since_micros: attention.since.as_micros(),
        parked: attention.parked,
    }
}

/// `state_before_end` isn't stored: an end that is read back is durable.
fn branch_progress(branch: &Branch) -> proto::BranchProgress {
    let state = match branch.state {
        BranchState::Registered => proto::BranchState::Registered,
        BranchState::Tried => proto::BranchState::Tried,
        BranchState::Refused => proto::BranchState::Refused,
        BranchState::InDoubt => proto::BranchState::InDoubt,
        BranchState::Confirmed => proto::BranchState::Confirmed,
        BranchState::Cancelled => proto::BranchState::Cancelled,
    };
    proto::BranchProgress {
        state: state.into(),
        forced: branch.forced,
        r#try: phase_progress(&branch.tries),
        second: phase_progress(&branch.second),
        last_error: branch.last_error.as_ref().map(call_error),
        attention: branch.attention.as_ref().map(attention),
        try_response: branch.try_response.clone(),
    }
}

/// None for a phase in which nothing has happened, which most second phases are when they are written.
fn phase_progress(progress: &PhaseProgress) -> Option<proto::PhaseProgress> {
    (*progress != PhaseProgress::default()).then(|| proto::PhaseProgress {
        calls: progress.calls,
        used: progress.used,
        next_attempt_at_micros: progress.next_attempt_at.map(Timestamp::as_micros),
        attempts: progress.history.iter().map(attempt).collect(),
    })
}

fn attempt(attempt: &Attempt) -> proto::Attempt {
    proto::Attempt {
        phase: verb_of(attempt.phase).into(),
        number: attempt.number,
        started_at_micros: attempt.started_at.as_micros(),
        took_micros: i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX),
        code: attempt.code,
        message: attempt.message.clone(),
        endpoint: attempt.endpoint.as_ref().to_owned(),
    }
}
