//! What becomes of undecided transactions when the log is a copy that was restored from a backup.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;

use common::{Answer, Bench, START, branch, sequential, with_initiator};
use tercet_core::{
    AppendVerdict, BranchId, CancelReason, Command, FenceFound, FenceReading, InitiatorAnswer,
    Input, Options, Phase, Rejection, RetryPolicy, TransactionState, Verbs,
};

fn reading(branch: &str, found: FenceFound) -> FenceReading {
    FenceReading {
        branch: BranchId::parse(branch).unwrap(),
        found: Ok(found),
    }
}

fn unreachable(branch: &str) -> FenceReading {
    FenceReading {
        branch: BranchId::parse(branch).unwrap(),
        found: Err("no connection".to_owned()),
    }
}

/// One call with two branches, restored to its begin. The fences are being read.
fn restored() -> Bench {
    let branches = vec![branch("1", Verbs::Tcc), branch("2", Verbs::Tcc)];
    let mut bench = Bench::one_call(Options::default(), branches);
    bench.restore(1);
    assert!(
        bench.calls.is_empty() && !bench.reading,
        "the hold comes first"
    );
    bench.write();
    assert!(bench.reading && bench.calls.is_empty());
    bench
}

fn read(bench: &mut Bench, readings: Vec<FenceReading>) {
    assert!(bench.reading, "the fences are being read");
    bench.reading = false;
    bench.feed(Input::FencesRead(readings));
    if bench.append.is_some() {
        bench.write();
    }
}

fn why(bench: &Bench) -> &str {
    let attention = bench.run.transaction().attention.as_ref();
    attention.map_or("", |attention| &attention.why)
}

#[test]
fn nothing_is_called_or_decided_while_a_fence_is_unread() {
    let mut bench = restored();
    let later = START.saturating_add(Duration::from_hours(1));
    bench.now = later;
    bench.feed(Input::Woken);
    assert_eq!(
        bench.state(),
        TransactionState::Trying,
        "long past its deadline"
    );
    let refused = |answer| matches!(answer, Err(Rejection::LogUnavailable(_)));
    let cancel = Command::Cancel {
        reason: String::new(),
    };
    assert!(refused(bench.ask(cancel)));
    assert!(refused(bench.ask(Command::Renew(Duration::from_hours(2)))));
    assert!(bench.calls.is_empty() && bench.append.is_none());
    assert!(why(&bench).contains("restored"), "a person sees it");
}

#[test]
fn whoever_takes_a_held_transaction_over_holds_it_as_well() {
    let mut bench = restored();
    bench.now = START.saturating_add(Duration::from_hours(1));
    bench.crash();
    assert_eq!(bench.state(), TransactionState::Trying);
    assert!(bench.reading && bench.calls.is_empty());
}

#[test]
fn a_hold_that_the_log_does_not_take_is_no_licence() {
    let branches = vec![branch("1", Verbs::Tcc)];
    let mut bench = Bench::one_call(Options::default(), branches);
    bench.restore(1);
    bench.verdict(AppendVerdict::Unavailable(String::new()));
    assert!(bench.calls.is_empty(), "no try before the fences were read");
    bench.jump_to(START.saturating_add(Duration::from_mins(1)));
    bench.write();
    assert!(bench.reading && bench.calls.is_empty());
    assert_eq!(bench.state(), TransactionState::Trying);
}

#[test]
fn what_one_fence_confirmed_is_confirmed() {
    let mut bench = restored();
    read(
        &mut bench,
        vec![
            reading("1", FenceFound::Tried),
            reading("2", FenceFound::Confirmed),
        ],
    );
    assert_eq!(bench.state(), TransactionState::Confirming);
    assert_eq!(
        bench.under_way(),
        [(0, Phase::Confirm), (1, Phase::Confirm)]
    );
}

#[test]
fn what_one_fence_cancelled_is_cancelled() {
    let mut bench = restored();
    read(
        &mut bench,
        vec![
            reading("1", FenceFound::Nothing),
            reading("2", FenceFound::Cancelled),
        ],
    );
    assert_eq!(bench.state(), TransactionState::Cancelling);
    let cause = bench.run.transaction().cancel_cause.clone().unwrap();
    assert_eq!(cause.reason, CancelReason::Requested);
    assert!(cause.note.contains("the fence of 2"));
}

#[test]
fn fences_that_contradict_each_other_need_a_person() {
    let mut bench = restored();
    let both = vec![
        reading("1", FenceFound::Confirmed),
        reading("2", FenceFound::Cancelled),
    ];
    read(&mut bench, both);
    assert_eq!(bench.state(), TransactionState::Trying);
    assert!(why(&bench).contains("1 is confirmed and 2 is cancelled"));
    assert!(bench.calls.is_empty());
}

