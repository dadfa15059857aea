//! What agrees with what: one branch in the log beside the same branch in its participant's fence. Pure.

use tercet_client::proto::{BranchState, FenceState, Transaction, TransactionState};

use super::finding::{Kind, Remedy};
use crate::render::words;

/// A branch as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) transaction: TransactionState,
    /// Its state and whether a person forced it; nothing when the transaction has no such branch.
    pub(super) branch: Option<(BranchState, bool)>,
    pub(super) has_try: bool,
    pub(super) has_confirm: bool,
}

impl Logged {
    /// The branch of that id. The verbs are those of its action, as configured now.
    pub(super) fn of(transaction: &Transaction, id: &str, verbs: Verbs) -> Self {
        let branch = transaction.branches.iter().find(|branch| branch.id == id);
        Self {
            transaction: transaction.state(),
            branch: branch.map(|branch| (branch.state(), branch.forced)),
            has_try: verbs.has_try,
            has_confirm: verbs.has_confirm,
        }
    }

    fn is_ended(self) -> bool {
        matches!(
            self.transaction,
            TransactionState::Confirmed | TransactionState::Cancelled
        )
    }
}

/// Which verbs an action has. One that isn't configured any more may have had all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verbs {
    pub(super) has_try: bool,
    pub(super) has_confirm: bool,
}

/// A disagreement about a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disagreement {
    pub(super) kind: Kind,
    pub(super) remedy: Remedy,
    pub(super) why: String,
}

/// Whether the two agree. `fence` is nothing where there is no row.
pub(super) fn compare(logged: Logged, fence: Option<FenceState>) -> Option<Disagreement> {
    let kind = kind(logged, fence)?;
    let remedy = match kind {
        Kind::BranchUnfinished => Remedy::Settle,
        // Before the decision nothing can be recorded by hand, and after the end nothing is left to record.
        _ if logged.is_ended() || logged.transaction == TransactionState::Trying => Remedy::ByHand,
        _ => Remedy::Force,
    };
    let branch = match logged.branch {
        None => "no such branch".to_owned(),
        Some((state, true)) => format!("the branch {}, by hand", words::branch_state(state)),
        Some((state, false)) => format!("the branch {}", words::branch_state(state)),
    };
    let fence = fence.map_or("no row", fence_words);
    let transaction = words::transaction_state(logged.transaction);
    Some(Disagreement {
        kind,
        remedy,
        why: format!("the log has {transaction} and {branch}, the fence has {fence}"),
    })
}

/// A branch in a fence whose transaction the log doesn't know. A row that ended longer ago than the log remembers
/// (`is_recent` is false) is what is left when the log has been purged.
pub(super) fn unknown(fence: FenceState, is_recent: bool) -> Option<Disagreement> {
    let (kind, remedy) = match fence {
        FenceState::Tried => (Kind::BranchOrphaned, Remedy::CancelUnknown),
        FenceState::Confirmed if is_recent => (Kind::TransactionLost, Remedy::ByHand),
        _ => return None,
    };
    let why = format!(
        "the log doesn't know the transaction, the fence has {}",
        fence_words(fence)
    );
    Some(Disagreement { kind, remedy, why })
}

fn kind(logged: Logged, fence: Option<FenceState>) -> Option<Kind> {
    let unfinished = (fence == Some(FenceState::Tried)).then_some(Kind::BranchUnfinished);
    let Some((branch, is_forced)) = logged.branch else {
        // The participant is told to cancel what the transaction doesn't have, once it is decided.
        return match fence {
            Some(FenceState::Confirmed) => Some(Kind::BranchContradicted),
            _ if logged.transaction == TransactionState::Trying => None,
            _ => unfinished,
        };
    };
    if is_forced {
        return unfinished;
    }
    let contradicted = Some(Kind::BranchContradicted);
    let missing = Some(Kind::BranchMissing);
    match logged.transaction {
        TransactionState::Trying => match fence {
            Some(FenceState::Confirmed | FenceState::Cancelled | FenceState::EndedByHand) => {
                contradicted
            }
            None if branch == BranchState::Tried && logged.has_try => missing,
            _ => None,
        },
        TransactionState::Confirming | TransactionState::Confirmed => {
            let is_done = branch == BranchState::Confirmed;
            match fence {
                Some(FenceState::Cancelled) => contradicted,
                // Without a confirm nobody calls it; the participant finds out by itself, in its own time.
                Some(FenceState::Tried) if is_done && logged.has_confirm => unfinished,
                None if is_done || logged.has_try => missing,
                _ => None,
            }
        }
        TransactionState::Cancelling | TransactionState::Cancelled => match fence {
            Some(FenceState::Confirmed) => contradicted,
            Some(FenceState::Tried) if branch == BranchState::Cancelled => unfinished,
            _ => None,
        },
        TransactionState::Unspecified => None,
    }
}

fn fence_words(state: FenceState) -> &'static str {
    match state {
        FenceState::Unspecified => "an unknown state",
        FenceState::Tried => "TRIED",
        FenceState::Confirmed => "CONFIRMED",
        FenceState::Cancelled => "CANCELLED",
        FenceState::EndedByHand => "ENDED_BY_HAND",
    }
}

#[cfg(test)]
mod tests;
