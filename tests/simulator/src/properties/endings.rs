//! How it all ends: every branch the same way, nobody forgotten, nothing left over.

use std::collections::{BTreeMap, BTreeSet};

use tercet_core::{
    BranchId, BranchState, CancelReason, Decision, Gid, GlobalTransaction, Phase, TriedBy, Verbs,
};

use super::{Holds, Property, ensure};
use crate::observation::{Observed, Said};
use crate::workload::{amount_of, participant_of};
use crate::world::{Local, LocalEnd, World};

type Key = (Gid, BranchId);

/// All branches follow the decision, each exactly once, and the sums say so.
#[derive(Debug, Default)]
pub(crate) struct Atomicity {
    ran: BTreeMap<Key, Vec<Phase>>,
}

impl Atomicity {
    fn check(&self, transaction: &GlobalTransaction, decision: Decision) -> Holds {
        for branch in transaction.branches.iter().filter(|branch| !branch.forced) {
            let key = (transaction.gid.clone(), branch.definition.id.clone());
            let ran = self.ran.get(&key).map_or(&[][..], Vec::as_slice);
            let right = match (decision, branch.definition.verbs) {
                (Decision::Confirm, Verbs::Tcc) => ran == [Phase::Try, Phase::Confirm],
                (Decision::Confirm, Verbs::Saga) => {
                    ran == [Phase::Try] || ran == [Phase::Try, Phase::Confirm]
                }
                (Decision::Confirm, Verbs::Message) => ran == [Phase::Confirm],
                (Decision::Cancel, Verbs::Tcc | Verbs::Saga) => {
                    ran.is_empty() || ran == [Phase::Try, Phase::Cancel]
                }
                (Decision::Cancel, Verbs::Message) => ran.is_empty(),
            };
            ensure(right, || {
                format!(
                    "{}/{} ran {ran:?}, and the decision was {decision:?}",
                    key.0, key.1
                )
            })?;
        }
        Ok(())
    }
}

impl Property for Atomicity {
    fn name(&self) -> &'static str {
        "all branches follow the decision, each once"
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::FenceActed(acted) = observed else {
            return Ok(());
        };
        if !acted.ran {
            return Ok(());
        }
        let key = (acted.visit.gid.clone(), acted.visit.branch.clone());
        let ran = self.ran.entry(key).or_default();
        ran.push(acted.visit.phase);
        let twice = ran
            .iter()
            .filter(|phase| **phase == acted.visit.phase)
            .count()
            > 1;
        ensure(!twice, || {
            format!("{}/{} ran {ran:?}", acted.visit.gid, acted.visit.branch)
        })
    }

    fn at_end(&mut self, world: &World) -> Holds {
        let mut used = vec![0; world.participants.len()];
        let mut by_hand = BTreeSet::new();
        for row in world.log.rows.values() {
            let Some(decision) = row.state.state.decision() else {
                continue;
            };
            self.check(&row.state, decision)?;
            for branch in &row.state.branches {
                let participant = participant_of(&branch.definition);
                if branch.forced {
                    by_hand.insert(participant);
                } else if decision == Decision::Confirm && branch.definition.verbs != Verbs::Message
                {
                    used[participant] += amount_of(&branch.definition.payload);
                }
            }
        }
        for key in self.ran.keys() {
            let known = world
                .log
                .row(&key.0)
                .is_some_and(|row| row.state.branch(&key.1).is_some());
            ensure(known, || {
                format!("{}/{} ran and no transaction knows it", key.0, key.1)
            })?;
        }
        for (index, participant) in world.participants.iter().enumerate() {
            if !by_hand.contains(&index) {
                let ledger = &participant.ledger;
                ensure(ledger.used == used[index] && ledger.reserved == 0, || {
                    format!(
                        "participant {index} has {ledger:?}, but {} were confirmed",
                        used[index]
                    )
                })?;
            }
        }
        Ok(())
    }
}

