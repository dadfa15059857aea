//! Arbitrary sequences of events: whatever happens in whatever order, the invariants hold, and once faults stop
//! every transaction ends.
//!
//! proptest prints the failing case and keeps its seed beside this file; `PROPTEST_RNG_SEED=N` chooses one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;
use std::collections::BTreeSet;

use common::{Answer, Bench, branch, branch_tried_by, with_initiator};
use proptest::prelude::*;
use tercet_core::{
    AppendVerdict, BranchId, BranchIndex, BranchState, Command, Decision, InitiatorAnswer, Mode,
    Options, Phase, RetryPolicy, TransactionState, TriedBy, TryOrder, Verbs,
};

#[derive(Clone, Debug)]
enum Step {
    Reply(usize, u8),
    Command(u8, u8),
    Verdict(u8),
    Initiator(u8),
    Jump,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<usize>(), any::<u8>()).prop_map(|(which, answer)| Step::Reply(which, answer)),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(kind, branch)| Step::Command(kind, branch)),
        6 => any::<u8>().prop_map(Step::Verdict),
        1 => any::<u8>().prop_map(Step::Initiator),
        3 => Just(Step::Jump),
        1 => Just(Step::Crash),
    ]
}

fn verbs(choice: u8) -> Verbs {
    [Verbs::Tcc, Verbs::Tcc, Verbs::Saga, Verbs::Message][usize::from(choice % 4)]
}

/// What must hold, remembered across crashes.
#[derive(Default)]
struct Witness {
    decision: Option<Decision>,
    deadline: Option<tercet_core::Timestamp>,
    may_have_been_tried: BTreeSet<BranchIndex>,
    called: BTreeSet<(BranchIndex, Phase)>,
}

impl Witness {
    fn check(&mut self, bench: &Bench) {
        for durable in &bench.log {
            if let Some(decision) = durable.state.decision() {
                assert_eq!(
                    *self.decision.get_or_insert(decision),
                    decision,
                    "a decision is never reversed"
                );
            }
        }
        let transaction = bench.run.transaction();
        if bench.run.version() > 0 {
            assert!(
                self.deadline
                    .is_none_or(|earlier| transaction.try_deadline >= earlier),
                "never earlier"
            );
            self.deadline = Some(transaction.try_deadline);
        }
        for call in &bench.calls {
            if call.phase == Phase::Try {
                self.may_have_been_tried.insert(call.branch);
            } else {
                assert_eq!(
                    self.decision.map(Phase::from),
                    Some(call.phase),
                    "no call before its decision is durable"
                );
            }
            self.called.insert((call.branch, call.phase));
            let durable = bench.log.last().unwrap();
            assert!(
                call.branch < durable.branches.len(),
                "no call before its branch is durable"
            );
        }
        for (index, _) in transaction.branches.iter().enumerate() {
            let both = self.called.contains(&(index, Phase::Confirm))
                && self.called.contains(&(index, Phase::Cancel));
            assert!(!both, "exactly one kind of phase two");
        }
        if self.decision == Some(Decision::Confirm) {
            let doubtful = |state| {
                matches!(
                    state,
                    BranchState::Refused | BranchState::InDoubt | BranchState::Cancelled
                )
            };
            assert!(
                !transaction
                    .branches
                    .iter()
                    .any(|branch| doubtful(branch.state)),
                "confirmed what wasn't tried"
            );
        }
    }

    /// Every branch whose try may have been sent got the call of phase two that its action has.
    fn check_end(&self, bench: &Bench) {
        let transaction = bench.run.transaction();
        let phase = Phase::from(transaction.state.decision().unwrap());
        for index in &self.may_have_been_tried {
            let branch = &transaction.branches[*index];
            let called = self.called.contains(&(*index, phase));
            assert!(
                called || branch.forced || !branch.definition.verbs.has(phase),
                "branch {index} was left behind"
            );
        }
    }
}

