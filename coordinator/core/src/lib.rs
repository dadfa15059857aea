//! The pure core of Tercet: every decision of the coordinator, and nothing else.
//!
//! This crate turns (state, event, time) into (new state, effects). It does no IO, reads no clock, draws no
//! random numbers and iterates nothing in hash order, so the same inputs always give the same outputs: in
//! production, in recovery and in a simulator. Time is a parameter everywhere ([`Timestamp`]).
//!
//! Where to go next:
//!
//! - [`GlobalTransaction`] and [`Branch`]: the durable state of one transaction.
//! - [`Record`]: the facts that change it; [`GlobalTransaction::apply`] is their only reader and the only writer
//!   of state, for live events and for recovery alike.
//! - [`GlobalTransaction::decide`]: which facts follow from an event.
//! - [`GlobalTransaction::outstanding`]: which calls are due; derived, never stored.
//! - [`cluster`]: the rules by which several coordinators share one log.
//! - [`Run`]: the driver of one transaction. It owns what is volatile (calls under way, the append under way,
//!   commands that wait) and hands [`Effect`]s to whoever owns the IO.
//!
//! What must never appear here: tokio, tonic, sqlx, serde, a clock, randomness, `HashMap` order. A test of the
//! workspace holds the dependency list.

mod apply;
mod attempts;
mod branch;
pub mod cluster;
mod decide;
mod names;
mod options;
mod outcome;
mod outstanding;
mod record;
mod rejection;
mod resolve;
mod restored;
mod retry;
mod run;
mod time;
mod transaction;

pub use attempts::{Attempt, AttemptHistory, FIRST_KEPT, LAST_KEPT};
pub use branch::{
    Branch, BranchDefinition, BranchState, ContentHash, Phase, PhaseProgress, TriedBy, Verbs,
    VerbsError,
};
pub use decide::{Event, Surroundings};
pub use names::{ActionName, BranchId, Gid, NameError, ParticipantName};
pub use options::{Initiator, Options, TryOrder};
pub use outcome::{CallError, CallOutcome, CallReport, InitiatorAnswer, InitiatorReport};
pub use outstanding::{Call, Outstanding};
pub use record::{Begun, Decided, EndedHow, Note, Record, Retry};
pub use rejection::Rejection;
pub use resolve::Verdict;
pub use restored::{Evidence, FenceFound, FenceReading};
pub use retry::{RetryPolicy, full_jitter};
pub use run::{Append, AppendVerdict, Command, CommandId, Effect, Input, Run, Urgency};
pub use time::Timestamp;
pub use transaction::{
    Attention, CancelCause, CancelReason, Decision, GlobalTransaction, Mode, TransactionState,
};

/// The position of a branch in its transaction, in order of becoming durable.
pub type BranchIndex = usize;
