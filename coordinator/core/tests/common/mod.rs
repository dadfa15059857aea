//! One transaction on a bench: effects are gathered, the test answers them, and the clock jumps.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]
#![allow(missing_docs, clippy::missing_panics_doc, reason = "names say it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tercet_core::{
    ActionName, Append, AppendVerdict, Begun, BranchDefinition, BranchId, BranchIndex, BranchState,
    Call, CallError, CallOutcome, CallReport, Command, CommandId, ContentHash, Effect, Gid,
    GlobalTransaction, Initiator, InitiatorAnswer, InitiatorReport, Input, Mode, Options,
    ParticipantName, Phase, Rejection, RetryPolicy, Run, Timestamp, TransactionState, TriedBy,
    TryOrder, Urgency, Verbs,
};

pub const START: Timestamp = Timestamp::from_micros(1_000_000_000);

pub fn branch(id: &str, verbs: Verbs) -> Arc<BranchDefinition> {
    branch_tried_by(id, verbs, TriedBy::Coordinator)
}

pub fn branch_tried_by(id: &str, verbs: Verbs, tried_by: TriedBy) -> Arc<BranchDefinition> {
    let mut content = [0; 32];
    content[..id.len()].copy_from_slice(id.as_bytes());
    Arc::new(BranchDefinition {
        id: BranchId::parse(id).unwrap(),
        participant: ParticipantName::parse("stock").unwrap(),
        action: ActionName::parse("reserve").unwrap(),
        service: "shop.stock.v1.ReserveStockService".into(),
        verbs,
        payload: Bytes::from_static(b"payload"),
        content: ContentHash(content),
        tried_by,
    })
}

pub fn tcc(count: usize) -> Vec<Arc<BranchDefinition>> {
    (1..=count)
        .map(|number| branch(&number.to_string(), Verbs::Tcc))
        .collect()
}

pub fn error(code: i32) -> CallError {
    CallError {
        code,
        reason: String::new(),
        message: format!("code {code}"),
    }
}

pub fn with_initiator() -> Options {
    let participant = ParticipantName::parse("order").unwrap();
    Options {
        initiator: Some(Initiator {
            participant,
            service: "app.Checks".into(),
        }),
        ..Options::default()
    }
}

pub fn sequential() -> Options {
    Options {
        try_order: TryOrder::Sequential,
        ..Options::default()
    }
}

/// What a participant answers.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Done,
    Refused,
    InDoubt,
    StillWorking(Duration),
    NeverSent,
}

pub struct Bench {
    pub run: Run,
    pub now: Timestamp,
    pub policy: Arc<RetryPolicy>,
    /// Calls that left and aren't answered.
    pub calls: Vec<Call>,
    /// The append that waits for its verdict.
    pub append: Option<Append>,
    /// Every state that became durable, oldest first.
    pub log: Vec<GlobalTransaction>,
    pub answers: BTreeMap<CommandId, Result<(), Rejection>>,
    /// Questions to the initiator that aren't answered.
    pub asked: u32,
    /// The fences are being read.
    pub reading: bool,
    commands: u64,
}

impl Bench {
    /// A one-call transaction whose begin is durable.
    pub fn one_call(options: Options, branches: Vec<Arc<BranchDefinition>>) -> Self {
        Self::begin(Mode::OneCall, options, branches, RetryPolicy::default()).written()
    }

    /// A step-by-step transaction whose begin is durable.
    pub fn step_by_step(options: Options) -> Self {
        Self::begin(
            Mode::StepByStep,
            options,
            Vec::new(),
            RetryPolicy::default(),
        )
        .written()
    }

    /// A transaction whose begin waits for its verdict.
    pub fn begin(
        mode: Mode,
        options: Options,
        branches: Vec<Arc<BranchDefinition>>,
        policy: RetryPolicy,
    ) -> Self {
        let begun = Begun {
            gid: Gid::parse("order-1").unwrap(),
            mode,
            content: ContentHash::default(),
            options: Arc::new(options),
            trace_parent: "".into(),
            at: START,
            cause: None,
            branches,
        };
        let policy = Arc::new(policy);
        let run = Run::begin(begun, Arc::clone(&policy), CommandId(0));
        let mut bench = Self {
            run,
            now: START,
            policy,
            calls: Vec::new(),
            append: None,
            log: Vec::new(),
            answers: BTreeMap::new(),
            asked: 0,
            reading: false,
            commands: 0,
        };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while let Some(effect) = self.run.next_effect() {
            match effect {
                Effect::Append(append) => {
                    assert!(self.append.is_none(), "one append at a time");
                    assert_eq!(append.expected, self.run.version());
                    self.append = Some(append);
                }
                Effect::Call(call) => {
                    assert!(
                        self.append.is_none(),
                        "no call leaves while an append is under way"
                    );
                    self.calls.push(call);
                }
                Effect::AskInitiator => self.asked += 1,
                Effect::ReadFences => {
                    assert!(!self.reading, "the fences are read once at a time");
                    self.reading = true;
                }
                Effect::Answer { command, result } => {
                    assert!(
                        self.answers.insert(command, result).is_none(),
                        "one answer a command"
                    );
                }
            }
        }
    }

