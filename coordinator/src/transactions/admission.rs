//! How much may be open. Undecided transactions count against admission, decided ones against their participants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::errors::{ApiError, Reason};
use crate::participants::Participant;

/// The limits on what is open.
#[derive(Debug)]
pub(crate) struct Admission {
    undecided: Arc<AtomicUsize>,
    undecided_max: usize,
    waiting_max: u64,
}

/// One undecided transaction, as long as it lives.
#[derive(Debug)]
pub(crate) struct UndecidedSlot(Arc<AtomicUsize>);

impl Drop for UndecidedSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub(crate) fn new(undecided_max: usize, waiting_per_participant_max: usize) -> Self {
        Self {
            undecided: Arc::default(),
            undecided_max,
            waiting_max: u64::try_from(waiting_per_participant_max).unwrap_or(u64::MAX),
        }
    }

    /// Room for one more undecided transaction.
    pub(crate) fn undecided(&self) -> Result<UndecidedSlot, ApiError> {
        let slot = self.recovered();
        if self.undecided.load(Ordering::Relaxed) > self.undecided_max {
            let message = format!(
                "{} transactions are undecided, the most that is allowed",
                self.undecided_max
            );
            return Err(ApiError::new(Reason::Overloaded, message));
        }
        Ok(slot)
    }

    /// The same for one that is there already, however many there are.
    pub(crate) fn recovered(&self) -> UndecidedSlot {
        self.undecided.fetch_add(1, Ordering::Relaxed);
        UndecidedSlot(Arc::clone(&self.undecided))
    }

    /// Whether so much waits for the participant that nothing new may name it.
    pub(crate) fn participant(&self, participant: &Participant) -> Result<(), ApiError> {
        let waiting = participant.waiting();
        if waiting >= self.waiting_max {
            let message = format!(
                "{waiting} decided branches wait for participant {}, the most that is allowed",
                participant.name
            );
            return Err(ApiError::new(Reason::Overloaded, message));
        }
        Ok(())
    }
}
