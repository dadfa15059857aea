//! What has to hold, looked at while the world runs and when it has come to rest.

use std::collections::BTreeMap;

use futures::executor::block_on;
use tercet_client::Outcome;
use tercet_core::{Gid, TransactionState};
use tercet_log::{Filter, TransactionLog as _};
use tercet_participant::{FenceState, Phase};

use crate::{
    ledger::{FUNDS, Key, Ledger},
    world::{Counts, PARTICIPANTS, Shared},
};

/// The end states, by gid.
type Ends = BTreeMap<String, TransactionState>;

impl Shared {
    /// No call before its record is durable: the log is read while the participant already has the call.
    pub(crate) async fn promised(&self, participant: &str, key: &Key, phase: Phase) {
        let Some(store) = self.store.lock().unwrap().clone() else {
            return;
        };
        let Ok(gid) = Gid::parse(&key.0) else {
            return self.violated(format!("{participant} was called with the gid {:?}", key.0));
        };
        let state = store.read(&gid).await.ok().flatten();
        let state = state.map(|stored| stored.transaction.state);
        let is_promised = match phase {
            Phase::Try => state.is_some(),
            Phase::Confirm => matches!(
                state,
                Some(TransactionState::Confirming | TransactionState::Confirmed)
            ),
            Phase::Cancel => matches!(
                state,
                Some(TransactionState::Cancelling | TransactionState::Cancelled)
            ),
        };
        if !is_promised {
            self.violated(format!(
                "{participant} got {phase} of {key:?} while the log has {state:?}"
            ));
        }
    }

    /// A decision never changes, whoever shows it.
    pub(crate) fn saw(&self, gid: &str, outcome: &Outcome) {
        let mut seen = self.seen.lock().unwrap();
        let seen = seen.entry(gid.to_owned()).or_default();
        seen.confirm |= outcome.is_confirm();
        seen.cancel |= outcome.is_cancel();
        if seen.confirm && seen.cancel {
            self.violated(format!("{gid} was shown as confirmed and as cancelled"));
        }
    }

    /// What has been shown once is known for good.
    pub(crate) fn unknown(&self, gid: &str) {
        if self.seen.lock().unwrap().contains_key(gid) {
            self.violated(format!("{gid} was shown, and now nobody knows it"));
        }
    }
}

/// Looks at a world that has come to rest.
pub(crate) fn at_rest(shared: &Shared, ledgers: &[(&'static str, &Ledger)], counts: &mut Counts) {
    let ends = ends(shared);
    counts.confirmed = count(&ends, TransactionState::Confirmed);
    counts.cancelled = count(&ends, TransactionState::Cancelled);
    for (gid, seen) in shared.seen.lock().unwrap().iter() {
        let end = ends.get(gid);
        let is_other = match end {
            Some(TransactionState::Confirmed) => seen.cancel,
            Some(TransactionState::Cancelled) => seen.confirm,
            _ => seen.cancel || seen.confirm,
        };
        if is_other {
            shared.violated(format!(
                "{gid} ended as {end:?}, and something else was shown"
            ));
        }
    }
    one_transaction_a_submission(shared, &ends);
    for (name, ledger) in ledgers {
        fence_and_log_agree(shared, name, ledger, &ends);
        sums(shared, name, ledger, &ends);
    }
    every_branch_ended_alike(shared, ledgers, &ends);
}

/// Everything has ended once faults have stopped.
fn ends(shared: &Shared) -> Ends {
    let store = shared.store.lock().unwrap().clone().unwrap();
    let page = block_on(store.list(&Filter::default(), None, 10_000)).unwrap();
    let mut ends = Ends::new();
    for stored in page.items {
        let (gid, state) = (stored.transaction.gid.to_string(), stored.transaction.state);
        if !matches!(
            state,
            TransactionState::Confirmed | TransactionState::Cancelled
        ) {
            shared.violated(format!("{gid} is still {state:?}"));
        }
        ends.insert(gid, state);
    }
    ends
}

fn count(ends: &Ends, state: TransactionState) -> u64 {
    ends.values().filter(|end| **end == state).count() as u64
}

/// A submission is paid once, however often it was repeated: repeats share the gid up to a `+`.
fn one_transaction_a_submission(shared: &Shared, ends: &Ends) {
    let mut paid: BTreeMap<&str, u32> = BTreeMap::new();
    for (gid, end) in ends {
        if *end == TransactionState::Confirmed {
            *paid
                .entry(gid.split('+').next().unwrap_or(gid))
                .or_default() += 1;
        }
    }
    for (submission, times) in paid.into_iter().filter(|(_, times)| *times > 1) {
        shared.violated(format!("{submission} was paid {times} times"));
    }
}

/// Atomicity, one participant at a time.
fn fence_and_log_agree(shared: &Shared, name: &str, ledger: &Ledger, ends: &Ends) {
    for ((gid, branch), row) in &ledger.rows {
        let wanted = match ends.get(gid) {
            Some(TransactionState::Confirmed) => FenceState::Confirmed,
            Some(TransactionState::Cancelled) => FenceState::Cancelled,
            other => {
                shared.violated(format!(
                    "{name} has {gid}/{branch}, which the log has as {other:?}"
                ));
                continue;
            }
        };
        if row.state != wanted {
            shared.violated(format!(
                "{name} has {gid}/{branch} as {:?}, not {wanted:?}",
                row.state
            ));
        }
    }
    for ((key, verb), times) in ledger.runs.iter().filter(|(_, times)| **times > 1) {
        shared.violated(format!("{name} ran {verb} of {key:?} {times} times"));
    }
}

/// Atomicity, across participants: a confirmed transaction has a confirmed row wherever it has a branch.
fn every_branch_ended_alike(shared: &Shared, ledgers: &[(&'static str, &Ledger)], ends: &Ends) {
    let store = shared.store.lock().unwrap().clone().unwrap();
    for gid in ends
        .keys()
        .filter(|gid| ends[*gid] == TransactionState::Confirmed)
    {
        let stored = block_on(store.read(&Gid::parse(gid).unwrap()))
            .unwrap()
            .unwrap();
        for branch in &stored.transaction.branches {
            let name = branch.definition.participant.as_str();
            let key = (gid.clone(), branch.definition.id.as_str().to_owned());
            let ledger = ledgers.iter().find(|(other, _)| *other == name).unwrap().1;
            let state = ledger.rows.get(&key).map(|row| row.state);
            if state != Some(FenceState::Confirmed) {
                shared.violated(format!("{gid} is confirmed, and {name} has {state:?}"));
            }
        }
    }
}

/// Nothing is lost and nothing is made.
fn sums(shared: &Shared, name: &str, ledger: &Ledger, ends: &Ends) {
    let paid: i64 = ledger
        .rows
        .iter()
        .filter(|((gid, _), _)| ends.get(gid) == Some(&TransactionState::Confirmed))
        .map(|(_, row)| row.amount)
        .sum();
    let Ledger {
        available,
        frozen,
        spent,
        ..
    } = ledger;
    if *frozen != 0 || *spent != paid || available + spent != FUNDS {
        shared.violated(format!(
            "{name} has {available} + {frozen} frozen + {spent} spent, where {paid} of {FUNDS} were paid"
        ));
    }
    debug_assert!(PARTICIPANTS.contains(&name));
}
