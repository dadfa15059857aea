//! What clients want: transactions, and the steps by which they are asked for. Drawn from the seed before the world
//! begins.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use tercet_core::{
    ActionName, BranchDefinition, BranchId, ContentHash, Gid, Initiator, Options, ParticipantName,
    TriedBy, TryOrder, Verbs,
};

use crate::queue::{MS, Micros, SECOND};
use crate::rng::Rng;

/// How many participants there are; the last one only has messages sent to it more often.
pub(crate) const PARTICIPANTS: usize = 3;
const NAMES: [&str; PARTICIPANTS] = ["stock", "points", "notice"];

/// One request for a transaction.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) gid: Gid,
    pub(crate) content: ContentHash,
    pub(crate) options: Arc<Options>,
    pub(crate) branches: Vec<Arc<BranchDefinition>>,
}

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Execute,
    Begin,
    /// `TryBranch` of the plan's branch.
    Try(usize),
    /// `TryBranch` of that branch id with other content.
    TryOther(usize),
    /// `RegisterBranch`.
    Register(usize),
    /// The client calls the participant's try itself.
    DirectTry(usize),
    /// Its local transaction begins, commits, is undone.
    OpenLocal,
    CommitLocal,
    AbortLocal,
    Renew(Duration),
    Confirm,
    Cancel,
    Pause(Micros),
}

/// Until when a client wants to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    Decision,
    Completion,
}

/// What one client does, and how stubborn it is.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) plan: Arc<Plan>,
    pub(crate) steps: Vec<Step>,
    pub(crate) wait: WaitFor,
    pub(crate) starts_at: Micros,
    /// How often it sends one request before it gives up.
    pub(crate) patience: u32,
    /// How long after giving up it begins anew, if at all.
    pub(crate) comes_back_after: Option<Micros>,
    /// A cancel of its own is allowed; not for a message, whose initiator alone may decide.
    pub(crate) may_cancel: bool,
}

/// Everything that the clients of a world will do.
pub(crate) fn draw(rng: &mut Rng) -> Vec<ClientPlan> {
    let transactions = rng.skewed(1, 8);
    // Half of the worlds are crowded: everything happens at once.
    let spread = if rng.chance(5_000) {
        SECOND
    } else {
        25 * SECOND
    };
    let mut clients = Vec::new();
    let mut last_gid: Option<String> = None;
    for number in 0..transactions {
        let name = match last_gid.take() {
            // A gid that differs from another's in case alone is another gid.
            Some(last) if last.starts_with('o') && rng.chance(800) => last.to_uppercase(),
            _ => format!("o-{number}"),
        };
        last_gid = Some(name.clone());
        let starts_at = rng.below(spread);
        draw_transaction(rng, &name, starts_at, &mut clients);
    }
    clients
}

fn draw_transaction(rng: &mut Rng, name: &str, starts_at: Micros, clients: &mut Vec<ClientPlan>) {
    let kind = rng.below(10);
    let (plan, steps) = match kind {
        0..=4 => {
            let plan = draw_plan(rng, name, false, |_, _| TriedBy::Coordinator);
            (plan, vec![Step::Execute])
        }
        5..=7 => {
            let by_caller = rng.below(10_000);
            let plan = draw_plan(rng, name, false, |rng, verbs| {
                tried_by(rng, verbs, by_caller)
            });
            let steps = step_by_step(rng, &plan);
            (plan, steps)
        }
        _ => {
            let plan = draw_plan(rng, name, true, |rng, verbs| tried_by(rng, verbs, 2_000));
            let steps = message(rng, &plan);
            (plan, steps)
        }
    };
    let plan = Arc::new(plan);
    let is_message = plan.options.initiator.is_some();
    let client = ClientPlan {
        steps,
        wait: wait(rng),
        starts_at,
        patience: u32::try_from(rng.between(1, 6)).unwrap_or(1),
        comes_back_after: rng.chance(4_000).then(|| rng.between(SECOND, 30 * SECOND)),
        may_cancel: !is_message,
        plan: Arc::clone(&plan),
    };
    draw_company(rng, name, &client, clients);
    clients.push(client);
}

/// Others that use the same gid: the same again, other content, or a cancel from somewhere.
fn draw_company(rng: &mut Rng, name: &str, client: &ClientPlan, clients: &mut Vec<ClientPlan>) {
    let near =
        |rng: &mut Rng| (client.starts_at + rng.skewed(MS, 40 * SECOND)).saturating_sub(500 * MS);
    let repeats = if rng.chance(300) {
        rng.between(8, 40)
    } else {
        rng.below(3)
    };
    if client.steps == [Step::Execute] && rng.chance(3_000) {
        for _ in 0..repeats {
            let starts_at = near(rng);
            let wait = wait(rng);
            clients.push(ClientPlan {
                wait,
                starts_at,
                ..client.clone()
            });
        }
    }
    if rng.chance(700) {
        let other = draw_plan(rng, name, false, |_, _| TriedBy::Coordinator);
        let starts_at = near(rng);
        clients.push(ClientPlan {
            plan: Arc::new(other),
            steps: vec![Step::Execute],
            starts_at,
            ..client.clone()
        });
    }
    // Somebody in a hurry confirms before everything is tried; never where that would vouch for anything.
    let vouches = client
        .plan
        .branches
        .iter()
        .any(|branch| branch.tried_by == TriedBy::Caller);
    if client.steps.contains(&Step::Begin) && client.may_cancel && !vouches && rng.chance(4_000) {
        for _ in 0..rng.between(1, 4) {
            let starts_at = client.starts_at + rng.skewed(MS, 4 * SECOND);
            clients.push(ClientPlan {
                steps: vec![Step::Confirm],
                starts_at,
                ..client.clone()
            });
        }
    }
    if client.may_cancel && rng.chance(1_500) {
        let starts_at = near(rng);
        for number in 0..repeats.max(1) {
            let starts_at = starts_at + number * MS;
            clients.push(ClientPlan {
                steps: vec![Step::Cancel],
                starts_at,
                ..client.clone()
            });
        }
    }
}

