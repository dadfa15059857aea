//! What becomes of an undecided transaction after the log was restored from a backup.
//!
//! The copy may be older than the decision: participants may have confirmed or cancelled already, and deciding anew, by
//! the deadline or by whoever asks, could contradict them. So each undecided transaction is **held** first
//! ([`Note::Held`], durable, so that whoever takes it over holds it as well): no call, no decision, no command but
//! *retry* and *resume*. Then the fences of its branches are read ([`Effect::ReadFences`](crate::Effect::ReadFences)),
//! and what they say is the decision that was lost.
//!
//! | the fences say | what follows |
//! | --- | --- |
//! | any *confirmed*, none *cancelled* | confirm |
//! | any *cancelled*, none *confirmed* | cancel |
//! | both; or one can't be read; or a person has ended one; or a branch that the log says is tried has no row any more; or a branch that the log doesn't know is *tried* | it stays held and flagged; they are read again after [`RetryPolicy::max`](crate::RetryPolicy) |
//! | nothing else | nobody has acted on a decision: it goes on where it stands |
//!
//! A person reads the fences anew with *retry*, and lets the transaction go on with *resume*, which gives it its whole
//! try time-out once more, so that there is time to confirm or cancel it.
//!
//! What must never happen here: a decision while a fence is unread.

use crate::decide::Surroundings;
use crate::record::cut;
use crate::{
    Attention, BranchId, BranchState, CancelCause, CancelReason, Decision, GlobalTransaction, Note,
    Record, Rejection, Timestamp, TransactionState,
};

/// What a participant's fence holds of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceFound {
    /// No row.
    Nothing,
    /// Its try has run, and nothing else.
    Tried,
    /// It is confirmed.
    Confirmed,
    /// It is cancelled, or its try can't run any more.
    Cancelled,
    /// A person has recorded it as done.
    EndedByHand,
}

/// What came of reading one branch's fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceReading {
    /// The branch. Also one that the log doesn't know, where the reader came upon it.
    pub branch: BranchId,
    /// What stands there, or why it couldn't be read.
    pub found: Result<FenceFound, String>,
}

/// What all fences together say of a transaction whose log was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It was decided, and this is how: the branch shows it.
    Decided(Decision, BranchId),
    /// Every fence was read, and nothing was done in phase two.
    Nothing,
    /// A person has to look at it, for this reason.
    Unclear(String),
}

const HELD: &str = "the log was restored, and the participants' fences are still to be read";

impl GlobalTransaction {
    /// Whether it is held because the log was restored.
    pub fn is_held(&self) -> bool {
        self.state == TransactionState::Trying
            && self
                .attention
                .as_ref()
                .is_some_and(|attention| attention.parked)
    }

    /// What the fences say about the decision that the log may have lost.
    pub fn evidence(&self, readings: &[FenceReading]) -> Evidence {
        let (mut confirmed, mut cancelled) = (None, None);
        for reading in readings {
            let id = &reading.branch;
            let known = self.branch(id).map(|(_, branch)| branch);
            match (&reading.found, known) {
                (Err(why), _) => {
                    return Evidence::Unclear(format!("the fence of {id} can't be read: {why}"));
                }
                (Ok(FenceFound::EndedByHand), _) => {
                    return Evidence::Unclear(format!("a person has ended branch {id}"));
                }
                // Its participant would be told to cancel it, whatever the others do.
                (Ok(FenceFound::Tried), None) => {
                    return Evidence::Unclear(format!("branch {id} is tried and not in the log"));
                }
                (Ok(FenceFound::Nothing), Some(branch))
                    if branch.state == BranchState::Tried
                        && branch.definition.verbs.has(crate::Phase::Try) =>
                {
                    return Evidence::Unclear(format!("branch {id} was tried and has no row now"));
                }
                (Ok(FenceFound::Confirmed), _) => confirmed = confirmed.or(Some(id)),
                (Ok(FenceFound::Cancelled), _) => cancelled = cancelled.or(Some(id)),
                (Ok(FenceFound::Nothing | FenceFound::Tried), _) => {}
            }
        }
        let is_read = |id: &BranchId| readings.iter().any(|reading| reading.branch == *id);
        let unread = self
            .branches
            .iter()
            .find(|branch| !is_read(&branch.definition.id));
        if let Some(branch) = unread {
            let id = &branch.definition.id;
            return Evidence::Unclear(format!("the fence of {id} wasn't read"));
        }
        match (confirmed, cancelled) {
            (Some(one), Some(other)) => {
                Evidence::Unclear(format!("{one} is confirmed and {other} is cancelled"))
            }
            (Some(id), None) => Evidence::Decided(Decision::Confirm, id.clone()),
            (None, Some(id)) => Evidence::Decided(Decision::Cancel, id.clone()),
            (None, None) => Evidence::Nothing,
        }
    }

    /// The log is a restored copy: what is undecided in it is held before anything else.
    pub(crate) fn hold(&self, now: Timestamp) -> Vec<Record> {
        if self.state != TransactionState::Trying || self.is_held() {
            return Vec::new();
        }
        vec![self.held(HELD, None, now)]
    }

    /// What follows from the fences' readings.
    pub(crate) fn fences_read(
        &self,
        readings: &[FenceReading],
        around: &Surroundings<'_>,
    ) -> Vec<Record> {
        if !self.is_held() {
            return Vec::new();
        }
        match self.evidence(readings) {
            Evidence::Decided(Decision::Confirm, _) => {
                self.decision(Decision::Confirm, None, around)
            }
            Evidence::Decided(Decision::Cancel, id) => {
                let cause = CancelCause {
                    reason: CancelReason::Requested,
                    note: format!("the log was restored, and the fence of {id} says cancelled"),
                    branch: Some(id),
                    error: None,
                };
                self.decision(Decision::Cancel, Some(cause), around)
            }
            Evidence::Nothing => vec![Record::Noted(Note::Released {
                deadline: self.try_deadline,
            })],
            Evidence::Unclear(why) => {
                let again_at = around.now.saturating_add(around.policy.max);
                let why = format!("the log was restored: {}", cut(&why));
                vec![self.held(&why, Some(again_at), around.now)]
            }
        }
    }

    fn held(&self, why: &str, again_at: Option<Timestamp>, now: Timestamp) -> Record {
        let since = self
            .attention
            .as_ref()
            .map_or(now, |attention| attention.since);
        Record::Noted(Note::Held {
            attention: Attention {
                why: why.to_owned(),
                since,
                parked: true,
            },
            again_at,
        })
    }

    /// A person lets it go on, whatever the fences say.
    pub(crate) fn release(&self, now: Timestamp) -> Vec<Record> {
        let deadline = now.saturating_add(self.options.try_timeout);
        vec![Record::Noted(Note::Released {
            deadline: deadline.max(self.try_deadline),
        })]
    }

    /// Refuses what would change a transaction that is held.
    pub(crate) fn only_not_held(&self) -> Result<(), Rejection> {
        match &self.attention {
            Some(attention) if self.is_held() => {
                Err(Rejection::LogUnavailable(attention.why.clone()))
            }
            _ => Ok(()),
        }
    }
}
