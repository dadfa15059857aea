//! What the simulator found, each as the smallest story that shows it. The seed that did is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;

use common::{Answer, Bench, START, sequential, tcc, with_initiator};
use tercet_core::{
    AppendVerdict, BranchId, Command, InitiatorAnswer, Input, Mode, Options, Phase, RetryPolicy,
    Timestamp,
};

/// Seed 6: a cancel that should have been repeated within seconds waited for the wall clock to catch up.
#[test]
fn a_clock_that_goes_back_an_hour_does_not_hold_back_a_retry() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    bench.reply_all(Answer::Done);
    bench.write();
    bench.reply(0, Answer::InDoubt);

    let an_hour = 3_600 * 1_000_000;
    bench.now = Timestamp::from_micros(START.as_micros() - an_hour);
    bench.feed(Input::Woken);
    assert_eq!(bench.calls.len(), 1, "the retry is due");
    assert_eq!(bench.calls[0].phase, Phase::Confirm);
}

/// Seed 37: a try to a participant that is no longer configured was repeated, and nobody was told.
#[test]
fn an_alarm_of_a_try_reaches_a_person() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    let mut report = bench.report(bench.calls[0], Answer::NeverSent);
    report.alarm = Some("the participant is not configured".to_owned());
    report.free = true;
    bench.feed(Input::CallFinished(report));

    let attention = bench.run.transaction().oldest_attention().unwrap();
    assert_eq!(attention.why, "the participant is not configured");
    assert!(!attention.parked, "tries go on until the deadline");
}

/// Seed 123: one parked branch held back the others, and whoever waited for "ended or parked" waited for ever.
#[test]
fn a_parked_branch_that_holds_back_the_rest_parks_the_transaction() {
    let mut bench = Bench::one_call(sequential(), tcc(3));
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Done);
    bench.reply(2, Answer::Refused);
    bench.write();
    bench.reply(2, Answer::InDoubt);
    bench
        .ask(Command::Park {
            reason: "a person wants to look".to_owned(),
        })
        .unwrap();
    bench
        .ask(Command::Force(BranchId::parse("1").unwrap()))
        .unwrap();
    assert!(bench.run.transaction().is_parked(), "every open branch is");

    let mut bench = Bench::begin(
        Mode::OneCall,
        sequential(),
        tcc(3),
        RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        },
    )
    .written();
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Done);
    bench.reply(2, Answer::Refused);
    bench.write();
    assert!(!bench.run.transaction().is_parked());
    bench.reply(2, Answer::InDoubt);
    bench.write();
    let parked: Vec<bool> = bench
        .run
        .transaction()
        .branches
        .iter()
        .map(tercet_core::Branch::is_parked)
        .collect();
    assert_eq!(parked, [false, false, true]);
    assert!(bench.calls.is_empty(), "the last one holds back the rest");
    assert!(bench.run.transaction().is_parked());
}

/// Seed 7324: a branch was recorded as done by a person while its try was still out.
#[test]
fn force_waits_for_a_try_that_outlived_the_decision() {
    let mut bench = Bench::one_call(Options::default(), tcc(2));
    bench.reply(1, Answer::Refused);
    bench.write();
    assert_eq!(
        bench.under_way(),
        [(0, Phase::Try), (0, Phase::Cancel), (1, Phase::Cancel)]
    );
    let late_try = bench.calls.remove(0);
    bench.reply(0, Answer::InDoubt);

    let command = bench.command(Command::Force(BranchId::parse("1").unwrap()));
    assert_eq!(bench.answers.get(&command), None, "the try is still out");
    assert!(bench.append.is_none());

    let report = bench.report(late_try, Answer::InDoubt);
    bench.feed(Input::CallFinished(report));
    bench.write();
    assert_eq!(bench.answers[&command], Ok(()));
    assert!(bench.run.transaction().branches[0].forced);
}

/// Seed 16375: calls that use up no attempt (a participant that is not configured) came every 6 ms, for ever.
#[test]
fn calls_that_use_up_no_attempt_back_off_all_the_same() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    bench.reply_all(Answer::Done);
    bench.write();
    for number in 1..=40 {
        let call = bench.calls.remove(0);
        let mut report = bench.report(call, Answer::NeverSent);
        report.free = true;
        bench.feed(Input::CallFinished(report));
        while bench.calls.is_empty() {
            bench.jump();
            if bench.append.is_some() {
                bench.write();
            }
        }
        assert_eq!(bench.calls[0].number, number + 1);
    }
    let took = bench.now.saturating_since(START);
    assert!(took > Duration::from_mins(5), "40 calls in {took:?}");
    assert_eq!(bench.run.transaction().branches[0].second.used, 0);
}

/// Seed 40502: with the log down, a branch that had used up its attempts was called without a pause, because parking
/// it failed together with the record of the call.
#[test]
fn a_branch_that_cannot_be_parked_is_not_called_either() {
    let policy = RetryPolicy {
        max_attempts: 1,
        ..RetryPolicy::default()
    };
    let mut bench = Bench::begin(Mode::OneCall, Options::default(), tcc(1), policy).written();
    bench.reply_all(Answer::Done);
    bench.write();
    bench.reply(0, Answer::InDoubt);
    for _ in 0..20 {
        assert!(bench.append.is_some(), "parking is tried again");
        bench.verdict(AppendVerdict::Unavailable("down".to_owned()));
        assert!(bench.calls.is_empty(), "no call goes out meanwhile");
        bench.jump();
    }
    bench.write();
    assert!(bench.run.transaction().is_parked());
    assert_eq!(bench.run.transaction().branches[0].second.calls, 1);
}

/// The same for the initiator: its answer is a decision, which the log doesn't take.
#[test]
fn an_initiator_is_not_asked_while_the_log_takes_no_decision() {
    let mut bench = Bench::step_by_step(with_initiator());
    bench.jump_to(START.saturating_add(Options::default().try_timeout));
    assert_eq!(bench.asked, 1);
    bench.initiator(InitiatorAnswer::Committed);
    bench.verdict(AppendVerdict::Unavailable("down".to_owned()));
    assert_eq!(bench.asked, 0, "not again at once");
    bench.jump();
    assert_eq!(bench.asked, 1);
}
