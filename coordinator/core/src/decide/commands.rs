//! What follows from a command: of the initiator, or of an operator.

use core::time::Duration;
use std::sync::Arc;

use super::Surroundings;
use crate::record::cut;
use crate::{
    Attention, BranchDefinition, BranchId, CancelCause, CancelReason, Decision, EndedHow,
    GlobalTransaction, Mode, Note, Record, Rejection, Timestamp, TransactionState,
};

impl GlobalTransaction {
    fn only_step_by_step(&self) -> Result<(), Rejection> {
        if self.mode == Mode::OneCall {
            Err(Rejection::OneCall)
        } else {
            Ok(())
        }
    }

    fn only_undecided(&self) -> Result<(), Rejection> {
        self.state
            .decision()
            .map_or(Ok(()), |decision| Err(Rejection::AlreadyDecided(decision)))
    }

    fn only_decided(&self) -> Result<(), Rejection> {
        if self.state == TransactionState::Trying {
            Err(Rejection::NotDecided)
        } else {
            Ok(())
        }
    }

    pub(super) fn register(
        &self,
        definition: &Arc<BranchDefinition>,
        around: &Surroundings<'_>,
    ) -> Result<Vec<Record>, Rejection> {
        self.only_step_by_step()?;
        if let Some((_, known)) = self.branch(&definition.id) {
            // The same branch again: the kind that came first stands, and nothing is called twice.
            let same = known.definition.content == definition.content;
            return if same {
                Ok(Vec::new())
            } else {
                Err(Rejection::BranchConflict(definition.id.clone()))
            };
        }
        self.only_undecided()?;
        self.only_not_held()?;
        if self.branches.len() >= around.policy.branches_max {
            return Err(Rejection::TooManyBranches(self.branches.len()));
        }
        let known: usize = self
            .branches
            .iter()
            .map(|branch| branch.definition.payload.len())
            .sum();
        let (bytes, max) = (
            known + definition.payload.len(),
            around.policy.payload_bytes_max,
        );
        if bytes > max {
            return Err(Rejection::PayloadTooLarge { bytes, max });
        }
        Ok(vec![Record::BranchRegistered(Arc::clone(definition))])
    }

    pub(super) fn confirm(&self, around: &Surroundings<'_>) -> Result<Vec<Record>, Rejection> {
        self.only_step_by_step()?;
        match self.state.decision() {
            Some(Decision::Confirm) => return Ok(Vec::new()),
            Some(Decision::Cancel) => return Err(Rejection::AlreadyDecided(Decision::Cancel)),
            None => self.only_not_held()?,
        }
        match self.branches.iter().find(|branch| !branch.allows_confirm()) {
            Some(branch) => Err(Rejection::BranchNotTried(branch.definition.id.clone())),
            None => Ok(self.decision(Decision::Confirm, None, around)),
        }
    }

    pub(super) fn cancel(
        &self,
        reason: &str,
        around: &Surroundings<'_>,
    ) -> Result<Vec<Record>, Rejection> {
        match self.state.decision() {
            Some(Decision::Cancel) => Ok(Vec::new()),
            Some(Decision::Confirm) => Err(Rejection::AlreadyDecided(Decision::Confirm)),
            None => {
                self.only_not_held()?;
                let cause = CancelCause {
                    reason: CancelReason::Requested,
                    branch: None,
                    error: None,
                    note: cut(reason),
                };
                Ok(self.decision(Decision::Cancel, Some(cause), around))
            }
        }
    }

    pub(super) fn renew(
        &self,
        timeout: Duration,
        now: Timestamp,
    ) -> Result<Vec<Record>, Rejection> {
        self.only_undecided()?;
        self.only_not_held()?;
        let deadline = now.saturating_add(timeout);
        Ok(if deadline > self.try_deadline {
            vec![Record::Renewed(deadline)]
        } else {
            Vec::new()
        })
    }

    pub(super) fn retry(&self, now: Timestamp) -> Vec<Record> {
        if self.state.is_ended() {
            Vec::new()
        } else {
            vec![Record::Noted(Note::Hurried { at: now })]
        }
    }

    pub(super) fn park(&self, reason: &str, now: Timestamp) -> Result<Vec<Record>, Rejection> {
        self.only_decided()?;
        let open = self
            .branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| !branch.state.is_ended());
        Ok(open
            .filter(|(_, branch)| !branch.is_parked())
            .map(|(index, branch)| {
                let since = branch
                    .attention
                    .as_ref()
                    .map_or(now, |attention| attention.since);
                let why = format!("parked by an operator: {}", cut(reason));
                Record::Noted(Note::Parked {
                    branch: index,
                    attention: Attention {
                        why,
                        since,
                        parked: true,
                    },
                })
            })
            .collect())
    }

    pub(super) fn resume(&self, now: Timestamp) -> Result<Vec<Record>, Rejection> {
        if self.is_held() {
            return Ok(self.release(now));
        }
        self.only_decided()?;
        let parked = self
            .branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| branch.is_parked());
        Ok(parked
            .map(|(branch, _)| Record::Noted(Note::Resumed { branch, at: now }))
            .collect())
    }

    pub(super) fn force(&self, id: &BranchId, now: Timestamp) -> Result<Vec<Record>, Rejection> {
        self.only_decided()?;
        let Some((index, branch)) = self.branch(id) else {
            return Err(Rejection::UnknownBranch(id.clone()));
        };
        if branch.state.is_ended() {
            return Ok(Vec::new());
        }
        let mut records = vec![Record::BranchEnded {
            branch: index,
            how: EndedHow::Forced,
        }];
        let is_last = self
            .branches
            .iter()
            .filter(|branch| !branch.state.is_ended())
            .count()
            == 1;
        if is_last {
            records.push(Record::Ended(now));
        }
        Ok(records)
    }
}
