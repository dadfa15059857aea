//! What follows from the state and the time alone: the decision of a one-call transaction, the deadline, the end,
//! and flagging what takes too long.

use super::Surroundings;
use super::calls::describe;
use crate::{
    Attention, Branch, BranchState, CancelCause, CancelReason, Decision, GlobalTransaction, Mode,
    Note, Record, Timestamp, TransactionState,
};

impl GlobalTransaction {
    pub(super) fn due(&self, around: &Surroundings<'_>) -> Vec<Record> {
        if self.is_held() {
            return Vec::new();
        }
        if self.state == TransactionState::Trying {
            return match self.due_decision(around.now) {
                Some((decision, cause)) => self.decision(decision, cause, around),
                None => Vec::new(),
            };
        }
        if self.state.is_ended() {
            return Vec::new();
        }
        if self.all_branches_ended() {
            return vec![Record::Ended(around.now)];
        }
        let mut records = self.used_up_branches(around);
        if records.is_empty() {
            records = self.overdue_branches(around);
        }
        records
    }

    /// Parks what has used up its attempts. This follows from the state and not from the last call's report, so that
    /// a log that doesn't take it is asked again later, and no call goes out meanwhile.
    fn used_up_branches(&self, around: &Surroundings<'_>) -> Vec<Record> {
        let used_up = |branch: &Branch| {
            !branch.state.is_ended()
                && !branch.is_parked()
                && around.policy.is_used_up(branch.second.used)
        };
        self.branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| used_up(branch))
            .map(|(index, branch)| {
                let used = branch.second.used;
                let error = describe(branch.last_error.as_ref());
                let flagged = branch.attention.as_ref();
                Record::Noted(Note::Parked {
                    branch: index,
                    attention: Attention {
                        why: format!("parked after {used} attempts: {error}"),
                        since: flagged.map_or(around.now, |attention| attention.since),
                        parked: true,
                    },
                })
            })
            .collect()
    }

    /// The decision that is due without anybody asking for it.
    fn due_decision(&self, now: Timestamp) -> Option<(Decision, Option<CancelCause>)> {
        if self.mode == Mode::OneCall {
            let failed = |branch: &&Branch| {
                matches!(branch.state, BranchState::Refused | BranchState::InDoubt)
            };
            if let Some(branch) = self.branches.iter().find(failed) {
                let refused = branch.state == BranchState::Refused;
                let reason = if refused {
                    CancelReason::Refused
                } else {
                    CancelReason::InDoubt
                };
                return Some((Decision::Cancel, Some(caused_by(reason, Some(branch)))));
            }
            if self.allows_confirm() {
                return Some((Decision::Confirm, None));
            }
        }
        let without_initiator = self.options.initiator.is_none();
        (without_initiator && now >= self.try_deadline).then(|| {
            (
                Decision::Cancel,
                Some(caused_by(CancelReason::Deadline, self.first_not_tried())),
            )
        })
    }

    /// Flags what isn't done long after the decision. Retries go on.
    fn overdue_branches(&self, around: &Surroundings<'_>) -> Vec<Record> {
        let Some(decided_at) = self.decided_at else {
            return Vec::new();
        };
        if around.now < decided_at.saturating_add(around.policy.attention_after) {
            return Vec::new();
        }
        let overdue = |branch: &Branch| !branch.state.is_ended() && branch.attention.is_none();
        self.branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| overdue(branch))
            .map(|(index, _)| {
                let after = around.policy.attention_after.as_secs();
                let why = format!("not done {after} s after the decision");
                let attention = Attention {
                    why,
                    since: around.now,
                    parked: false,
                };
                Record::Noted(Note::AttentionRaised {
                    branch: Some(index),
                    attention,
                })
            })
            .collect()
    }
}

fn caused_by(reason: CancelReason, branch: Option<&Branch>) -> CancelCause {
    CancelCause {
        reason,
        branch: branch.map(|branch| branch.definition.id.clone()),
        error: branch.and_then(|branch| branch.last_error.clone()),
        note: String::new(),
    }
}
