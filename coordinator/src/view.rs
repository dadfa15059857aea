//! What is shown of a transaction: core types become messages of the contract.
//!
//! An end is shown only once it is durable ([`Branch::shown_state`]). Must never: decide anything.

use std::time::Duration;

use tercet_core::{
    Attention, Branch, BranchIndex, BranchState, CallError, CancelCause, CancelReason,
    GlobalTransaction, Phase, Run, Timestamp, TransactionState, Verdict,
};
use tercet_proto::tercet::v1 as pb;

use crate::participants::CallsOut;

/// How much of a transaction is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// With attempts and try responses.
    Whole,
    /// Without: for lists.
    Brief,
}

/// A transaction that is to be shown.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// Its state.
    pub(crate) transaction: &'a GlobalTransaction,
    /// Its calls, where it runs here.
    pub(crate) calls: Option<UnderWay<'a>>,
    /// The advertised address of the coordinator that owns it.
    pub(crate) owner: &'a str,
}

/// Which calls of a transaction are under way: its driver knows those that are to be made, and `out` those of them that
/// don't wait for their participant any more, but for its answer.
#[derive(Clone, Copy)]
pub(crate) struct UnderWay<'a> {
    pub(crate) run: &'a Run,
    pub(crate) out: &'a CallsOut,
}

/// What a branch's call is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallIs {
    NotDue,
    Waiting,
    Out,
}

impl UnderWay<'_> {
    fn call(self, branch: BranchIndex, phase: Phase) -> CallIs {
        if !self.run.is_under_way(branch, phase) {
            CallIs::NotDue
        } else if self.out.is_out(branch, phase) {
            CallIs::Out
        } else {
            CallIs::Waiting
        }
    }
}

impl Shown<'_> {
    /// The whole of it as a message.
    pub(crate) fn message(&self, detail: Detail) -> pb::Transaction {
        let transaction = self.transaction;
        let attempts = match detail {
            Detail::Whole => attempts(transaction),
            Detail::Brief => Vec::new(),
        };
        pb::Transaction {
            gid: transaction.gid.as_str().to_owned(),
            state: state(transaction.state) as i32,
            branches: (0..transaction.branches.len())
                .filter_map(|index| self.branch(index, detail))
                .collect(),
            cancel_cause: transaction.cancel_cause.as_ref().map(cancel_cause),
            begun_at: Some(timestamp(transaction.begun_at)),
            try_deadline: Some(timestamp(transaction.try_deadline)),
            decided_at: transaction.decided_at.map(timestamp),
            ended_at: transaction.ended_at.map(timestamp),
            attention: transaction.oldest_attention().map(attention),
            labels: transaction
                .options
                .labels
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            attempts,
            coordinator: if transaction.state.is_ended() {
                String::new()
            } else {
                self.owner.to_owned()
            },
        }
    }

    /// The branch at `index` as a message.
    pub(crate) fn branch(&self, index: usize, detail: Detail) -> Option<pb::BranchStatus> {
        let branch = self.transaction.branches.get(index)?;
        let decision = self.transaction.state.decision();
        let phase = decision.map_or(Phase::Try, Phase::from);
        let progress = branch.progress(phase);
        let call = self
            .calls
            .map_or(CallIs::NotDue, |calls| calls.call(index, phase));
        let state = branch.shown_state();
        Some(pb::BranchStatus {
            id: branch.definition.id.as_str().to_owned(),
            participant: branch.definition.participant.as_str().to_owned(),
            action: branch.definition.action.as_str().to_owned(),
            state: branch_state(state) as i32,
            attempts: progress.calls + u32::from(call == CallIs::Out),
            try_response: match detail {
                Detail::Whole => branch.try_response.clone(),
                Detail::Brief => bytes::Bytes::new(),
            },
            next_attempt_at: if call == CallIs::NotDue {
                next_attempt_at(branch, phase)
            } else {
                None
            },
            last_error: branch.last_error.as_ref().map(call_error),
            attention: branch.attention.as_ref().map(attention),
            forced: branch.forced && state.is_ended(),
        })
    }
}

