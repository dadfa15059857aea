//! Carrying a decision out: retries, attention, parking, forcing, and recovery after a crash.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;

use common::{Answer, Bench, sequential, tcc};
use tercet_core::{
    AppendVerdict, BranchId, BranchState, Command, Gid, Mode, Options, Phase, Rejection,
    RetryPolicy, TransactionState, Verdict, full_jitter,
};

fn confirming(branches: usize) -> Bench {
    confirming_with(branches, RetryPolicy::default())
}

fn confirming_with(branches: usize, policy: RetryPolicy) -> Bench {
    let mut bench =
        Bench::begin(Mode::OneCall, Options::default(), tcc(branches), policy).written();
    bench.reply_all(Answer::Done);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirming);
    bench
}

fn until_called(bench: &mut Bench) {
    while bench.calls.is_empty() {
        bench.jump();
        if bench.append.is_some() {
            bench.write();
        }
    }
}

fn id(text: &str) -> BranchId {
    BranchId::parse(text).unwrap()
}

#[test]
fn in_doubt_confirms_are_retried_without_end() {
    let mut bench = confirming(1);
    for number in 1..=200 {
        until_called(&mut bench);
        assert_eq!(bench.calls[0].number, number);
        bench.reply(0, Answer::InDoubt);
    }
    assert_eq!(bench.state(), TransactionState::Confirming);
    let kept: Vec<_> = bench.run.transaction().branches[0]
        .second
        .history
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(kept.len(), 25, "the first 5 and the last 20");
    assert_eq!((kept[4], kept[5], kept[24]), (5, 181, 200));
    until_called(&mut bench);
    bench.reply(0, Answer::Done);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirmed);
}

#[test]
fn a_refused_confirm_is_flagged_at_once_and_still_retried() {
    let mut bench = confirming(1);
    bench.reply(0, Answer::Refused);
    let attention = bench.run.transaction().oldest_attention().unwrap().clone();
    assert!(!attention.parked);
    until_called(&mut bench);
    bench.reply(0, Answer::Done);
    bench.write();
    assert!(
        bench.run.transaction().oldest_attention().is_none(),
        "cleared when the branch ends"
    );
}

#[test]
fn a_branch_not_done_long_after_the_decision_is_flagged_whatever_is_answered() {
    let mut bench = confirming(1);
    let decided_at = bench.run.transaction().decided_at.unwrap();
    let due = decided_at.saturating_add(Duration::from_mins(15));
    while bench.now < due {
        if !bench.calls.is_empty() {
            assert!(bench.run.transaction().oldest_attention().is_none());
            bench.reply(0, Answer::StillWorking(Duration::from_secs(50)));
        }
        bench.jump();
        if bench.append.is_some() {
            bench.write();
        }
    }
    assert_eq!(
        bench.run.transaction().oldest_attention().unwrap().since,
        due
    );
    assert_eq!(bench.run.transaction().branches[0].second.used, 0);
}

#[test]
fn used_up_attempts_park_the_branch_and_resume_gives_them_anew() {
    let policy = RetryPolicy {
        max_attempts: 2,
        ..RetryPolicy::default()
    };
    let mut bench = confirming_with(2, policy);
    bench.reply(1, Answer::Done);
    bench.reply(0, Answer::InDoubt);
    until_called(&mut bench);
    bench.reply(0, Answer::InDoubt);
    bench.write();
    assert!(bench.run.transaction().is_parked());
    assert!(bench.run.transaction().oldest_attention().unwrap().parked);
    bench.ask(Command::Retry).unwrap();
    assert!(
        bench.calls.is_empty(),
        "retries have stopped and wait for a person"
    );
    bench.ask(Command::Resume).unwrap();
    assert!(bench.run.transaction().oldest_attention().is_none());
    assert_eq!(bench.calls[0].number, 3, "numbers go on");
    bench.reply(0, Answer::InDoubt);
    assert!(!bench.run.transaction().is_parked());
}

