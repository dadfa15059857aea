//! What became of a call: done, refused, or in doubt. In doubt is neither a failure nor a success.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;

use crate::{BranchIndex, Phase, Timestamp};

/// The three outcomes of a call to a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The participant answered OK.
    Done,
    /// The participant answered with a code that says "no" (contract, section 4, middle column).
    Refused,
    /// Anything else, or no answer: the participant may or may not have done it.
    InDoubt,
}

/// The error of a call, as a participant gave it or as the transport did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallError {
    /// The gRPC code; a time-out is 4, a broken connection 14.
    pub code: i32,
    /// The participant's own `ErrorInfo` reason, else empty.
    pub reason: String,
    /// The message, cut to a bound by whoever made this.
    pub message: String,
}

/// All that is known of one finished call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// Which branch.
    pub branch: BranchIndex,
    /// Which verb.
    pub phase: Phase,
    /// The number that the call carried as `tercet-attempt`.
    pub number: u32,
    /// The outcome.
    pub outcome: CallOutcome,
    /// The error of a call that wasn't done.
    pub error: Option<CallError>,
    /// The reply to a try that was done; empty otherwise.
    pub response: Bytes,
    /// The delay that the participant asked for with `RetryInfo`; only heeded when in doubt.
    pub retry_after: Option<Duration>,
    /// The call certainly never left this process (no connection could be made).
    pub never_sent: bool,
    /// The outcome uses up no attempt: a broken stream, a participant that is not configured.
    pub free: bool,
    /// A person should look at this now, whatever the phase; for instance that the participant isn't configured.
    pub alarm: Option<String>,
    /// Where it went, or couldn't be sent to, for people; empty when it didn't come that far.
    pub endpoint: Arc<str>,
    /// When the call left.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What an initiator says became of its local transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitiatorAnswer {
    /// Its local transaction is committed: confirm.
    Committed,
    /// Its local transaction is undone and can't commit any more: cancel.
    Aborted,
    /// It can't say yet, or didn't answer.
    Unknown,
}

/// All that is known of one finished question to the initiator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitiatorReport {
    /// The answer.
    pub answer: InitiatorAnswer,
    /// Why it is unknown, where an error was the reason.
    pub error: Option<CallError>,
}