fn next_attempt_at(branch: &Branch, phase: Phase) -> Option<prost_types::Timestamp> {
    if branch.state.is_ended() || branch.is_parked() {
        return None;
    }
    branch.progress(phase).next_attempt_at.map(timestamp)
}

fn attempts(transaction: &GlobalTransaction) -> Vec<pb::Attempt> {
    let mut attempts: Vec<_> = transaction
        .branches
        .iter()
        .flat_map(|branch| {
            let of_both = branch
                .tries
                .history
                .iter()
                .chain(branch.second.history.iter());
            of_both.map(move |attempt| (attempt.started_at, branch, attempt))
        })
        .collect();
    attempts.sort_by_key(|(started_at, ..)| *started_at);
    attempts
        .into_iter()
        .map(|(started_at, branch, attempt)| pb::Attempt {
            branch_id: branch.definition.id.as_str().to_owned(),
            phase: phase(attempt.phase) as i32,
            number: attempt.number,
            started_at: Some(timestamp(started_at)),
            took: Some(duration(attempt.took)),
            code: attempt.code,
            message: attempt.message.clone(),
            endpoint: attempt.endpoint.as_ref().to_owned(),
        })
        .collect()
}

/// A time as a message.
pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos,
    }
}

/// A duration as a message.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A state as the contract names it.
pub(crate) const fn state(state: TransactionState) -> pb::TransactionState {
    match state {
        TransactionState::Trying => pb::TransactionState::Trying,
        TransactionState::Confirming => pb::TransactionState::Confirming,
        TransactionState::Confirmed => pb::TransactionState::Confirmed,
        TransactionState::Cancelling => pb::TransactionState::Cancelling,
        TransactionState::Cancelled => pb::TransactionState::Cancelled,
    }
}

/// A verdict as the contract names it.
pub(crate) const fn verdict(verdict: Verdict) -> pb::Verdict {
    match verdict {
        Verdict::Pending => pb::Verdict::Pending,
        Verdict::Confirm => pb::Verdict::Confirm,
        Verdict::Cancel => pb::Verdict::Cancel,
        Verdict::ByHand => pb::Verdict::ByHand,
    }
}

/// A phase as the contract names it.
pub(crate) const fn phase(phase: Phase) -> pb::Phase {
    match phase {
        Phase::Try => pb::Phase::Try,
        Phase::Confirm => pb::Phase::Confirm,
        Phase::Cancel => pb::Phase::Cancel,
    }
}

/// The error of a call as a message.
pub(crate) fn call_error(error: &CallError) -> pb::CallError {
    pb::CallError {
        code: error.code,
        reason: error.reason.clone(),
        message: error.message.clone(),
    }
}

const fn branch_state(state: BranchState) -> pb::BranchState {
    match state {
        BranchState::Registered => pb::BranchState::Registered,
        BranchState::Tried => pb::BranchState::Tried,
        BranchState::Refused => pb::BranchState::Refused,
        BranchState::InDoubt => pb::BranchState::InDoubt,
        BranchState::Confirmed => pb::BranchState::Confirmed,
        BranchState::Cancelled => pb::BranchState::Cancelled,
    }
}

fn cancel_cause(cause: &CancelCause) -> pb::CancelCause {
    let reason = match cause.reason {
        CancelReason::Refused => pb::CancelReason::Refused,
        CancelReason::InDoubt => pb::CancelReason::InDoubt,
        CancelReason::Deadline => pb::CancelReason::Deadline,
        CancelReason::Requested => pb::CancelReason::Requested,
        CancelReason::Initiator => pb::CancelReason::Initiator,
    };
    pb::CancelCause {
        reason: reason as i32,
        branch_id: cause
            .branch
            .as_ref()
            .map_or_else(String::new, |id| id.as_str().to_owned()),
        error: cause.error.as_ref().map(call_error),
        note: cause.note.clone(),
    }
}

fn attention(attention: &Attention) -> pb::Attention {
    pb::Attention {
        why: attention.why.clone(),
        since: Some(timestamp(attention.since)),
        parked: attention.parked,
    }
}
