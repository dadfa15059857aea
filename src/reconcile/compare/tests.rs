//! Every pair of states, against a table written the other way round: what may stand beside what.

use super::*;

const FENCES: [Option<FenceState>; 5] = [
    None,
    Some(FenceState::Tried),
    Some(FenceState::Confirmed),
    Some(FenceState::Cancelled),
    Some(FenceState::EndedByHand),
];

/// What each fence state (none, tried, confirmed, cancelled, by hand) is beside a branch: `.` agrees, `u` unfinished,
/// `c` contradicted, `m` missing.
const TABLE: [(TransactionState, BranchState, &str); 13] = [
    (TransactionState::Trying, BranchState::Registered, "..ccc"),
    (TransactionState::Trying, BranchState::Tried, "m.ccc"),
    (TransactionState::Trying, BranchState::Refused, "..ccc"),
    (TransactionState::Trying, BranchState::InDoubt, "..ccc"),
    (TransactionState::Confirming, BranchState::Tried, "m..c."),
    (
        TransactionState::Confirming,
        BranchState::Registered,
        "m..c.",
    ),
    (
        TransactionState::Confirming,
        BranchState::Confirmed,
        "mu.c.",
    ),
    (TransactionState::Confirmed, BranchState::Confirmed, "mu.c."),
    (TransactionState::Cancelling, BranchState::Tried, "..c.."),
    (TransactionState::Cancelling, BranchState::Refused, "..c.."),
    (TransactionState::Cancelling, BranchState::InDoubt, "..c.."),
    (
        TransactionState::Cancelling,
        BranchState::Cancelled,
        ".uc..",
    ),
    (TransactionState::Cancelled, BranchState::Cancelled, ".uc.."),
];

fn logged(transaction: TransactionState, branch: Option<(BranchState, bool)>) -> Logged {
    Logged {
        transaction,
        branch,
        has_try: true,
        has_confirm: true,
    }
}

fn letter(disagreement: Option<&Disagreement>) -> char {
    match disagreement.map(|it| it.kind) {
        None => '.',
        Some(Kind::BranchUnfinished) => 'u',
        Some(Kind::BranchContradicted) => 'c',
        Some(Kind::BranchMissing) => 'm',
        Some(_) => '?',
    }
}

fn row(logged: Logged) -> String {
    FENCES
        .iter()
        .map(|fence| letter(compare(logged, *fence).as_ref()))
        .collect()
}

#[test]
fn every_pair_of_states() {
    for (transaction, branch, expected) in TABLE {
        let found = row(logged(transaction, Some((branch, false))));
        assert_eq!(found, expected, "{transaction:?} {branch:?}");
    }
}

#[test]
fn a_branch_that_a_person_ended_only_has_to_be_told_to_its_participant() {
    for (transaction, branch) in [
        (TransactionState::Confirmed, BranchState::Confirmed),
        (TransactionState::Cancelling, BranchState::Cancelled),
    ] {
        assert_eq!(row(logged(transaction, Some((branch, true)))), ".u...");
    }
}

#[test]
fn a_branch_that_the_transaction_does_not_have() {
    assert_eq!(row(logged(TransactionState::Trying, None)), "..c..");
    assert_eq!(row(logged(TransactionState::Confirmed, None)), ".uc..");
    assert_eq!(row(logged(TransactionState::Cancelled, None)), ".uc..");
}

#[test]
fn verbs_that_an_action_does_not_have_are_not_missed() {
    let tried = Some((BranchState::Tried, false));
    let message = |transaction, branch| Logged {
        has_try: false,
        ..logged(transaction, branch)
    };
    assert_eq!(row(message(TransactionState::Trying, tried)), "..ccc");
    assert_eq!(row(message(TransactionState::Confirming, tried)), "...c.");
    let saga = Logged {
        has_confirm: false,
        ..logged(
            TransactionState::Confirmed,
            Some((BranchState::Confirmed, false)),
        )
    };
    assert_eq!(row(saga), "m..c.");
}

#[test]
fn only_what_the_coordinator_has_decided_is_sure() {
    for (transaction, branch, _) in TABLE {
        for fence in FENCES {
            let logged = logged(transaction, Some((branch, false)));
            let Some(disagreement) = compare(logged, fence) else {
                continue;
            };
            assert_eq!(
                disagreement.remedy.is_sure(),
                disagreement.kind == Kind::BranchUnfinished
            );
            let can_be_forced = matches!(
                transaction,
                TransactionState::Confirming | TransactionState::Cancelling
            );
            assert!(disagreement.remedy != Remedy::Force || can_be_forced);
        }
    }
}

#[test]
fn what_the_log_does_not_know() {
    let kind = |fence, is_recent| unknown(fence, is_recent).map(|it| it.kind);
    for is_recent in [false, true] {
        assert_eq!(
            kind(FenceState::Tried, is_recent),
            Some(Kind::BranchOrphaned)
        );
        assert_eq!(kind(FenceState::Cancelled, is_recent), None);
        assert_eq!(kind(FenceState::EndedByHand, is_recent), None);
    }
    assert_eq!(
        kind(FenceState::Confirmed, true),
        Some(Kind::TransactionLost)
    );
    assert_eq!(kind(FenceState::Confirmed, false), None);
}