    pub fn feed(&mut self, input: Input) {
        self.run.handle(input, self.now);
        self.drain();
    }

    pub fn verdict(&mut self, verdict: AppendVerdict) {
        assert!(self.append.take().is_some(), "an append is under way");
        if verdict == AppendVerdict::Written {
            self.log.push(self.run.appending().unwrap().clone());
        }
        self.feed(Input::AppendFinished(verdict));
    }

    /// The append under way is durable.
    pub fn write(&mut self) {
        self.verdict(AppendVerdict::Written);
    }

    pub fn written(mut self) -> Self {
        self.write();
        self
    }

    pub fn command(&mut self, command: Command) -> CommandId {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.feed(Input::Command(id, command));
        id
    }

    /// The answer to a command that needs no append, or whose append is written now.
    pub fn ask(&mut self, command: Command) -> Result<(), Rejection> {
        let id = self.command(command);
        if self.append.is_some() {
            self.write();
        }
        self.answers.get(&id).expect("an answer").clone()
    }

    pub fn report(&self, call: Call, answer: Answer) -> CallReport {
        let outcome = match answer {
            Answer::Done => CallOutcome::Done,
            Answer::Refused => CallOutcome::Refused,
            Answer::InDoubt | Answer::StillWorking(_) | Answer::NeverSent => CallOutcome::InDoubt,
        };
        let code = match outcome {
            CallOutcome::Done => None,
            CallOutcome::Refused => Some(9),
            CallOutcome::InDoubt => Some(14),
        };
        let is_reply = outcome == CallOutcome::Done && call.phase == Phase::Try;
        CallReport {
            branch: call.branch,
            phase: call.phase,
            number: call.number,
            outcome,
            error: code.map(error),
            response: if is_reply {
                Bytes::from_static(b"reply")
            } else {
                Bytes::new()
            },
            retry_after: if let Answer::StillWorking(delay) = answer {
                Some(delay)
            } else {
                None
            },
            never_sent: matches!(answer, Answer::NeverSent),
            free: false,
            alarm: None,
            endpoint: "".into(),
            started_at: self.now,
            took: Duration::ZERO,
        }
    }

    /// Answers the call under way for that branch, whichever phase was called last.
    pub fn reply(&mut self, branch: BranchIndex, answer: Answer) {
        let position = self
            .calls
            .iter()
            .rposition(|call| call.branch == branch)
            .expect("a call is under way");
        let call = self.calls.remove(position);
        let report = self.report(call, answer);
        self.feed(Input::CallFinished(report));
    }

    /// Answers every call under way.
    pub fn reply_all(&mut self, answer: Answer) {
        for call in core::mem::take(&mut self.calls) {
            let report = self.report(call, answer);
            self.feed(Input::CallFinished(report));
        }
    }

    pub fn initiator(&mut self, answer: InitiatorAnswer) {
        assert!(self.asked > 0, "the initiator was asked");
        self.asked -= 1;
        self.feed(Input::InitiatorAnswered(InitiatorReport {
            answer,
            error: None,
        }));
    }

    /// Jumps to the next time at which something may happen.
    pub fn jump(&mut self) {
        let at = self.run.wake_at(self.now).expect("something to wait for");
        assert!(at > self.now, "a wake-up lies in the future");
        self.now = at;
        self.feed(Input::Woken);
    }

    pub fn jump_to(&mut self, at: Timestamp) {
        while self.run.wake_at(self.now).is_some_and(|wake| wake <= at) {
            self.jump();
        }
        self.now = at;
        self.feed(Input::Woken);
    }

    /// A crash: what isn't durable is lost, and the last durable state is recovered.
    pub fn crash(&mut self) {
        self.come_back(Input::Woken);
    }

    /// The log is a copy that holds no more than its first `kept` appends.
    pub fn restore(&mut self, kept: usize) {
        self.log.truncate(kept);
        self.come_back(Input::Restored);
    }

    fn come_back(&mut self, first: Input) {
        let durable = self.log.last().expect("something durable").clone();
        let mut recovered = durable;
        for branch in &mut recovered.branches {
            branch.state_before_end = None;
        }
        let version = u64::try_from(self.log.len()).unwrap();
        self.run = Run::recovered(recovered, version, Arc::clone(&self.policy));
        self.calls.clear();
        self.append = None;
        self.asked = 0;
        self.reading = false;
        self.feed(first);
    }

    pub fn state(&self) -> TransactionState {
        self.run.transaction().state
    }

    pub fn branch_state(&self, branch: BranchIndex) -> BranchState {
        self.run.transaction().branches[branch].shown_state()
    }

    pub fn urgency(&self) -> Option<Urgency> {
        self.append.as_ref().map(|append| append.urgency)
    }

    /// The branches and phases of the calls under way, in order.
    pub fn under_way(&self) -> Vec<(BranchIndex, Phase)> {
        self.calls
            .iter()
            .map(|call| (call.branch, call.phase))
            .collect()
    }
}