fn wait(rng: &mut Rng) -> WaitFor {
    if rng.chance(4_000) {
        WaitFor::Completion
    } else {
        WaitFor::Decision
    }
}

fn tried_by(rng: &mut Rng, verbs: Verbs, by_caller: u64) -> TriedBy {
    if verbs != Verbs::Message && rng.chance(by_caller) {
        TriedBy::Caller
    } else {
        TriedBy::Coordinator
    }
}

fn draw_plan(
    rng: &mut Rng,
    name: &str,
    is_message: bool,
    tried_by: impl Fn(&mut Rng, Verbs) -> TriedBy,
) -> Plan {
    let count = rng.skewed(1, 8);
    let branches = (0..count)
        .map(|number| {
            let participant = rng.index(PARTICIPANTS);
            let verbs = match rng.below(10) {
                0..=4 => Verbs::Tcc,
                5..=7 => Verbs::Saga,
                _ => Verbs::Message,
            };
            let verbs = if is_message && number == 0 {
                Verbs::Message
            } else {
                verbs
            };
            let amount = rng.skewed(1, 12);
            let tried_by = tried_by(rng, verbs);
            branch(number, participant, verbs, amount, tried_by)
        })
        .collect();
    let initiator = is_message.then(|| Initiator {
        participant: parse(ParticipantName::parse("initiator")),
        service: Arc::from("sim.v1.InitiatorService"),
    });
    let try_order = if rng.chance(3_500) {
        TryOrder::Sequential
    } else {
        TryOrder::Parallel
    };
    let try_timeout = Duration::from_micros(rng.skewed(200 * MS, 30 * SECOND));
    Plan {
        gid: parse(Gid::parse(name)),
        content: content(rng.next()),
        options: Arc::new(Options {
            try_timeout,
            try_order,
            initiator,
            ..Options::default()
        }),
        branches,
    }
}

fn branch(
    number: u64,
    participant: usize,
    verbs: Verbs,
    amount: u64,
    tried_by: TriedBy,
) -> Arc<BranchDefinition> {
    Arc::new(BranchDefinition {
        id: parse(BranchId::parse(&format!("b{number}"))),
        participant: parse(ParticipantName::parse(NAMES[participant])),
        action: parse(ActionName::parse("act")),
        service: Arc::from("sim.v1.ActService"),
        verbs,
        payload: Bytes::copy_from_slice(&amount.to_le_bytes()),
        content: content(number * 1_000 + amount),
        tried_by,
    })
}

fn step_by_step(rng: &mut Rng, plan: &Plan) -> Vec<Step> {
    let mut steps = vec![Step::Begin];
    add_branches(rng, plan, &mut steps);
    if rng.chance(3_000) {
        steps.push(Step::Renew(Duration::from_micros(
            rng.skewed(100 * MS, 40 * SECOND),
        )));
    }
    if rng.chance(2_000) {
        steps.push(Step::Pause(rng.skewed(100 * MS, 20 * SECOND)));
    }
    match rng.below(10) {
        0..=6 => steps.push(Step::Confirm),
        7..=8 => steps.push(Step::Cancel),
        _ => {}
    }
    steps
}

fn message(rng: &mut Rng, plan: &Plan) -> Vec<Step> {
    let mut steps = vec![Step::Begin];
    add_branches(rng, plan, &mut steps);
    steps.push(Step::OpenLocal);
    if rng.chance(4_000) {
        steps.push(Step::Pause(rng.skewed(10 * MS, 40 * SECOND)));
    }
    // An initiator that says nothing is asked at the deadline.
    let says_so = rng.chance(6_000);
    if rng.chance(7_000) {
        steps.push(Step::CommitLocal);
        steps.extend(says_so.then_some(Step::Confirm));
    } else {
        steps.push(Step::AbortLocal);
        steps.extend(says_so.then_some(Step::Cancel));
    }
    steps
}

fn add_branches(rng: &mut Rng, plan: &Plan, steps: &mut Vec<Step>) {
    for (index, branch) in plan.branches.iter().enumerate() {
        if branch.tried_by == TriedBy::Caller {
            steps.push(Step::Register(index));
            steps.push(Step::DirectTry(index));
        } else {
            steps.push(Step::Try(index));
        }
        // The same branch again, some time later; or what claims to be the same.
        if rng.chance(500) {
            let which = rng.index(index + 1);
            let other = rng.chance(3_000);
            steps.push(if other {
                Step::TryOther(which)
            } else {
                Step::Try(which)
            });
        }
    }
}

/// Which participant a definition names.
pub(crate) fn participant_of(definition: &BranchDefinition) -> usize {
    let name = definition.participant.as_str();
    NAMES.iter().position(|known| *known == name).unwrap_or(0)
}

/// The amount that a payload carries.
pub(crate) fn amount_of(payload: &Bytes) -> i64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(payload.iter()) {
        *to = *from;
    }
    i64::from_le_bytes(bytes)
}

fn content(number: u64) -> ContentHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    ContentHash(hash)
}

#[expect(clippy::expect_used, reason = "the simulator makes these names itself")]
fn parse<T>(name: Result<T, tercet_core::NameError>) -> T {
    name.expect("a name made here is a name of the contract")
}
