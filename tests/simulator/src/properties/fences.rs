//! Participants: the contract's table cell by cell, nothing runs without its decision, and the sums.

use tercet_core::{Decision, Phase, Verbs};

use super::{Holds, Property, ensure};
use crate::fence::FenceState;
use crate::observation::{FenceActed, Observed, Said};
use crate::world::World;

/// What a fence did is what the table of the contract says. Written a second time, on purpose: this is the table that
/// the fence's own verdict is held against.
#[derive(Debug)]
pub(crate) struct FenceTable;

/// Whether the verb runs, the row afterwards, and the answer.
type Cell = (bool, Option<FenceState>, Said);

fn cell(acted: &FenceActed) -> Cell {
    use FenceState::{Cancelled, Confirmed, EndedByHand, Tried};
    let row = acted.before;
    let is_message = acted.visit.verbs == Verbs::Message;
    match (acted.visit.phase, row) {
        (Phase::Try, _) if acted.too_late => (false, row, Said::No("TOO_LATE")),
        (Phase::Try, None) => (true, Some(Tried), Said::Ok),
        (Phase::Try, Some(Cancelled)) => (false, row, Said::No("CANCELLED_BEFORE_TRY")),
        (Phase::Confirm, None) if is_message => (true, Some(Confirmed), Said::Ok),
        (Phase::Confirm, None) => (false, row, Said::No("NEVER_TRIED")),
        (Phase::Confirm, Some(Tried)) => (true, Some(Confirmed), Said::Ok),
        (Phase::Confirm, Some(Cancelled)) => (false, row, Said::No("ALREADY_CANCELLED")),
        (Phase::Cancel, None) => (false, Some(Cancelled), Said::Ok),
        (Phase::Cancel, Some(Tried)) => (true, Some(Cancelled), Said::Ok),
        (Phase::Cancel, Some(Confirmed)) => (false, row, Said::No("ALREADY_CONFIRMED")),
        (Phase::Try, Some(Tried | Confirmed | EndedByHand))
        | (Phase::Confirm, Some(Confirmed | EndedByHand))
        | (Phase::Cancel, Some(Cancelled | EndedByHand)) => (false, row, Said::Ok),
    }
}

impl Property for FenceTable {
    fn name(&self) -> &'static str {
        "the fence follows its table"
    }

    fn outlives_restore(&self) -> bool {
        true
    }

    fn observe(&mut self, observed: &Observed, _: &World) -> Holds {
        let Observed::FenceActed(acted) = observed else {
            return Ok(());
        };
        let expected = cell(acted);
        let found = (acted.ran, acted.after, acted.answer);
        // A refused try leaves no row, and nothing has run.
        let refused = acted.business_refused
            && expected.0
            && acted.visit.phase == Phase::Try
            && found == (false, None, Said::No("BUSINESS"));
        ensure(refused || found == expected, || {
            let visit = &acted.visit;
            format!(
                "{} of {}/{} on {:?} gave {found:?} instead of {expected:?}",
                visit.phase.as_str(),
                visit.gid,
                visit.branch,
                acted.before
            )
        })
    }
}

/// Nothing runs in phase two unless its decision is durable, whoever asked for it.
#[derive(Debug)]
pub(crate) struct DecisionFirst;

impl Property for DecisionFirst {
    fn name(&self) -> &'static str {
        "nothing is confirmed or cancelled without a durable decision"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::FenceActed(acted) = observed else {
            return Ok(());
        };
        let wanted = match acted.visit.phase {
            Phase::Try => return Ok(()),
            Phase::Confirm => Decision::Confirm,
            Phase::Cancel => Decision::Cancel,
        };
        if acted.before == acted.after && !acted.ran {
            return Ok(());
        }
        let gid = &acted.visit.gid;
        let decision = world
            .log
            .row(gid)
            .and_then(|row| row.state.state.decision());
        ensure(decision == Some(wanted), || {
            format!(
                "{gid}/{} got a {} while the log says {decision:?}",
                acted.visit.branch,
                acted.visit.phase.as_str()
            )
        })
    }
}

/// Nothing comes from nowhere and nothing is lost: `available + reserved + used` is what was there, plus what messages
/// granted, and none of them is ever negative.
#[derive(Debug)]
pub(crate) struct Conservation;

impl Property for Conservation {
    fn name(&self) -> &'static str {
        "stock and points are conserved"
    }

    fn observe(&mut self, observed: &Observed, world: &World) -> Holds {
        let Observed::FenceActed(acted) = observed else {
            return Ok(());
        };
        let ledger = &world.participants[acted.participant].ledger;
        let sum = ledger.available + ledger.reserved + ledger.used;
        let fine = sum == ledger.initial + ledger.granted
            && ledger.available >= 0
            && ledger.reserved >= 0
            && ledger.used >= 0;
        ensure(fine, || {
            format!("participant {} has {ledger:?}", acted.participant)
        })
    }
}
