//! One-call transactions: the branches are fixed, the coordinator decides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;

use common::{Answer, Bench, branch, sequential, tcc};
use tercet_core::{
    AppendVerdict, BranchState, CancelReason, Command, CommandId, Mode, Options, Phase, Rejection,
    RetryPolicy, TransactionState, Urgency, Verbs,
};

#[test]
fn no_try_leaves_before_the_begin_is_durable() {
    let mut bench = Bench::begin(
        Mode::OneCall,
        Options::default(),
        tcc(3),
        RetryPolicy::default(),
    );
    assert!(bench.calls.is_empty());
    assert!(bench.answers.is_empty());
    bench.write();
    assert_eq!(
        bench.under_way(),
        [(0, Phase::Try), (1, Phase::Try), (2, Phase::Try)]
    );
    assert_eq!(bench.answers.get(&CommandId(0)), Some(&Ok(())));
}

#[test]
fn every_branch_tried_confirms_with_two_forced_appends() {
    let mut bench = Bench::one_call(Options::default(), tcc(3));
    bench.reply_all(Answer::Done);
    assert_eq!(bench.urgency(), Some(Urgency::Forced), "the decision");
    assert_eq!(
        bench.state(),
        TransactionState::Trying,
        "not shown before it is durable"
    );
    assert!(
        bench.calls.is_empty(),
        "no confirm before the decision is durable"
    );
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirming);
    bench.reply_all(Answer::Done);
    assert_eq!(
        bench.urgency(),
        Some(Urgency::Lazy),
        "the end can wait for company"
    );
    assert_eq!(
        bench.branch_state(0),
        BranchState::Tried,
        "an end is shown only once it is durable"
    );
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirmed);
    assert_eq!(bench.branch_state(0), BranchState::Confirmed);
    assert!(bench.run.is_finished());
    assert_eq!(bench.log.len(), 3);
}

#[test]
fn a_refusal_cancels_at_once_and_also_the_branch_whose_try_is_under_way() {
    let mut bench = Bench::one_call(Options::default(), tcc(3));
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Refused);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Cancelling);
    let cause = bench.run.transaction().cancel_cause.clone().unwrap();
    assert_eq!(
        (cause.reason, cause.branch.unwrap().as_str()),
        (CancelReason::Refused, "2")
    );
    let cancels = [
        (2, Phase::Try),
        (0, Phase::Cancel),
        (1, Phase::Cancel),
        (2, Phase::Cancel),
    ];
    assert_eq!(
        bench.under_way(),
        cancels,
        "refused and in-doubt ones are included; the try isn't broken off"
    );
}

#[test]
fn a_late_try_answer_after_the_decision_is_history_and_nothing_more() {
    let mut bench = Bench::one_call(Options::default(), tcc(2));
    bench.reply(0, Answer::Refused);
    bench.write();
    let late = bench
        .calls
        .iter()
        .position(|call| call.phase == Phase::Try)
        .unwrap();
    let call = bench.calls.remove(late);
    let report = bench.report(call, Answer::Done);
    bench.feed(tercet_core::Input::CallFinished(report));
    let branch = &bench.run.transaction().branches[1];
    assert_eq!(branch.state, BranchState::Registered);
    assert_eq!(branch.tries.history.iter().count(), 1);
    assert!(branch.try_response.is_empty());
}

#[test]
fn used_up_tries_cancel_as_in_doubt() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    for attempt in 1..=3 {
        assert_eq!(bench.calls[0].number, attempt);
        bench.reply(0, Answer::InDoubt);
        if attempt < 3 {
            assert_eq!(bench.branch_state(0), BranchState::Registered);
            while bench.calls.is_empty() {
                bench.jump();
                if bench.append.is_some() {
                    bench.write();
                }
            }
        }
    }
    bench.write();
    assert_eq!(
        bench
            .run
            .transaction()
            .cancel_cause
            .as_ref()
            .unwrap()
            .reason,
        CancelReason::InDoubt
    );
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}

#[test]
fn still_working_uses_up_no_attempt_but_numbers_go_on() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    for number in 1..=10 {
        assert_eq!(bench.calls[0].number, number);
        bench.reply(0, Answer::StillWorking(Duration::from_millis(200)));
        while bench.calls.is_empty() {
            bench.jump();
            if bench.append.is_some() {
                bench.write();
            }
        }
    }
    assert_eq!(bench.state(), TransactionState::Trying);
    assert_eq!(bench.run.transaction().branches[0].tries.used, 0);
}

#[test]
fn the_deadline_cancels_and_names_the_first_branch_not_tried() {
    let mut bench = Bench::one_call(Options::default(), tcc(3));
    bench.reply(0, Answer::Done);
    bench.reply(2, Answer::Done);
    let deadline = bench.run.transaction().try_deadline;
    assert_eq!(
        bench.calls[0].not_after,
        Some(deadline),
        "a try lasts no longer than to the deadline"
    );
    bench.jump();
    bench.write();
    bench.jump_to(deadline);
    bench.write();
    let cause = bench.run.transaction().cancel_cause.clone().unwrap();
    assert_eq!(
        (cause.reason, cause.branch.unwrap().as_str()),
        (CancelReason::Deadline, "2")
    );
}

