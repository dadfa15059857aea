//! How far the coordinator is on its way out. It only ever goes on.

use std::sync::atomic::{AtomicU8, Ordering};

/// The stages of a coordinator's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Everything is served.
    Serving,
    /// New gids are refused; waits for completion are over.
    Draining,
    /// The grace period is over: what is open is left to the next owner.
    Leaving,
    /// Dead, as if killed: nothing happens any more.
    Killed,
}

/// The present stage.
#[derive(Debug, Default)]
pub(crate) struct StageCell(AtomicU8);

impl StageCell {
    pub(crate) fn get(&self) -> Stage {
        match self.0.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            2 => Stage::Leaving,
            _ => Stage::Killed,
        }
    }

    /// Goes on to `stage`, unless it is there or further already.
    pub(crate) fn advance(&self, stage: Stage) {
        self.0.fetch_max(stage as u8, Ordering::AcqRel);
    }
}
