//! Faults that are aimed at a piece of what the client sends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Cut;

/// When a trigger ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server doesn't get the piece.
    Before,
    /// The server gets it, and nobody waits for its answer.
    After,
    /// The server has answered, and the client doesn't get the answer.
    Answered,
}

/// Ends the connection on which the client sends certain bytes. Once.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// What the client sends, whole, in one piece: what a program writes at once arrives at once on one machine.
    pub on: Vec<u8>,
    /// When the connection is ended.
    pub moment: Moment,
    /// How.
    pub how: Cut,
}

/// Those that haven't fired yet.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    armed: Mutex<Vec<Trigger>>,
    fired: AtomicUsize,
}

impl Triggers {
    pub(crate) fn add(&self, trigger: Trigger) {
        assert!(!trigger.on.is_empty(), "it would fire at once");
        self.armed.lock().unwrap().push(trigger);
    }

    pub(crate) fn clear(&self) {
        self.armed.lock().unwrap().clear();
    }

    pub(crate) fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }

    /// Takes the first trigger that this piece meets.
    pub(crate) fn met_by(&self, piece: &[u8]) -> Option<Trigger> {
        let mut armed = self.armed.lock().unwrap();
        let is_met = |trigger: &Trigger| {
            piece
                .windows(trigger.on.len())
                .any(|window| window == trigger.on)
        };
        let at = armed.iter().position(is_met)?;
        self.fired.fetch_add(1, Ordering::SeqCst);
        Some(armed.remove(at))
    }
}
