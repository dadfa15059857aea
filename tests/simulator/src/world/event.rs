//! What can happen in a world, and what travels in it.

use core::time::Duration;
use std::sync::Arc;

use tercet_core::{BranchDefinition, BranchId, Gid, InitiatorAnswer, Verdict};

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
    RequestArrives(Box<Request>),
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
    CoordinatorStarts,
    ClockJumps,
    OperatorActs,
    OperatorHelps(u32),
    FaultsStop,
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
