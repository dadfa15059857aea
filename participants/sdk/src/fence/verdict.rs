//! What the fence answers, as a pure function: the table of the contract, cell by cell.
//!
//! Nothing here knows SQL, time or gRPC. [`verdict`] is the only place that decides whether an action runs;
//! the engine in `fence/engine.rs` asks it and obeys. It must never gain a parameter that isn't in the
//! contract's table: a second opinion about what runs would be a second fence.

use std::fmt;

/// Which of the three calls arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reserves what the transaction needs.
    Try,
    /// Uses what try reserved.
    Confirm,
    /// Gives back what try reserved.
    Cancel,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Try, Self::Confirm, Self::Cancel];

    /// The word of the metadata key `tercet-phase`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
        }
    }

    /// Reads the word of the metadata key `tercet-phase`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "try" => Some(Self::Try),
            "confirm" => Some(Self::Confirm),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The verbs an action has. No other set is allowed: a try without a cancel would leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verbs {
    /// TCC: try, confirm and cancel.
    TryConfirmCancel,
    /// Saga: try does the work, cancel compensates it.
    TryCancel,
    /// Reliable message: only confirm.
    Confirm,
}

impl Verbs {
    /// Whether a participant offers this phase as an rpc.
    pub fn offers(self, phase: Phase) -> bool {
        match self {
            Self::TryConfirmCancel => true,
            Self::TryCancel => phase != Phase::Confirm,
            Self::Confirm => phase == Phase::Confirm,
        }
    }
}

/// What a branch's fence row says. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FenceState {
    /// Try ran; phase two is owed.
    Tried = 1,
    /// Confirm ran.
    Confirmed = 2,
    /// Cancel ran, or came before try.
    Cancelled = 3,
    /// A person ended the branch in the coordinator; nothing runs any more.
    EndedByHand = 4,
}

impl FenceState {
    /// The number kept in the `state` column.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads the `state` column; a number that was never written is refused.
    pub fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Tried),
            2 => Some(Self::Confirmed),
            3 => Some(Self::Cancelled),
            4 => Some(Self::EndedByHand),
            _ => None,
        }
    }
}

/// Whether a try comes while its transaction can still be undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeliness {
    /// The row that would fence it off is still kept.
    InTime,
    /// The try deadline is older than half the fence's retention: a *cancelled* row may already be cleaned.
    TooLate,
}

/// Why the fence says FAILED_PRECONDITION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceRefusal {
    /// A try that comes after its cancel.
    CancelledBeforeTry,
    /// A confirm for a branch that was never tried here.
    NeverTried,
    /// A confirm for a cancelled branch.
    AlreadyCancelled,
    /// A cancel for a confirmed branch.
    AlreadyConfirmed,
    /// A try so old that its fence row may be gone.
    TooLate,
}

impl FenceRefusal {
    /// The `reason` of the `google.rpc.ErrorInfo`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::CancelledBeforeTry => "CANCELLED_BEFORE_TRY",
            Self::NeverTried => "NEVER_TRIED",
            Self::AlreadyCancelled => "ALREADY_CANCELLED",
            Self::AlreadyConfirmed => "ALREADY_CONFIRMED",
            Self::TooLate => "TOO_LATE",
        }
    }

    /// One sentence for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::CancelledBeforeTry => "the branch was cancelled before this try came",
            Self::NeverTried => "the branch was never tried here",
            Self::AlreadyCancelled => "the branch is already cancelled",
            Self::AlreadyConfirmed => "the branch is already confirmed",
            Self::TooLate => "the try deadline passed too long ago for the fence to be sure",
        }
    }
}

/// What to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceVerdict {
    /// Run the action's verb and leave the row in this state, in one SQL transaction.
    Run(FenceState),
    /// Nothing runs, but the row is inserted in this state: it fences off what comes later.
    Record(FenceState),
    /// Nothing runs; the answer is OK (to a try, with the first try's reply).
    Repeat,
    /// Nothing runs; FAILED_PRECONDITION.
    Refuse(FenceRefusal),
    /// The action has no such verb; UNIMPLEMENTED.
    NotOffered,
}

/// The table of the contract: what to do when `phase` arrives and the branch's row is `row`.
///
/// A saga's confirm is never called, but the resolver learns of confirmed transactions too: it follows the
/// table like any other confirm, and there is just nothing of the action's to run.
pub fn verdict(
    phase: Phase,
    row: Option<FenceState>,
    verbs: Verbs,
    timeliness: Timeliness,
) -> FenceVerdict {
    use FenceState::{Cancelled, Confirmed, EndedByHand, Tried};
    if verbs == Verbs::Confirm && phase != Phase::Confirm {
        return FenceVerdict::NotOffered;
    }
    match (phase, row) {
        (Phase::Try, _) if timeliness == Timeliness::TooLate => {
            FenceVerdict::Refuse(FenceRefusal::TooLate)
        }
        (Phase::Try, None) => FenceVerdict::Run(Tried),
        (Phase::Try, Some(Cancelled)) => FenceVerdict::Refuse(FenceRefusal::CancelledBeforeTry),

        (Phase::Confirm, None) if verbs == Verbs::Confirm => FenceVerdict::Run(Confirmed),
        (Phase::Confirm, None) => FenceVerdict::Refuse(FenceRefusal::NeverTried),
        (Phase::Confirm, Some(Tried)) => FenceVerdict::Run(Confirmed),
        (Phase::Confirm, Some(Cancelled)) => FenceVerdict::Refuse(FenceRefusal::AlreadyCancelled),

        (Phase::Cancel, None) => FenceVerdict::Record(Cancelled),
        (Phase::Cancel, Some(Tried)) => FenceVerdict::Run(Cancelled),
        (Phase::Cancel, Some(Confirmed)) => FenceVerdict::Refuse(FenceRefusal::AlreadyConfirmed),

        (Phase::Try, Some(Tried | Confirmed | EndedByHand))
        | (Phase::Confirm, Some(Confirmed | EndedByHand))
        | (Phase::Cancel, Some(Cancelled | EndedByHand)) => FenceVerdict::Repeat,
    }
}

#[cfg(test)]
mod tests;
