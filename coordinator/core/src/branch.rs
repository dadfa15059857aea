//! One participant's part in a transaction.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    ActionName, AttemptHistory, Attention, BranchId, CallError, Decision, ParticipantName,
    Timestamp,
};

/// What a call asks of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Reserve.
    Try,
    /// Use what try reserved.
    Confirm,
    /// Give back what try reserved.
    Cancel,
}

impl Phase {
    /// The verb as it stands in `tercet-phase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
        }
    }
}

impl From<Decision> for Phase {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Confirm => Self::Confirm,
            Decision::Cancel => Self::Cancel,
        }
    }
}

/// The verbs that an action offers. Only three sets are allowed: a try without cancel would leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbs {
    /// Try, confirm and cancel.
    Tcc,
    /// Try and cancel: cancel is the compensation.
    Saga,
    /// Confirm only: a reliable message.
    Message,
}

/// A set of verbs that isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the verbs of an action are try, confirm, cancel; or try, cancel; or confirm alone")]
pub struct VerbsError;

impl Verbs {
    /// From which verbs there are.
    pub fn from_flags(has_try: bool, confirm: bool, cancel: bool) -> Result<Self, VerbsError> {
        match (has_try, confirm, cancel) {
            (true, true, true) => Ok(Self::Tcc),
            (true, false, true) => Ok(Self::Saga),
            (false, true, false) => Ok(Self::Message),
            _ => Err(VerbsError),
        }
    }

    /// Whether the action has the verb; one that is absent counts as done at once, with no call.
    pub const fn has(self, phase: Phase) -> bool {
        matches!(
            (self, phase),
            (Self::Tcc, _)
                | (Self::Saga, Phase::Try | Phase::Cancel)
                | (Self::Message, Phase::Confirm)
        )
    }
}

/// Who calls a branch's try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriedBy {
    /// The coordinator (`ExecuteTransaction`, `TryBranch`).
    Coordinator,
    /// The initiator itself, which vouches for the branch by confirming (`RegisterBranch`).
    Caller,
}

/// A digest of what a client sent, to tell a repetition from a conflict. The core only compares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentHash(pub [u8; 32]);

/// What is fixed about a branch from the moment it becomes durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchDefinition {
    /// Its id, unique within the gid.
    pub id: BranchId,
    /// The configured participant.
    pub participant: ParticipantName,
    /// The configured action.
    pub action: ActionName,
    /// The full gRPC name of the action's service.
    pub service: Arc<str>,
    /// The verbs of the action.
    pub verbs: Verbs,
    /// The encoded request message that every verb gets.
    pub payload: Bytes,
    /// Digest of the branch as sent, for `BRANCH_CONFLICT`.
    pub content: ContentHash,
    /// Who calls try.
    pub tried_by: TriedBy,
}

/// The six states of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BranchState {
    /// Durable; its try is still to be made, under way, or made by the caller.
    Registered,
    /// Its try is done, or it has none.
    Tried,
    /// The participant said no.
    Refused,
    /// The try's attempts are used up and its outcome isn't known.
    InDoubt,
    /// Confirmed: the end.
    Confirmed,
    /// Cancelled: the end.
    Cancelled,
}

impl BranchState {
    /// Whether the branch has ended.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled)
    }
}

impl From<Decision> for BranchState {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Confirm => Self::Confirmed,
            Decision::Cancel => Self::Cancelled,
        }
    }
}

/// How far the calls of one phase have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseProgress {
    /// Finished calls; the next one carries this plus one as its number.
    pub calls: u32,
    /// Calls that count against the maximum; a "still working" answer doesn't.
    pub used: u32,
    /// Not before this; unset: at once.
    pub next_attempt_at: Option<Timestamp>,
    /// What happened.
    pub history: AttemptHistory,
}

/// One participant's part in a transaction, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// What is fixed about it.
    pub definition: Arc<BranchDefinition>,
    /// Where it stands.
    pub state: BranchState,
    /// The state before its end, as long as that end isn't known to be durable. Never stored: what comes out of
    /// the log is durable.
    pub state_before_end: Option<BranchState>,
    /// Ended by a person, not by its participant.
    pub forced: bool,
    /// The calls of try.
    pub tries: PhaseProgress,
    /// The calls of confirm or cancel, whichever was decided.
    pub second: PhaseProgress,
    /// The reply to its try.
    pub try_response: Bytes,
    /// The last error of its calls, cleared by success.
    pub last_error: Option<CallError>,
    /// Something that a person should look at; `parked` inside means that calls have stopped.
    pub attention: Option<Attention>,
}

impl Branch {
    /// A branch that has just become durable. One without try is tried from the start.
    pub fn new(definition: Arc<BranchDefinition>) -> Self {
        let state = if definition.verbs.has(Phase::Try) {
            BranchState::Registered
        } else {
            BranchState::Tried
        };
        Self {
            definition,
            state,
            state_before_end: None,
            forced: false,
            tries: PhaseProgress::default(),
            second: PhaseProgress::default(),
            try_response: Bytes::new(),
            last_error: None,
            attention: None,
        }
    }

    /// The state that may be shown: an end only once it is durable.
    pub fn shown_state(&self) -> BranchState {
        self.state_before_end.unwrap_or(self.state)
    }

    /// Whether retries have stopped and wait for a person.
    pub fn is_parked(&self) -> bool {
        self.attention
            .as_ref()
            .is_some_and(|attention| attention.parked)
    }

    /// Whether nothing stands against confirming: tried, without a try, or tried by its initiator.
    pub fn allows_confirm(&self) -> bool {
        self.state == BranchState::Tried
            || (self.state == BranchState::Registered
                && self.definition.tried_by == TriedBy::Caller)
    }

    /// How far the calls of `phase` have come.
    pub fn progress(&self, phase: Phase) -> &PhaseProgress {
        match phase {
            Phase::Try => &self.tries,
            Phase::Confirm | Phase::Cancel => &self.second,
        }
    }

    pub(crate) fn progress_mut(&mut self, phase: Phase) -> &mut PhaseProgress {
        match phase {
            Phase::Try => &mut self.tries,
            Phase::Confirm | Phase::Cancel => &mut self.second,
        }
    }
}