/// Every branch whose try may have been sent heard of the decision, and agreed.
#[derive(Debug, Default)]
pub(crate) struct PhaseTwoForAll {
    sent: BTreeSet<(Gid, usize)>,
    agreed: BTreeSet<(Gid, BranchId, Phase)>,
}

impl Property for PhaseTwoForAll {
    fn name(&self) -> &'static str {
        "phase two for every branch whose try may have been sent"
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        match observed {
            Observed::CallSent(call) if call.phase == Phase::Try && !call.never_sent => {
                self.sent.insert((call.gid.clone(), call.branch));
            }
            Observed::FenceActed(acted)
                if acted.answer == Said::Ok && acted.visit.phase != Phase::Try =>
            {
                let visit = &acted.visit;
                self.agreed
                    .insert((visit.gid.clone(), visit.branch.clone(), visit.phase));
            }
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, world: &World) -> Holds {
        for (gid, row) in &world.log.rows {
            let Some(decision) = row.state.state.decision() else {
                continue;
            };
            let phase = Phase::from(decision);
            for (index, branch) in row.state.branches.iter().enumerate() {
                let definition = &branch.definition;
                let may_be_sent = definition.tried_by == TriedBy::Caller
                    || self.sent.contains(&(gid.clone(), index))
                    || !definition.verbs.has(Phase::Try);
                let key = (gid.clone(), definition.id.clone(), phase);
                let heard =
                    self.agreed.contains(&key) || !definition.verbs.has(phase) || branch.forced;
                ensure(heard || !may_be_sent, || {
                    format!(
                        "{gid}/{} may have been tried and never heard {}",
                        definition.id,
                        phase.as_str()
                    )
                })?;
            }
        }
        Ok(())
    }
}

/// The message goes out exactly if its initiator committed.
#[derive(Debug)]
pub(crate) struct InitiatorAgrees;

impl Property for InitiatorAgrees {
    fn name(&self) -> &'static str {
        "the initiator's local transaction and the decision agree"
    }

    fn at_end(&mut self, world: &World) -> Holds {
        for (gid, row) in &world.log.rows {
            if row.state.options.initiator.is_none() {
                continue;
            }
            let committed =
                world.initiator.rows.get(gid) == Some(&Local::Ended(LocalEnd::Committed));
            let by_person = row
                .state
                .cancel_cause
                .as_ref()
                .is_some_and(|cause| cause.reason == CancelReason::Requested);
            match row.state.state.decision() {
                Some(Decision::Confirm) => ensure(committed, || {
                    format!("{gid} is confirmed and its initiator did not commit")
                })?,
                Some(Decision::Cancel) => ensure(!committed || by_person, || {
                    format!("{gid} is cancelled and its initiator committed")
                })?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Once the faults have stopped and people have looked after what waited for them, everything ends.
#[derive(Debug)]
pub(crate) struct AllEnded;

impl Property for AllEnded {
    fn name(&self) -> &'static str {
        "everything ends once faults stop"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn at_end(&mut self, world: &World) -> Holds {
        for (gid, row) in &world.log.rows {
            let state = row.state.state;
            ensure(state.is_ended(), || format!("{gid} is still {state:?}"))?;
            let end = state.decision().map(BranchState::from);
            let agree = row
                .state
                .branches
                .iter()
                .all(|branch| Some(branch.state) == end);
            ensure(agree, || {
                format!("{gid} is {state:?}, but not all of its branches are")
            })?;
        }
        let unanswered = world
            .coordinators
            .iter()
            .any(|coordinator| !coordinator.commands.is_empty());
        ensure(!unanswered, || "a command was never answered".to_owned())?;
        let waiting = world
            .coordinators
            .iter()
            .flat_map(|coordinator| coordinator.runs.values())
            .any(|owned| !owned.waiters.is_empty());
        ensure(!waiting, || "somebody still waits for an answer".to_owned())
    }
}