#[test]
fn sequential_tries_follow_one_another_and_cancels_run_in_reverse() {
    let mut bench = Bench::one_call(sequential(), tcc(4));
    assert_eq!(bench.under_way(), [(0, Phase::Try)]);
    bench.reply(0, Answer::Done);
    assert_eq!(bench.under_way(), [(1, Phase::Try)]);
    bench.reply(1, Answer::Done);
    bench.reply(2, Answer::Refused);
    bench.write();
    assert_eq!(
        bench.branch_state(3),
        BranchState::Cancelled,
        "its try was never sent: no call"
    );
    for index in [2, 1, 0] {
        assert_eq!(bench.under_way(), [(index, Phase::Cancel)]);
        bench.reply(index, Answer::Done);
    }
    bench.write();
    assert_eq!(bench.state(), TransactionState::Cancelled);
}

#[test]
fn sequential_confirms_are_parallel() {
    let mut bench = Bench::one_call(sequential(), tcc(2));
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Done);
    bench.write();
    assert_eq!(
        bench.under_way(),
        [(0, Phase::Confirm), (1, Phase::Confirm)]
    );
}

#[test]
fn a_saga_without_confirm_ends_with_its_decision() {
    let branches = vec![branch("1", Verbs::Saga), branch("2", Verbs::Saga)];
    let mut bench = Bench::one_call(sequential(), branches);
    bench.reply(0, Answer::Done);
    bench.reply(1, Answer::Done);
    assert_eq!(bench.urgency(), Some(Urgency::Forced));
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirmed);
    assert!(bench.calls.is_empty());
}

#[test]
fn a_message_beside_a_reservation_is_delivered_only_after_the_decision() {
    let branches = vec![branch("1", Verbs::Tcc), branch("2", Verbs::Message)];
    let mut bench = Bench::one_call(Options::default(), branches);
    assert_eq!(bench.under_way(), [(0, Phase::Try)]);
    assert_eq!(
        bench.branch_state(1),
        BranchState::Tried,
        "it is tried from the start"
    );
    bench.reply(0, Answer::Refused);
    bench.write();
    assert_eq!(
        bench.branch_state(1),
        BranchState::Cancelled,
        "nothing to cancel: no call"
    );
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}

#[test]
fn a_try_that_was_never_sent_needs_no_cancel() {
    let mut bench = Bench::one_call(Options::default(), tcc(2));
    bench.reply(0, Answer::NeverSent);
    bench.reply(1, Answer::Refused);
    bench.write();
    assert_eq!(bench.branch_state(0), BranchState::Cancelled);
    assert_eq!(bench.under_way(), [(1, Phase::Cancel)]);
}

#[test]
fn a_try_that_was_sent_once_is_cancelled_though_its_repetition_never_left() {
    let mut bench = Bench::one_call(Options::default(), tcc(2));
    bench.reply(0, Answer::InDoubt);
    while bench.calls.len() < 2 {
        bench.jump();
        if bench.append.is_some() {
            bench.write();
        }
    }
    bench.reply(0, Answer::NeverSent);
    bench.reply(1, Answer::Refused);
    bench.write();
    assert_eq!(bench.under_way(), [(0, Phase::Cancel), (1, Phase::Cancel)]);
}

#[test]
fn replies_beyond_the_limit_together_count_as_a_refusal() {
    let policy = RetryPolicy {
        try_responses_bytes_max: 7,
        ..RetryPolicy::default()
    };
    let mut bench = Bench::begin(Mode::OneCall, Options::default(), tcc(2), policy).written();
    bench.reply(1, Answer::Done);
    bench.reply(0, Answer::Done);
    bench.write();
    let cause = bench.run.transaction().cancel_cause.clone().unwrap();
    assert_eq!(
        cause.branch.unwrap().as_str(),
        "1",
        "the branch whose reply came last"
    );
    assert_eq!(cause.error.unwrap().reason, "RESPONSE_TOO_LARGE");
}

#[test]
fn confirm_and_register_are_not_for_one_call_transactions_but_cancel_is() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    assert_eq!(bench.ask(Command::Confirm), Err(Rejection::OneCall));
    assert_eq!(
        bench.ask(Command::Register(branch("2", Verbs::Tcc))),
        Err(Rejection::OneCall)
    );
    assert_eq!(
        bench.ask(Command::Cancel {
            reason: "changed my mind".into()
        }),
        Ok(())
    );
    let cause = bench.run.transaction().cancel_cause.clone().unwrap();
    assert_eq!(
        (cause.reason, cause.note.as_str()),
        (CancelReason::Requested, "changed my mind")
    );
}

#[test]
fn a_begin_that_the_log_does_not_take_leaves_nothing() {
    let mut bench = Bench::begin(
        Mode::OneCall,
        Options::default(),
        tcc(1),
        RetryPolicy::default(),
    );
    let second = bench.command(Command::Cancel {
        reason: String::new(),
    });
    bench.verdict(AppendVerdict::Unavailable("disk full".into()));
    let unavailable = Err(Rejection::LogUnavailable("disk full".into()));
    assert_eq!(bench.answers.get(&CommandId(0)), Some(&unavailable));
    assert_eq!(bench.answers.get(&second), Some(&unavailable));
    assert!(bench.run.is_lost());
    assert!(bench.calls.is_empty());
    assert_eq!(bench.run.wake_at(bench.now), None);
}

#[test]
fn a_decision_that_the_log_does_not_take_is_taken_again_later() {
    let mut bench = Bench::one_call(Options::default(), tcc(1));
    bench.reply(0, Answer::Done);
    bench.verdict(AppendVerdict::Unavailable("busy".into()));
    assert_eq!(bench.state(), TransactionState::Trying);
    assert!(bench.append.is_none(), "not at once");
    bench.jump();
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirming);
}
