//! Step-by-step transactions: branches are added, the initiator decides, and is asked at the deadline.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;

use common::{Answer, Bench, START, branch, branch_tried_by, sequential, with_initiator};
use tercet_core::{
    AppendVerdict, BranchId, BranchState, CancelReason, Command, Decision, InitiatorAnswer,
    Options, Phase, Rejection, TransactionState, TriedBy, Urgency, Verbs, Verdict,
};

fn register(id: &str) -> Command {
    Command::Register(branch(id, Verbs::Tcc))
}

#[test]
fn a_branch_is_durable_before_its_try_and_tries_are_not_queued() {
    let mut bench = Bench::step_by_step(sequential());
    let first = bench.command(register("1"));
    assert!(bench.calls.is_empty() && !bench.answers.contains_key(&first));
    bench.write();
    assert_eq!(bench.under_way(), [(0, Phase::Try)]);
    bench.ask(register("2")).unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Try), (1, Phase::Try)]);
}

#[test]
fn confirm_waits_for_nobody_and_names_the_branch_that_is_not_tried() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    let not_tried = Err(Rejection::BranchNotTried(BranchId::parse("1").unwrap()));
    assert_eq!(bench.ask(Command::Confirm), not_tried, "under way");
    bench.reply(0, Answer::Refused);
    assert_eq!(bench.ask(Command::Confirm), not_tried, "refused");
    assert_eq!(
        bench.state(),
        TransactionState::Trying,
        "a refusal doesn't decide"
    );
}

#[test]
fn confirm_is_answered_once_the_decision_is_durable_and_again_without_doing_it_twice() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    bench.reply(0, Answer::Done);
    let confirm = bench.command(Command::Confirm);
    assert!(!bench.answers.contains_key(&confirm));
    assert_eq!(bench.urgency(), Some(Urgency::Forced));
    bench.write();
    assert_eq!(bench.answers.get(&confirm), Some(&Ok(())));
    assert_eq!(bench.ask(Command::Confirm), Ok(()));
    assert_eq!(bench.under_way(), [(0, Phase::Confirm)]);
    assert_eq!(
        bench.ask(Command::Cancel {
            reason: String::new()
        }),
        Err(Rejection::AlreadyDecided(Decision::Confirm))
    );
}

#[test]
fn two_opposite_decisions_at_once_have_one_winner() {
    let mut bench = Bench::step_by_step(Options::default());
    let cancel = bench.command(Command::Cancel {
        reason: "first".into(),
    });
    let confirm = bench.command(Command::Confirm);
    bench.write();
    assert_eq!(bench.answers.get(&cancel), Some(&Ok(())));
    assert_eq!(
        bench.answers.get(&confirm),
        Some(&Err(Rejection::AlreadyDecided(Decision::Cancel)))
    );
}

#[test]
fn with_no_branches_a_decision_goes_straight_to_the_end() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(Command::Confirm).unwrap();
    assert_eq!(bench.state(), TransactionState::Confirmed);
    assert!(bench.run.is_finished());
}

#[test]
fn a_branch_that_its_caller_tries_is_vouched_for_by_confirm() {
    let mut bench = Bench::step_by_step(Options::default());
    bench
        .ask(Command::Register(branch_tried_by(
            "1",
            Verbs::Tcc,
            TriedBy::Caller,
        )))
        .unwrap();
    assert!(bench.calls.is_empty());
    bench.ask(Command::Confirm).unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Confirm)]);
}

#[test]
fn a_branch_that_its_caller_tries_counts_as_sent_when_cancelled() {
    let mut bench = Bench::step_by_step(Options::default());
    bench
        .ask(Command::Register(branch_tried_by(
            "1",
            Verbs::Tcc,
            TriedBy::Caller,
        )))
        .unwrap();
    bench
        .ask(Command::Cancel {
            reason: String::new(),
        })
        .unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}

