//! The fold: how a record changes the state. The only writer of state, for live events and for recovery alike.
//!
//! `apply` never decides anything and never fails: [`GlobalTransaction::decide`] is what refuses. A pair of state
//! and record that `decide` can't produce is a defect, and is asserted in debug builds.

use std::sync::Arc;

use crate::record::{Retry, cut, cut_error};
use crate::{
    Attempt, Begun, Branch, BranchIndex, BranchState, CallOutcome, CallReport, Decided, EndedHow,
    GlobalTransaction, Mode, Note, Phase, Record, TransactionState,
};

impl GlobalTransaction {
    /// The state that a begin makes.
    pub fn begun(begun: Begun) -> Self {
        let is_cancelled = begun.mode == Mode::CancelledUnknown;
        let end = is_cancelled.then_some(begun.at);
        Self {
            gid: begun.gid,
            mode: begun.mode,
            content: begun.content,
            try_deadline: begun.at.saturating_add(begun.options.try_timeout),
            options: begun.options,
            trace_parent: begun.trace_parent,
            state: if is_cancelled {
                TransactionState::Cancelled
            } else {
                TransactionState::Trying
            },
            begun_at: begun.at,
            decided_at: end,
            ended_at: end,
            cancel_cause: begun.cause,
            attention: None,
            initiator_checks: 0,
            next_check_at: None,
            branches: begun.branches.into_iter().map(Branch::new).collect(),
        }
    }

    /// Takes a fact into the state.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::BranchRegistered(definition) => {
                debug_assert_eq!(
                    self.state,
                    TransactionState::Trying,
                    "a branch is only added before the decision"
                );
                self.branches.push(Branch::new(Arc::clone(definition)));
            }
            Record::Renewed(deadline) => {
                debug_assert!(
                    *deadline > self.try_deadline,
                    "a deadline never moves earlier"
                );
                self.try_deadline = *deadline;
            }
            Record::Decided(decided) => self.apply_decided(decided),
            Record::CallFinished(report, retry) => self.apply_call(report, *retry),
            Record::BranchEnded { branch, how } => self.apply_branch_ended(*branch, *how),
            Record::Ended(at) => {
                debug_assert!(
                    self.all_branches_ended(),
                    "a transaction ends after its last branch"
                );
                if let Some(decision) = self.state.decision() {
                    self.state = decision.ended();
                    self.ended_at = Some(*at);
                }
            }
            Record::InitiatorChecked(next_at) => {
                self.initiator_checks = self.initiator_checks.saturating_add(1);
                self.next_check_at = Some(*next_at);
            }
            Record::Noted(note) => self.apply_note(note),
        }
    }

    fn apply_decided(&mut self, decided: &Decided) {
        debug_assert_eq!(
            self.state,
            TransactionState::Trying,
            "a decision is taken once and never reversed"
        );
        self.state = decided.decision.under_way();
        self.decided_at = Some(decided.at);
        self.cancel_cause.clone_from(&decided.cause);
        self.attention = None;
        self.next_check_at = None;
    }

    fn apply_branch_ended(&mut self, index: BranchIndex, how: EndedHow) {
        let Some(decision) = self.state.decision() else {
            debug_assert!(false, "a branch ends only after the decision");
            return;
        };
        let Some(branch) = self.branches.get_mut(index) else {
            return;
        };
        branch.state_before_end = Some(branch.shown_state());
        branch.state = decision.into();
        branch.forced = how == EndedHow::Forced;
        branch.attention = None;
        branch.second.next_attempt_at = None;
    }

    fn apply_call(&mut self, report: &CallReport, retry: Retry) {
        let undecided = self.state == TransactionState::Trying;
        let Some(branch) = self.branches.get_mut(report.branch) else {
            return;
        };
        // A late answer to a try, or to a call that a person has overtaken, is history and nothing more.
        let is_current = !branch.state.is_ended() && (report.phase == Phase::Try) == undecided;
        let progress = branch.progress_mut(report.phase);
        progress.calls = progress.calls.max(report.number);
        progress.history.push(Attempt {
            phase: report.phase,
            number: report.number,
            started_at: report.started_at,
            took: report.took,
            code: report.error.as_ref().map_or(0, |error| error.code),
            message: report
                .error
                .as_ref()
                .map_or_else(String::new, |error| cut(&error.message)),
            endpoint: Arc::clone(&report.endpoint),
        });
        if !is_current {
            return;
        }
        if retry.used {
            progress.used = progress.used.saturating_add(1);
        }
        progress.next_attempt_at = retry.next_at;
        branch.last_error = report.error.as_ref().map(cut_error);
        if report.phase == Phase::Try {
            apply_try(branch, report, retry);
        }
    }

    fn apply_note(&mut self, note: &Note) {
        match note {
            Note::AttentionRaised {
                branch: None,
                attention,
            } => self.attention = Some(attention.clone()),
            Note::AttentionRaised {
                branch: Some(index),
                attention,
            }
            | Note::Parked {
                branch: index,
                attention,
            } => {
                if let Some(branch) = self.branches.get_mut(*index) {
                    branch.attention = Some(attention.clone());
                }
            }
            Note::Resumed { branch, .. } => {
                if let Some(branch) = self.branches.get_mut(*branch) {
                    branch.attention = None;
                    branch.second.used = 0;
                    branch.second.next_attempt_at = None;
                }
            }
            Note::Held {
                attention,
                again_at,
            } => {
                self.attention = Some(attention.clone());
                self.next_check_at = *again_at;
            }
            Note::Released { deadline } => {
                debug_assert!(
                    *deadline >= self.try_deadline,
                    "a deadline never moves earlier"
                );
                self.attention = None;
                self.next_check_at = None;
                self.try_deadline = *deadline;
            }
            Note::Hurried { .. } => {
                self.next_check_at = None;
                for branch in &mut self.branches {
                    branch.tries.next_attempt_at = None;
                    branch.second.next_attempt_at = None;
                }
            }
        }
    }

    /// Whatever has been applied is durable now, and may be shown.
    pub(crate) fn mark_durable(&mut self) {
        for branch in &mut self.branches {
            branch.state_before_end = None;
        }
    }
}

fn apply_try(branch: &mut Branch, report: &CallReport, retry: Retry) {
    branch.state = match report.outcome {
        CallOutcome::Done => {
            branch.try_response = report.response.clone();
            BranchState::Tried
        }
        CallOutcome::Refused => BranchState::Refused,
        CallOutcome::InDoubt if retry.next_at.is_none() => BranchState::InDoubt,
        CallOutcome::InDoubt => BranchState::Registered,
    };
}
