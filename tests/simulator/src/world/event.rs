//! What can happen in a world, and what travels in it.

use core::time::Duration;
use std::sync::Arc;

use tercet_core::cluster::{Moment, Seen};
use tercet_core::{
    BranchDefinition, BranchId, FenceReading, Gid, GlobalTransaction, InitiatorAnswer, Verdict,
};

use super::participants::{Reply, Visit};
use crate::observation::{Answer, Said};
use crate::workload::{Plan, WaitFor};

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Event {
    ClientActs(usize),
    /// A client has waited long enough for the answer to that request.
    ClientTires {
        client: usize,
        request: u64,
    },
    ClientHears {
        client: usize,
        request: u64,
        heard: Heard,
    },
    RequestArrives {
        to: usize,
        request: Box<Request>,
    },
    RunWakes {
        incarnation: u32,
        gid: Gid,
        token: u64,
    },
    AppendLands(u64),
    AppendSettles(u64),
    CallArrives {
        participant: usize,
        visit: Visit,
        from: Caller,
    },
    CallAnswered {
        call: u64,
        reply: Reply,
    },
    CallTimesOut(u64),
    CallBreaks(u64),
    InitiatorAsked {
        incarnation: u32,
        gid: Gid,
    },
    InitiatorAnswers {
        incarnation: u32,
        gid: Gid,
        answer: InitiatorAnswer,
    },
    ParticipantFails(usize),
    ParticipantReturns(usize),
    ParticipantCleans,
    LogFails,
    LogReturns,
    StrangerCalls,
    ParticipantResolves(usize),
    Resolved {
        participant: usize,
        key: (Gid, BranchId),
        verdict: Verdict,
    },
    CoordinatorStarts(usize),
    /// Something that a session does again and again, for as long as anything else is to happen.
    Chore {
        session: u32,
        chore: Chore,
    },
    /// A session fences another one whose beat stood still.
    Fences {
        by: u32,
        session: u32,
        seen: u64,
    },
    /// A session takes over a page of what another one has left.
    Adopts {
        by: u32,
        from: u32,
    },
    /// For a planted bug: the owner of what was read before is changed.
    OwnerChanges {
        by: u32,
        from: u32,
        page: Vec<Adopted>,
    },
    AdoptTold {
        by: u32,
        from: u32,
        /// What was taken over; unset: the answer was lost.
        page: Option<Vec<Adopted>>,
        has_more: bool,
    },
    CoordinatorFreezes,
    FencesRead {
        incarnation: u32,
        gid: Gid,
        readings: Vec<FenceReading>,
    },
    CopyTaken,
    LogRestored,
    ClockJumps,
    OperatorActs,
    OperatorHelps(u32),
    FaultsStop,
}

/// The chores of a coordinator among others.
#[derive(Clone, Debug)]
pub(crate) enum Chore {
    /// Its beat is due.
    Beats,
    /// The statement that was sent then reaches the log.
    BeatLands { sent: Moment },
    /// Whether the beat was raised; unset: nobody knows.
    BeatTold { sent: Moment, raised: Option<bool> },
    /// A look at the others is due.
    Looks,
    /// The question that was sent then reaches the log.
    LookReads { asked: Moment },
    /// What the sessions were then, each with the wall-clock time at which its beat was raised.
    LookTold {
        asked: Moment,
        sessions: Vec<(Seen<u32, u64>, i64)>,
    },
}

/// A row as it was taken over.
#[derive(Clone, Debug)]
pub(crate) struct Adopted {
    pub(crate) gid: Gid,
    pub(crate) version: u64,
    pub(crate) state: Arc<GlobalTransaction>,
}

/// Who made a call to a participant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Coordinator(u64),
    Client { client: usize, request: u64 },
    Nobody,
}

/// What a client hears.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Coordinator(Answer),
    Participant(Said),
}

/// Who asks the coordinator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    Client { client: usize, request: u64 },
    Operator,
}

/// A request to the coordinator.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) from: Asker,
    pub(crate) gid: Gid,
    pub(crate) ask: Ask,
    pub(crate) plan: Option<Arc<Plan>>,
    /// The insert said that there is a row: it is read now.
    pub(crate) known: bool,
    /// How often it was forwarded.
    pub(crate) hops: usize,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Execute(WaitFor),
    Begin,
    /// `TryBranch`, `RegisterBranch`: the definition says which.
    Add(Arc<BranchDefinition>),
    Confirm(WaitFor),
    Cancel(WaitFor),
    Renew(Duration),
    Retry,
    Park,
    Resume,
    Force(BranchId),
}
