//! The participants' resolver: rows that have been *tried* for long ask the coordinator what became of them.

use tercet_core::{BranchId, Gid, Phase, Verdict};

use super::World;
use super::event::{Caller, Event};
use super::participants::Visit;
use crate::fence::FenceState;
use crate::queue::SECOND;

impl World {
    /// The participant's resolver asks about branches that it has held for long.
    pub(super) fn participant_resolves(&mut self, participant: usize) {
        let long_ago = self.now.saturating_sub(10 * SECOND);
        let held: Vec<(Gid, BranchId)> = self.participants[participant]
            .fence
            .iter()
            .filter(|(_, row)| row.state == FenceState::Tried && row.changed_at < long_ago)
            .map(|(key, _)| key.clone())
            .collect();
        for key in held {
            if !self.coordinators[self.me].up || self.rng.chance(self.faults.lost) {
                continue;
            }
            let live = self.coordinators[self.me]
                .runs
                .get(&key.0)
                .filter(|owned| owned.run.version() > 0);
            let verdict = match (live, self.log.row(&key.0)) {
                (Some(owned), _) => owned.run.transaction().resolve(&key.1),
                (None, Some(row)) => row.state.resolve(&key.1),
                (None, None) => continue,
            };
            let at = self.now + self.delay();
            self.queue.schedule(
                at,
                Event::Resolved {
                    participant,
                    key,
                    verdict,
                },
            );
        }
    }

    /// The resolver acts on what it was told.
    pub(super) fn resolved(&mut self, participant: usize, key: &(Gid, BranchId), verdict: Verdict) {
        let phase = match verdict {
            Verdict::Pending => return,
            Verdict::Confirm => Phase::Confirm,
            Verdict::Cancel => Phase::Cancel,
            Verdict::ByHand => {
                let now = self.now;
                return self.participants[participant].end_by_hand(key, now);
            }
        };
        let Some(row) = self.participants[participant].fence.get(key) else {
            return;
        };
        self.stats.resolved += 1;
        let visit = Visit {
            gid: key.0.clone(),
            branch: key.1.clone(),
            phase,
            verbs: row.verbs,
            payload: row.payload.clone(),
            try_deadline: i64::MAX,
            in_background: true,
        };
        self.call_arrives(participant, &visit, Caller::Nobody);
    }
}