#[test]
fn the_same_branch_again_answers_and_other_content_conflicts() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    assert_eq!(bench.ask(register("1")), Ok(()));
    let other_kind = branch_tried_by("1", Verbs::Tcc, TriedBy::Caller);
    assert_eq!(
        bench.ask(Command::Register(other_kind)),
        Ok(()),
        "the first one's kind stands"
    );
    assert_eq!(
        bench.under_way(),
        [(0, Phase::Try)],
        "nothing is called twice"
    );
    let mut other = (*branch("1", Verbs::Tcc)).clone();
    other.content.0[31] = 1;
    let conflict = Rejection::BranchConflict(BranchId::parse("1").unwrap());
    assert_eq!(bench.ask(Command::Register(other.into())), Err(conflict));
}

#[test]
fn after_the_decision_only_new_branches_come_too_late() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    bench
        .ask(Command::Cancel {
            reason: String::new(),
        })
        .unwrap();
    assert_eq!(bench.ask(register("1")), Ok(()));
    assert_eq!(
        bench.ask(register("2")),
        Err(Rejection::AlreadyDecided(Decision::Cancel))
    );
}

#[test]
fn one_branch_more_than_the_limit_is_too_many() {
    let mut bench = Bench::step_by_step(Options::default());
    for number in 0..64 {
        bench.ask(register(&number.to_string())).unwrap();
    }
    assert_eq!(
        bench.ask(register("64")),
        Err(Rejection::TooManyBranches(64))
    );
}

#[test]
fn a_renewal_moves_the_deadline_later_and_never_earlier() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(Command::Renew(Duration::from_secs(90))).unwrap();
    let later = START.saturating_add(Duration::from_secs(90));
    assert_eq!(bench.run.transaction().try_deadline, later);
    bench.ask(Command::Renew(Duration::from_secs(5))).unwrap();
    assert_eq!(bench.run.transaction().try_deadline, later);
    bench.jump_to(later);
    bench.write();
    assert_eq!(
        bench
            .run
            .transaction()
            .cancel_cause
            .as_ref()
            .unwrap()
            .reason,
        CancelReason::Deadline
    );
    let too_late = bench.ask(Command::Renew(Duration::from_secs(5)));
    assert_eq!(too_late, Err(Rejection::AlreadyDecided(Decision::Cancel)));
}

#[test]
fn a_command_that_the_log_does_not_take_changes_nothing_and_may_be_repeated() {
    let mut bench = Bench::step_by_step(Options::default());
    let id = bench.command(register("1"));
    bench.verdict(AppendVerdict::Unavailable("disk full".into()));
    assert_eq!(
        bench.answers.get(&id),
        Some(&Err(Rejection::LogUnavailable("disk full".into())))
    );
    assert!(bench.run.transaction().branches.is_empty());
    assert_eq!(bench.ask(register("1")), Ok(()));
    let wake = bench.run.wake_at(bench.now);
    assert_eq!(
        wake,
        Some(bench.run.transaction().try_deadline),
        "a failed append leaves no busy loop behind"
    );
}

#[test]
fn the_initiator_is_asked_at_the_deadline_and_its_answer_decides() {
    for (answer, state) in [
        (InitiatorAnswer::Committed, TransactionState::Confirming),
        (InitiatorAnswer::Aborted, TransactionState::Cancelled),
    ] {
        let mut bench = Bench::step_by_step(with_initiator());
        bench
            .ask(Command::Register(branch("1", Verbs::Message)))
            .unwrap();
        assert_eq!(bench.asked, 0);
        bench.jump_to(bench.run.transaction().try_deadline);
        assert_eq!((bench.asked, bench.state()), (1, TransactionState::Trying));
        bench.initiator(answer);
        bench.write();
        assert_eq!(bench.state(), state);
    }
}

#[test]
fn an_initiator_that_cannot_say_is_asked_again_flagged_and_never_decided_for() {
    let mut bench = Bench::step_by_step(with_initiator());
    bench.jump_to(bench.run.transaction().try_deadline);
    for check in 1..=20 {
        assert_eq!(bench.asked, 1);
        bench.initiator(InitiatorAnswer::Unknown);
        assert_eq!(bench.run.transaction().initiator_checks, check);
        assert!(bench.run.transaction().oldest_attention().is_some());
        while bench.asked == 0 {
            bench.jump();
            if bench.append.is_some() {
                bench.write();
            }
        }
    }
    assert_eq!(bench.state(), TransactionState::Trying);
    bench.initiator(InitiatorAnswer::Aborted);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Cancelled);
    assert!(bench.run.transaction().oldest_attention().is_none());
    assert_eq!(
        bench
            .run
            .transaction()
            .cancel_cause
            .as_ref()
            .unwrap()
            .reason,
        CancelReason::Initiator
    );
}