#[test]
fn an_unreachable_fence_is_read_again_and_again() {
    let mut bench = restored();
    let confirmed = reading("1", FenceFound::Confirmed);
    for _ in 0..3 {
        read(&mut bench, vec![confirmed.clone(), unreachable("2")]);
        assert_eq!(bench.state(), TransactionState::Trying);
        assert!(why(&bench).contains("no connection"));
        assert!(!bench.reading, "not without a pause");
        bench.now = bench.now.saturating_add(RetryPolicy::default().max);
        bench.feed(Input::Woken);
    }
    read(&mut bench, vec![confirmed, reading("2", FenceFound::Tried)]);
    assert_eq!(bench.state(), TransactionState::Confirming);
    assert_eq!(bench.run.transaction().attention, None);
}

#[test]
fn a_branch_without_a_reading_counts_as_unread() {
    let mut bench = restored();
    read(&mut bench, vec![reading("1", FenceFound::Confirmed)]);
    assert_eq!(bench.state(), TransactionState::Trying);
    assert!(why(&bench).contains("the fence of 2 wasn't read"));
}

#[test]
fn what_nobody_acted_on_goes_on_where_it_stands() {
    let mut bench = restored();
    let tried = |id| reading(id, FenceFound::Tried);
    read(&mut bench, vec![tried("1"), tried("2")]);
    assert_eq!(bench.run.transaction().attention, None);
    assert_eq!(bench.under_way(), [(0, Phase::Try), (1, Phase::Try)]);
    bench.reply_all(Answer::Done);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Confirming);
}

#[test]
fn a_row_that_is_gone_or_unknown_or_ended_by_hand_needs_a_person() {
    for (odd, says) in [
        (reading("2", FenceFound::EndedByHand), "ended branch 2"),
        (reading("3", FenceFound::Tried), "3 is tried and not in"),
    ] {
        let mut bench = restored();
        let mut readings = vec![
            reading("1", FenceFound::Confirmed),
            reading("2", FenceFound::Tried),
        ];
        readings.retain(|known| known.branch != odd.branch);
        readings.push(odd);
        read(&mut bench, readings);
        assert_eq!(bench.state(), TransactionState::Trying);
        assert!(why(&bench).contains(says), "{}", why(&bench));
    }
    let mut bench = Bench::step_by_step(sequential());
    bench
        .ask(Command::Register(branch("1", Verbs::Tcc)))
        .unwrap();
    bench.reply(0, Answer::Done);
    bench
        .ask(Command::Register(branch("2", Verbs::Tcc)))
        .unwrap();
    bench.restore(3);
    bench.write();
    read(
        &mut bench,
        vec![
            reading("1", FenceFound::Nothing),
            reading("2", FenceFound::Nothing),
        ],
    );
    assert!(why(&bench).contains("1 was tried and has no row now"));
}

#[test]
fn a_person_reads_anew_or_lets_it_go_on() {
    let mut bench = restored();
    let both = || {
        vec![
            reading("1", FenceFound::Confirmed),
            reading("2", FenceFound::Cancelled),
        ]
    };
    read(&mut bench, both());
    bench.ask(Command::Retry).unwrap();
    read(&mut bench, both());
    bench.now = START.saturating_add(Duration::from_hours(1));
    bench.ask(Command::Resume).unwrap();
    assert_eq!(bench.run.transaction().attention, None);
    let deadline = bench.run.transaction().try_deadline;
    let full = Options::default().try_timeout;
    assert_eq!(
        deadline,
        bench.now.saturating_add(full),
        "there is time to decide it"
    );
    let cancel = Command::Cancel {
        reason: String::new(),
    };
    bench.ask(cancel).unwrap();
    assert_eq!(bench.state(), TransactionState::Cancelling);
}

#[test]
fn a_confirm_is_refused_at_once_and_not_kept_waiting() {
    let mut bench = Bench::step_by_step(Options::default());
    bench
        .ask(Command::Register(branch("1", Verbs::Tcc)))
        .unwrap();
    bench.restore(2);
    bench.write();
    let refused = bench.ask(Command::Confirm);
    assert!(matches!(refused, Err(Rejection::LogUnavailable(_))));
    let refused = bench.ask(Command::Register(branch("2", Verbs::Tcc)));
    assert!(matches!(refused, Err(Rejection::LogUnavailable(_))));
    let known = bench.ask(Command::Register(branch("1", Verbs::Tcc)));
    assert_eq!(known, Ok(()), "that changes nothing");
}

#[test]
fn an_initiator_is_asked_only_once_its_fences_were_read() {
    let mut bench = Bench::step_by_step(with_initiator());
    bench.restore(1);
    bench.write();
    bench.now = START.saturating_add(Duration::from_hours(1));
    bench.feed(Input::Woken);
    assert_eq!(bench.asked, 0);
    read(&mut bench, Vec::new());
    assert_eq!(bench.asked, 1);
    bench.initiator(InitiatorAnswer::Aborted);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Cancelled);
}

#[test]
fn what_was_decided_in_the_copy_is_not_held() {
    let mut bench = Bench::one_call(Options::default(), vec![branch("1", Verbs::Tcc)]);
    bench.reply(0, Answer::Refused);
    bench.write();
    assert_eq!(bench.state(), TransactionState::Cancelling);
    bench.restore(2);
    assert!(!bench.reading && bench.append.is_none());
    assert_eq!(bench.under_way(), [(0, Phase::Cancel)]);
}