#[test]
fn a_parked_branch_holds_back_the_rest_of_a_sequential_cancel() {
    let mut bench = Bench::one_call(sequential(), tcc(2));
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Refused);
    bench.write();
    bench.reply(1, Answer::InDoubt);
    bench
        .ask(Command::Park {
            reason: "maintenance".into(),
        })
        .unwrap();
    bench.jump_to(bench.now.saturating_add(Duration::from_hours(1)));
    assert!(bench.calls.is_empty());
    bench.ask(Command::Force(id("2"))).unwrap();
    bench.ask(Command::Resume).unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}

#[test]
fn retry_now_does_not_wait_for_the_back_off() {
    let mut bench = confirming(1);
    bench.reply(0, Answer::StillWorking(Duration::from_mins(1)));
    bench.ask(Command::Retry).unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Confirm)]);
}

#[test]
fn park_and_force_before_the_decision_are_refused() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    assert_eq!(
        bench.ask(Command::Park {
            reason: String::new()
        }),
        Err(Rejection::NotDecided)
    );
    assert_eq!(bench.ask(Command::Resume), Err(Rejection::NotDecided));
    assert_eq!(
        bench.ask(Command::Force(id("1"))),
        Err(Rejection::NotDecided)
    );
    assert_eq!(
        bench.ask(Command::Force(id("9"))),
        Err(Rejection::NotDecided)
    );
}

#[test]
fn force_of_an_unknown_branch_says_so() {
    let mut bench = confirming(1);
    let unknown = Err(Rejection::UnknownBranch(id("9")));
    assert_eq!(bench.ask(Command::Force(id("9"))), unknown);
}

#[test]
fn force_waits_out_the_call_under_way() {
    let mut bench = confirming(1);
    let force = bench.command(Command::Force(id("1")));
    assert!(!bench.answers.contains_key(&force));
    bench.reply(0, Answer::InDoubt);
    bench.write();
    assert_eq!(bench.answers.get(&force), Some(&Ok(())));
    let transaction = bench.run.transaction();
    assert_eq!(transaction.state, TransactionState::Confirmed);
    assert!(transaction.branches[0].forced);
    assert_eq!(transaction.resolve(&id("1")), Verdict::ByHand);
}

#[test]
fn force_of_a_branch_whose_call_succeeds_after_all_forces_nothing() {
    let mut bench = confirming(1);
    let force = bench.command(Command::Force(id("1")));
    bench.reply(0, Answer::Done);
    bench.write();
    assert_eq!(bench.answers.get(&force), Some(&Ok(())));
    assert!(!bench.run.transaction().branches[0].forced);
}

#[test]
fn operators_change_nothing_about_an_ended_transaction() {
    let mut bench = confirming(1);
    bench.reply(0, Answer::Done);
    bench.write();
    let log = bench.log.len();
    for command in [
        Command::Retry,
        Command::Park {
            reason: String::new(),
        },
        Command::Resume,
        Command::Force(id("1")),
    ] {
        assert_eq!(bench.ask(command), Ok(()));
    }
    assert_eq!(bench.log.len(), log);
}

#[test]
fn a_crash_between_decision_and_confirms_goes_on_where_it_stood() {
    let mut bench = confirming(3);
    bench.reply(1, Answer::Done);
    bench.crash();
    assert_eq!(bench.state(), TransactionState::Confirming);
    let all = [
        (0, Phase::Confirm),
        (1, Phase::Confirm),
        (2, Phase::Confirm),
    ];
    assert_eq!(
        bench.under_way(),
        all,
        "a lost lazy end is only called again"
    );
    bench.reply_all(Answer::Done);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirmed);
}

#[test]
fn a_crash_while_trying_repeats_the_tries_and_counts_every_one_as_sent() {
    let mut bench = Bench::one_call(sequential(), tcc(2));
    bench.crash();
    assert_eq!(bench.under_way(), [(0, Phase::Try)]);
    bench.reply(0, Answer::Refused);
    bench.write();
    assert_eq!(
        bench.under_way(),
        [(1, Phase::Cancel)],
        "after a restart nobody knows that it was never sent"
    );
}

