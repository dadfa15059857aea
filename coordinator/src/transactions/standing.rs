//! How a transaction stands, in a few words: what an audit record says of before and after.
//!
//! The form is always the same, so that two of them can be compared: the state, `held` where a restored log is waited for,
//! then each branch that hasn't ended or that a person has ended, at most [`BRANCHES_MAX`] of them.
//!
//! ```text
//! CONFIRMING, branch 2 parked after 5 attempts
//! CONFIRMED, branch 2 done by hand
//! ```

use std::fmt::Write as _;

use tercet_core::{Branch, BranchState, GlobalTransaction, TransactionState};
use tercet_log::AUDIT_STATE_BYTES_MAX;

/// How a gid stands that nobody has begun.
pub(super) const UNKNOWN: &str = "unknown";

/// Branches that are named; of the others only how many there are.
const BRANCHES_MAX: usize = 8;

/// The most bytes that a branch takes: its id, the longest words and the longest number.
const BRANCH_BYTES_MAX: usize = 64 + 43;
const _: () = assert!(BRANCHES_MAX * BRANCH_BYTES_MAX + 64 <= AUDIT_STATE_BYTES_MAX);

/// How `transaction` stands.
pub(super) fn standing(transaction: &GlobalTransaction) -> String {
    let mut text = state(transaction.state).to_owned();
    if transaction.is_held() {
        text.push_str(", held");
    }
    let told = |branch: &&Branch| !branch.state.is_ended() || branch.forced;
    let mut branches = transaction.branches.iter().filter(told);
    for branch in branches.by_ref().take(BRANCHES_MAX) {
        // Writing to a string can't fail.
        let _ = write!(text, ", branch {} ", branch.definition.id);
        tell(&mut text, branch, transaction.state);
    }
    let more = branches.count();
    if more > 0 {
        let _ = write!(text, ", {more} more");
    }
    text
}

fn state(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Trying => "TRYING",
        TransactionState::Confirming => "CONFIRMING",
        TransactionState::Confirmed => "CONFIRMED",
        TransactionState::Cancelling => "CANCELLING",
        TransactionState::Cancelled => "CANCELLED",
    }
}

fn tell(text: &mut String, branch: &Branch, state: TransactionState) {
    if branch.state.is_ended() {
        text.push_str("done by hand");
        return;
    }
    let progress = match state {
        TransactionState::Trying => &branch.tries,
        _ => &branch.second,
    };
    let word = match (state, branch.state) {
        (TransactionState::Trying, BranchState::Tried) => "tried",
        (TransactionState::Trying, BranchState::Refused) => "refused",
        (TransactionState::Trying, BranchState::InDoubt) => "in doubt",
        (TransactionState::Trying, _) if progress.calls == 0 => "registered",
        _ if branch.is_parked() => "parked",
        _ if progress.next_attempt_at.is_some() => "waits",
        _ => "due",
    };
    text.push_str(word);
    match progress.calls {
        0 => {}
        1 => text.push_str(" after 1 attempt"),
        calls => {
            let _ = write!(text, " after {calls} attempts");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use tercet_core::{
        ActionName, Attention, Begun, BranchDefinition, BranchId, ContentHash, Gid, Mode, Options,
        ParticipantName, Timestamp, TriedBy, Verbs,
    };

    use super::*;

    fn transaction(branches: u32, id: impl Fn(u32) -> String) -> GlobalTransaction {
        let branches = (1..=branches).map(|number| {
            Arc::new(BranchDefinition {
                id: BranchId::parse(&id(number)).unwrap(),
                participant: ParticipantName::parse("stock").unwrap(),
                action: ActionName::parse("reserve").unwrap(),
                service: Arc::from("shop.Stock"),
                verbs: Verbs::Tcc,
                payload: bytes::Bytes::new(),
                content: ContentHash::default(),
                tried_by: TriedBy::Coordinator,
            })
        });
        GlobalTransaction::begun(Begun {
            gid: Gid::parse("g").unwrap(),
            mode: Mode::OneCall,
            content: ContentHash::default(),
            options: Arc::new(Options::default()),
            trace_parent: Arc::from(""),
            at: Timestamp::EPOCH,
            cause: None,
            branches: branches.collect(),
        })
    }

    fn parked(branch: &mut Branch) {
        branch.attention = Some(Attention {
            why: "attempts used up".to_owned(),
            since: Timestamp::EPOCH,
            parked: true,
        });
    }

    #[test]
    fn open_branches_and_those_done_by_hand_are_told() {
        let mut it = transaction(4, |number| number.to_string());
        it.branches[1].state = BranchState::Tried;
        it.branches[1].tries.calls = 1;
        it.branches[2].tries.calls = 2;
        it.branches[2].tries.next_attempt_at = Some(Timestamp::EPOCH);
        it.branches[3].state = BranchState::InDoubt;
        it.branches[3].tries.calls = 3;
        assert_eq!(
            standing(&it),
            "TRYING, branch 1 registered, branch 2 tried after 1 attempt, branch 3 waits after 2 attempts, branch 4 in doubt \
             after 3 attempts"
        );

        it.state = TransactionState::Cancelling;
        it.branches[0].state = BranchState::Cancelled;
        it.branches[1].state = BranchState::Cancelled;
        it.branches[1].forced = true;
        it.branches[2].second.calls = 5;
        parked(&mut it.branches[2]);
        assert_eq!(
            standing(&it),
            "CANCELLING, branch 2 done by hand, branch 3 parked after 5 attempts, branch 4 due"
        );
    }

    #[test]
    fn it_never_outgrows_its_bound() {
        let mut it = transaction(64, |number| format!("{number:x>64}"));
        it.state = TransactionState::Confirming;
        for branch in &mut it.branches {
            branch.second.calls = u32::MAX;
            parked(branch);
        }
        let text = standing(&it);
        assert!(text.len() <= AUDIT_STATE_BYTES_MAX, "{} bytes", text.len());
        assert!(text.ends_with(", 56 more"), "{text}");
    }
}
