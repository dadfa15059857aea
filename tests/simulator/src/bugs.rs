//! The planted bugs: does the simulator bite?
//!
//! Each lives in the simulator's own world: a log, a fence, an initiator or a shell that does one thing wrong. None is
//! in shipped code. A bug that isn't found within its number of seeds is a hole in the workload, the faults or the
//! properties, and a test fails.

use crate::run::Shape;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident within $seeds:literal in $shape:ident;)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($(#[doc = $doc])+ $name),* }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What is wrong, in one line.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),* }
            }

            /// Within how many seeds, counted from zero, it must be found.
            pub fn found_within(self) -> u64 {
                match self { $(Self::$name => $seeds),* }
            }

            /// The kind of world that it is planted in.
            pub fn shape(self) -> Shape {
                match self { $(Self::$name => Shape::$shape),* }
            }

            /// By the name that [`Bug`]'s `Debug` writes.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name))
            }
        }
    };
}

bugs! {
    /// Confirms are sent when the decision is handed to the log, not when it is durable.
    CallsBeforeDecision within 100 in One;
    /// Callers are answered when the decision is handed to the log.
    AnswersBeforeDecision within 100 in One;
    /// An append whose outcome is unknown is taken as done.
    UnknownIsDone within 100 in One;
    /// An append whose outcome is unknown is taken as failed.
    UnknownIsFailed within 100 in One;
    /// After an unknown append the row is looked for without the session's lock, and what isn't there is taken as failed.
    LookWithoutLock within 100 in One;
    /// The log writes whatever version the row has.
    VersionNotChecked within 500 in One;
    /// The begin of a gid that exists replaces its row.
    BeginOverwrites within 200 in One;
    /// A new session doesn't fence the old one, whose last batch may still land (lease not checked).
    SessionNotFenced within 1_000 in One;
    /// A write is acknowledged before it is on the disk, and a crash takes it back.
    WriteNotSynced within 500 in One;
    /// A call in doubt counts as done.
    InDoubtIsDone within 100 in One;
    /// A try in doubt counts as never sent, so that its cancel is left out.
    InDoubtIsNeverSent within 500 in One;
    /// A refused confirm or cancel counts as done.
    RefusalIsRetriedAsDone within 200 in One;
    /// Cancel is not sent to refused branches.
    RefusedNotCancelled within 1_000 in One;
    /// Cancel is not sent to branches in doubt.
    InDoubtNotCancelled within 500 in One;
    /// One wake-up in twenty is lost.
    WakeupLost within 100 in One;
    /// A call that runs into its time-out is never reported.
    TimeoutNotReported within 100 in One;
    /// The shell cancels at the deadline, decided or not.
    DeadlineAfterDecision within 500 in One;
    /// Retries have no back-off.
    NoBackoff within 200 in One;
    /// The commands that wait for one transaction have no bound.
    InboxUnbounded within 2_000 in One;
    /// A restart goes on with undecided transactions only.
    RecoverySkipsDecided within 500 in One;
    /// What is loaded forgets who called try.
    RecoveryForgetsCaller within 500 in One;
    /// After a restart a confirm doesn't wait for the tries that are repeated.
    ConfirmDoesNotWait within 10_000 in One;
    /// Gids are compared without case.
    GidIgnoresCase within 500 in One;
    /// A transaction is confirmed although nobody tried its branches.
    UntriedConfirmed within 100 in One;
    /// An initiator that can't say yet is taken to have aborted.
    UnknownIsAborted within 1_000 in One;
    /// An initiator's check that finds no row says aborted without inserting one.
    AbortedWithoutRow within 2_000 in One;
    /// A cancel that comes before its try leaves no row.
    EmptyCancelWithoutRow within 200 in One;
    /// A try that comes after its cancel runs.
    LateTryAccepted within 500 in One;
    /// A repeated confirm runs again.
    ConfirmRunsTwice within 200 in One;
    /// A confirm without a try runs.
    ConfirmWithoutTry within 1_000 in One;
    /// A cancel after the confirm runs.
    CancelAfterConfirm within 2_000 in One;
    /// A repeated try is refused.
    RepeatedTryRefused within 200 in One;
    /// The fence row is written in a SQL transaction of its own, after the business change.
    FenceApart within 200 in One;
    /// The fence selects and then inserts: two calls at once both run.
    SelectThenInsert within 500 in One;
    /// A try whose fence row may be cleaned away already is accepted.
    TooLateNotChecked within 5_000 in One;
    /// Fencing sets a flag and waits for nothing: a batch that was under way by then lands all the same.
    FencingWithoutCounter within 2_000 in Many;
    /// Neither the lease nor the session's row is looked at before a batch is written.
    DecidesAfterFenced within 200 in Many;
    /// A lease counts from the answer to a beat, not from when it was sent.
    LeaseFromAnswer within 500 in Many;
    /// Adoption reads the rows and changes their owner afterwards.
    AdoptionReadsFirst within 1_000 in Many;
    /// A transaction is adopted on demand although its owner lives.
    AdoptsFromLiving within 100 in Many;
    /// Whose beat is old is told by comparing it with the watcher's wall clock.
    BeatByWallClock within 200 in Many;
    /// A session is fenced whatever its beat is by then.
    FencesWithoutBeat within 1_000 in Many;
    /// A forwarded call that meets no owner is forwarded again.
    ForwardedAgain within 200 in Many;
    /// An adoption whose answer was lost is forgotten.
    LostAdoptionForgotten within 500 in Many;
    /// A fenced session is forgotten while transactions still name it.
    SessionForgottenEarly within 1_000 in Many;
    /// What is undecided in a restored log goes on as if nothing had happened, and is decided by its deadline.
    RestoredNotHeld within 1_000 in Restored;
    /// A fence that can't be read counts as one that holds nothing.
    UnreadIsNothing within 2_000 in Restored;
    /// Only the first branch's fence is looked at.
    FirstFenceOnly within 2_000 in Restored;
}