fn take(bench: &mut Bench, witness: &mut Witness, step: &Step) {
    match step {
        Step::Reply(which, answer) if !bench.calls.is_empty() => {
            let call = bench.calls.remove(which % bench.calls.len());
            let answer = match answer % 8 {
                0..=3 => Answer::Done,
                4 => Answer::Refused,
                5 => Answer::StillWorking(Duration::from_millis(50)),
                6 if call.number == 1 => Answer::NeverSent,
                _ => Answer::InDoubt,
            };
            if matches!(answer, Answer::NeverSent) && call.phase == Phase::Try {
                witness.may_have_been_tried.remove(&call.branch);
            }
            let report = bench.report(call, answer);
            bench.feed(tercet_core::Input::CallFinished(report));
        }
        Step::Command(kind, branch_number) => {
            let id = format!("b{}", branch_number % 4);
            let command = match kind % 9 {
                0 | 1 => Command::Register(branch(&id, verbs(*branch_number))),
                2 => {
                    Command::Register(branch_tried_by(&id, verbs(*branch_number), TriedBy::Caller))
                }
                3 => Command::Confirm,
                4 => Command::Cancel {
                    reason: "why not".into(),
                },
                5 => Command::Renew(Duration::from_secs(u64::from(*branch_number))),
                6 => Command::Retry,
                7 => Command::Park {
                    reason: "wait".into(),
                },
                _ if branch_number % 2 == 0 => Command::Resume,
                _ => Command::Force(BranchId::parse(&id).unwrap()),
            };
            bench.command(command);
        }
        Step::Verdict(verdict) if bench.append.is_some() => match verdict % 6 {
            0 if bench.run.version() > 0 => {
                bench.verdict(AppendVerdict::Unavailable("busy".into()));
            }
            _ => bench.write(),
        },
        Step::Initiator(answer) if bench.asked > 0 => bench.initiator(match answer % 4 {
            0 => InitiatorAnswer::Committed,
            1 => InitiatorAnswer::Aborted,
            _ => InitiatorAnswer::Unknown,
        }),
        Step::Jump if bench.run.wake_at(bench.now).is_some() => bench.jump(),
        Step::Crash if bench.run.version() > 0 => bench.crash(),
        _ => {}
    }
}

/// Faults stop: every call is done, every append written. Whoever still could, cancels; what is parked resumes.
fn finish(bench: &mut Bench, witness: &mut Witness) {
    for _ in 0..10_000 {
        witness.check(bench);
        if bench.append.is_some() {
            bench.write();
        } else if !bench.calls.is_empty() {
            bench.reply(bench.calls[0].branch, Answer::Done);
        } else if bench.asked > 0 {
            bench.initiator(InitiatorAnswer::Aborted);
        } else if bench.run.is_finished() {
            return;
        } else if bench.run.wake_at(bench.now).is_some() {
            bench.jump();
        } else if bench.state() == TransactionState::Trying {
            bench.command(Command::Cancel {
                reason: "the end".into(),
            });
        } else {
            bench.command(Command::Resume);
        }
    }
    panic!("no end: {:#?}", bench.run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn invariants_hold_and_everything_ends(
        one_call in any::<bool>(),
        sequential in any::<bool>(),
        initiator in any::<bool>(),
        max_attempts in 0..3_u32,
        kinds in proptest::collection::vec(any::<u8>(), 1..5),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let base = if initiator && !one_call { with_initiator() } else { Options::default() };
        let try_order = if sequential { TryOrder::Sequential } else { TryOrder::Parallel };
        let options = Options { try_order, ..base };
        let policy = RetryPolicy { max_attempts, ..RetryPolicy::default() };
        let (mode, branches) = if one_call {
            let ids = kinds.iter().enumerate();
            (Mode::OneCall, ids.map(|(index, kind)| branch(&format!("b{index}"), verbs(*kind))).collect())
        } else {
            (Mode::StepByStep, Vec::new())
        };
        let mut bench = Bench::begin(mode, options, branches, policy);
        let mut witness = Witness::default();
        for step in &steps {
            take(&mut bench, &mut witness, step);
            witness.check(&bench);
        }
        finish(&mut bench, &mut witness);
        witness.check_end(&bench);
    }
}