#[test]
fn attempts_that_are_durable_survive_a_crash_and_numbers_go_on() {
    let mut bench = confirming(1);
    bench.reply(0, Answer::InDoubt);
    while bench.append.is_none() {
        bench.calls.clear();
        bench.jump();
    }
    bench.write();
    bench.crash();
    until_called(&mut bench);
    assert_eq!(bench.calls[0].number, 2);
    assert_eq!(
        bench.run.transaction().branches[0]
            .tries
            .history
            .iter()
            .count(),
        1
    );
    assert_eq!(
        bench.run.transaction().branches[0]
            .second
            .history
            .iter()
            .count(),
        1
    );
    assert_eq!(bench.branch_state(0), BranchState::Tried);
}

#[test]
fn delays_double_to_a_bound_and_are_the_same_every_time() {
    let policy = RetryPolicy::default();
    let gid = Gid::parse("order-1").unwrap();
    for used in 1..=40 {
        let bound = policy
            .initial
            .saturating_mul(1 << (used - 1).min(20))
            .min(policy.max);
        let delay = policy.delay(&gid, "1/confirm", used);
        assert!(
            delay <= bound,
            "attempt {used}: {delay:?} is within {bound:?}"
        );
        assert_eq!(delay, policy.delay(&gid, "1/confirm", used));
    }
    let differing = (1..=40).filter(|used| {
        policy.delay(&gid, "1/confirm", *used) != policy.delay(&gid, "2/confirm", *used)
    });
    assert!(differing.count() > 35, "branches don't retry in step");
    assert_eq!(
        policy.asked_delay(Duration::ZERO),
        Duration::from_millis(10)
    );
    assert_eq!(policy.asked_delay(Duration::from_hours(1)), policy.max);
}

#[test]
fn full_jitter_fills_its_whole_range() {
    let bound = Duration::from_millis(100);
    assert_eq!(full_jitter(bound, 0), Duration::ZERO);
    assert_eq!(full_jitter(bound, u64::MAX), bound);
    assert_eq!(full_jitter(bound, u64::MAX / 2), Duration::from_millis(50));
}

#[test]
fn what_the_log_refuses_for_good_is_flagged_tried_again_and_never_stored() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    bench.reply_all(Answer::Done);
    let refused = || AppendVerdict::Invalid("too long".to_owned());
    // The decision can't be written: nobody has asked for it, so nobody would hear.
    bench.verdict(refused());
    let attention = bench.run.transaction().oldest_attention().unwrap().clone();
    assert!(attention.why.ends_with("too long") && !attention.parked);
    assert_eq!(bench.calls.len(), 0, "the decision isn't durable");

    // Again, later, and it is the same matter.
    until_appending(&mut bench);
    bench.verdict(refused());
    assert_eq!(bench.run.transaction().oldest_attention(), Some(&attention));

    // Somebody has mended the log.
    until_appending(&mut bench);
    bench.write();
    assert_eq!(bench.log.last().unwrap().oldest_attention(), None);
    assert_eq!(bench.run.transaction().oldest_attention(), None);
    assert_eq!(bench.calls.len(), 1);
}

#[test]
fn a_command_that_the_log_refuses_is_answered_and_flags_nothing() {
    let mut bench = Bench::step_by_step(Options::default());
    let id = bench.command(Command::Cancel {
        reason: String::new(),
    });
    bench.verdict(AppendVerdict::Invalid("too long".to_owned()));
    assert!(matches!(bench.answers[&id], Err(Rejection::LogInvalid(_))));
    assert_eq!(bench.run.transaction().oldest_attention(), None);
}

fn until_appending(bench: &mut Bench) {
    while bench.append.is_none() {
        bench.jump();
    }
}