#[test]
fn a_committed_initiator_waits_for_branches_that_are_not_tried() {
    let mut bench = Bench::step_by_step(with_initiator());
    bench.ask(register("1")).unwrap();
    bench.jump_to(bench.run.transaction().try_deadline);
    bench.initiator(InitiatorAnswer::Committed);
    assert_eq!(bench.state(), TransactionState::Trying);
    bench.reply(0, Answer::Done);
    while bench.asked == 0 {
        bench.jump();
        if bench.append.is_some() {
            bench.write();
        }
    }
    bench.initiator(InitiatorAnswer::Committed);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirming);
}

#[test]
fn a_participant_learns_what_became_of_its_branch() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    let resolve = |bench: &Bench, id: &str| {
        bench
            .run
            .transaction()
            .resolve(&BranchId::parse(id).unwrap())
    };
    assert_eq!(resolve(&bench, "1"), Verdict::Pending);
    assert_eq!(resolve(&bench, "unknown"), Verdict::Pending);
    bench.reply(0, Answer::Done);
    bench.ask(Command::Confirm).unwrap();
    assert_eq!(resolve(&bench, "1"), Verdict::Confirm);
    assert_eq!(
        resolve(&bench, "unknown"),
        Verdict::Cancel,
        "it can't be added any more"
    );
}

#[test]
fn an_in_doubt_branch_stays_until_the_initiator_cancels() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    for _ in 0..3 {
        while bench.calls.is_empty() {
            bench.jump();
            if bench.append.is_some() {
                bench.write();
            }
        }
        bench.reply(0, Answer::InDoubt);
    }
    assert_eq!(bench.branch_state(0), BranchState::InDoubt);
    assert_eq!(bench.state(), TransactionState::Trying);
    bench
        .ask(Command::Cancel {
            reason: String::new(),
        })
        .unwrap();
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}

#[test]
fn after_a_crash_confirm_waits_for_the_tries_that_are_repeated() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    bench.reply(0, Answer::Done);
    bench.crash();
    assert_eq!(
        bench.branch_state(0),
        BranchState::Registered,
        "its answer was lazy"
    );
    let confirm = bench.command(Command::Confirm);
    assert!(!bench.answers.contains_key(&confirm));
    bench.reply(0, Answer::Done);
    bench.write();
    assert_eq!(bench.answers.get(&confirm), Some(&Ok(())));
    assert_eq!(bench.under_way(), [(0, Phase::Confirm)]);
}

#[test]
fn a_confirm_that_waits_is_refused_when_the_repeated_try_is() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    bench.crash();
    let confirm = bench.command(Command::Confirm);
    bench.reply(0, Answer::Refused);
    let not_tried = Rejection::BranchNotTried(BranchId::parse("1").unwrap());
    assert_eq!(bench.answers.get(&confirm), Some(&Err(not_tried)));
}

#[test]
fn a_confirm_that_waits_is_too_late_once_the_deadline_has_decided() {
    let mut bench = Bench::step_by_step(Options::default());
    bench.ask(register("1")).unwrap();
    bench.crash();
    let confirm = bench.command(Command::Confirm);
    bench.jump_to(bench.run.transaction().try_deadline);
    bench.write();
    let too_late = Rejection::AlreadyDecided(Decision::Cancel);
    assert_eq!(bench.answers.get(&confirm), Some(&Err(too_late)));
}

/// Its owner may be held up between two steps for as long as it likes.
#[test]
fn what_has_become_due_unseen_is_still_told() {
    let bench = Bench::step_by_step(Options::default());
    let deadline = bench.run.transaction().try_deadline;
    let late = deadline.saturating_add(Duration::from_secs(1));

    assert_eq!(bench.run.wake_at(bench.now), Some(deadline));
    assert_eq!(bench.run.wake_at(late), Some(deadline));
}
