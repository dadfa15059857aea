//! What a participant keeps: its sums and its fence. It outlives a crash of its host, as a database does.

use std::collections::BTreeMap;

use tercet_participant::{FenceState, FenceVerdict, Phase, Timeliness, Verbs, verdict};

use crate::bugs::Bug;

/// What every participant begins with.
pub(crate) const FUNDS: i64 = 40;

/// A branch, by gid and branch id.
pub(crate) type Key = (String, String);

/// A row of the fence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) state: FenceState,
    pub(crate) amount: i64,
}

/// The sums and the fence.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) available: i64,
    pub(crate) frozen: i64,
    pub(crate) spent: i64,
    pub(crate) rows: BTreeMap<Key, Row>,
    /// How often each verb of a branch really ran.
    pub(crate) runs: BTreeMap<(Key, &'static str), u32>,
}

/// What a call is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Refused(&'static str),
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            available: FUNDS,
            frozen: 0,
            spent: 0,
            rows: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }
}

impl Ledger {
    /// One call, as one SQL transaction would do it: fence row and sums together.
    pub(crate) fn call(
        &mut self,
        key: &Key,
        phase: Phase,
        amount: i64,
        bug: Option<Bug>,
    ) -> Answer {
        let row = self.rows.get(key).map(|row| row.state);
        let row = match (bug, phase, row) {
            (Some(Bug::LateTryAccepted), Phase::Try, Some(FenceState::Cancelled)) => None,
            (Some(Bug::ConfirmRunsAgain), Phase::Confirm, Some(FenceState::Confirmed)) => {
                Some(FenceState::Tried)
            }
            (_, _, row) => row,
        };
        match verdict(phase, row, Verbs::TryConfirmCancel, Timeliness::InTime) {
            FenceVerdict::Run(state) => self.run(key, phase, amount, state),
            FenceVerdict::Record(_) if bug == Some(Bug::EmptyCancelWithoutRow) => Answer::Done,
            FenceVerdict::Record(state) => {
                self.rows.insert(key.clone(), Row { state, amount: 0 });
                Answer::Done
            }
            FenceVerdict::Repeat => Answer::Done,
            FenceVerdict::Refuse(refusal) => Answer::Refused(refusal.reason()),
            FenceVerdict::NotOffered => Answer::Refused("NOT_OFFERED"),
        }
    }

    fn run(&mut self, key: &Key, phase: Phase, amount: i64, state: FenceState) -> Answer {
        match phase {
            Phase::Try if self.available < amount => return Answer::Refused("NOT_ENOUGH"),
            Phase::Try => {
                self.available -= amount;
                self.frozen += amount;
            }
            Phase::Confirm => {
                self.frozen -= amount;
                self.spent += amount;
            }
            Phase::Cancel => {
                self.frozen -= amount;
                self.available += amount;
            }
        }
        *self.runs.entry((key.clone(), phase.as_str())).or_default() += 1;
        self.rows.insert(key.clone(), Row { state, amount });
        Answer::Done
    }
}
