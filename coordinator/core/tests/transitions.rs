//! The transition table, from every situation that there is, compared with the one in the docs.
//!
//! `UPDATE_DOCS=1 cargo test -p tercet-core --test transitions` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use common::{START, branch, branch_tried_by, error, with_initiator};
use tercet_core::{
    Attention, Begun, Branch, BranchDefinition, BranchId, BranchState, CallOutcome, CallReport,
    ContentHash, Decision, EndedHow, Event, Gid, GlobalTransaction, InitiatorAnswer,
    InitiatorReport, Mode, Note, Options, Phase, Record, Rejection, RetryPolicy, Surroundings,
    TransactionState, TriedBy, Verbs,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/transitions.md");

/// Every shape that a branch can have in a transaction of that state.
fn branches(state: TransactionState, caller_allowed: bool) -> Vec<Branch> {
    let states: &[BranchState] = match state {
        TransactionState::Trying => &[
            BranchState::Registered,
            BranchState::Tried,
            BranchState::Refused,
            BranchState::InDoubt,
        ],
        TransactionState::Confirming => &[BranchState::Tried, BranchState::Confirmed],
        TransactionState::Cancelling => &[
            BranchState::Registered,
            BranchState::Tried,
            BranchState::InDoubt,
            BranchState::Cancelled,
        ],
        TransactionState::Confirmed => &[BranchState::Confirmed],
        TransactionState::Cancelled => &[BranchState::Cancelled],
    };
    let mut shapes = Vec::new();
    for verbs in [Verbs::Tcc, Verbs::Saga, Verbs::Message] {
        for tried_by in [TriedBy::Coordinator, TriedBy::Caller] {
            for state in states {
                let message_untried =
                    verbs == Verbs::Message && *state != BranchState::Tried && !state.is_ended();
                if (tried_by == TriedBy::Caller && !caller_allowed) || message_untried {
                    continue;
                }
                for parked in [false, true] {
                    let mut shape = Branch::new(branch_tried_by("1", verbs, tried_by));
                    shape.state = *state;
                    shape.attention = parked.then(|| Attention {
                        why: "parked".into(),
                        since: START,
                        parked,
                    });
                    if parked && (state.is_ended() || *state == BranchState::Registered) {
                        continue;
                    }
                    shapes.push(shape);
                }
            }
        }
    }
    shapes
}

fn with_id(shape: &Branch, id: &str) -> Branch {
    let definition = BranchDefinition {
        id: BranchId::parse(id).unwrap(),
        ..(*shape.definition).clone()
    };
    Branch {
        definition: Arc::new(definition),
        ..shape.clone()
    }
}

fn transaction(
    mode: Mode,
    options: Options,
    state: TransactionState,
    branches: Vec<Branch>,
) -> GlobalTransaction {
    let mut transaction = GlobalTransaction::begun(Begun {
        gid: Gid::parse("order-1").unwrap(),
        mode,
        content: ContentHash::default(),
        options: Arc::new(options),
        trace_parent: "".into(),
        at: START,
        cause: None,
        branches: Vec::new(),
    });
    transaction.state = state;
    transaction.decided_at = state.decision().map(|_| START);
    transaction.branches = branches;
    transaction
}

/// Every situation of zero, one and two branches.
fn situations() -> Vec<GlobalTransaction> {
    let mut all = Vec::new();
    let begins = [
        (Mode::OneCall, Options::default()),
        (Mode::StepByStep, Options::default()),
        (Mode::StepByStep, with_initiator()),
    ];
    for (mode, options) in begins {
        for state in TransactionState::ALL {
            let shapes = branches(state, mode == Mode::StepByStep);
            if mode == Mode::StepByStep && matches!(state, TransactionState::Trying)
                || state.is_ended()
            {
                all.push(transaction(mode, options.clone(), state, Vec::new()));
            }
            for first in &shapes {
                all.push(transaction(
                    mode,
                    options.clone(),
                    state,
                    vec![with_id(first, "1")],
                ));
                for second in &shapes {
                    let two = vec![with_id(first, "1"), with_id(second, "2")];
                    all.push(transaction(mode, options.clone(), state, two));
                }
            }
        }
    }
    all
}

fn report(phase: Phase, outcome: CallOutcome, branch: usize) -> Event {
    let failed = outcome != CallOutcome::Done;
    Event::CallFinished(CallReport {
        branch,
        phase,
        number: 1,
        outcome,
        error: failed.then(|| {
            error(if outcome == CallOutcome::Refused {
                9
            } else {
                14
            })
        }),
        response: bytes::Bytes::new(),
        retry_after: None,
        never_sent: false,
        free: false,
        alarm: None,
        endpoint: "".into(),
        started_at: START,
        took: Duration::ZERO,
    })
}

#[allow(clippy::too_many_lines, reason = "a table, one event a line")]
fn events() -> Vec<(&'static str, Event, Duration)> {
    let soon = Duration::from_secs(1);
    let second = |outcome| move |phase| report(phase, outcome, 0);
    let answer = |answer| {
        Event::InitiatorAnswered(InitiatorReport {
            answer,
            error: None,
        })
    };
    let mut other = (*branch("1", Verbs::Tcc)).clone();
    other.content.0[31] = 1;
    vec![
        ("time passes before the deadline", Event::Woken, soon),
        ("the deadline passes", Event::Woken, Duration::from_secs(31)),
        ("15 minutes pass", Event::Woken, Duration::from_secs(1_000)),
        ("try done", second(CallOutcome::Done)(Phase::Try), soon),
        (
            "try refused",
            second(CallOutcome::Refused)(Phase::Try),
            soon,
        ),
        (
            "try in doubt",
            second(CallOutcome::InDoubt)(Phase::Try),
            soon,
        ),
        (
            "confirm done",
            second(CallOutcome::Done)(Phase::Confirm),
            soon,
        ),
        (
            "confirm refused",
            second(CallOutcome::Refused)(Phase::Confirm),
            soon,
        ),
        (
            "confirm in doubt",
            second(CallOutcome::InDoubt)(Phase::Confirm),
            soon,
        ),
        (
            "cancel done",
            second(CallOutcome::Done)(Phase::Cancel),
            soon,
        ),
        (
            "cancel refused",
            second(CallOutcome::Refused)(Phase::Cancel),
            soon,
        ),
        (
            "cancel in doubt",
            second(CallOutcome::InDoubt)(Phase::Cancel),
            soon,
        ),
        (
            "initiator: committed",
            answer(InitiatorAnswer::Committed),
            soon,
        ),
        ("initiator: aborted", answer(InitiatorAnswer::Aborted), soon),
        ("initiator: unknown", answer(InitiatorAnswer::Unknown), soon),
        (
            "register a new branch",
            Event::Register(branch("new", Verbs::Tcc)),
            soon,
        ),
        (
            "register a known id with other content",
            Event::Register(Arc::new(other)),
            soon,
        ),
        ("asked to confirm", Event::Confirm, soon),
        (
            "asked to cancel",
            Event::Cancel {
                reason: String::new(),
            },
            soon,
        ),
        ("renew, later", Event::Renew(Duration::from_hours(1)), soon),
        (
            "renew, earlier",
            Event::Renew(Duration::from_millis(1)),
            soon,
        ),
        ("the log is a restored copy", Event::Restored, soon),
        ("operator: retry", Event::Retry, soon),
        (
            "operator: park",
            Event::Park {
                reason: String::new(),
            },
            soon,
        ),
        ("operator: resume", Event::Resume, soon),
        (
            "operator: force",
            Event::Force(BranchId::parse("1").unwrap()),
            soon,
        ),
    ]
}

fn name(record: &Record) -> String {
    match record {
        Record::BranchRegistered(_) => "BranchRegistered".into(),
        Record::Renewed(_) => "Renewed".into(),
        Record::Decided(decided) => match (&decided.decision, &decided.cause) {
            (Decision::Confirm, _) => "Decided(confirm)".into(),
            (Decision::Cancel, Some(cause)) => format!("Decided(cancel, {:?})", cause.reason),
            (Decision::Cancel, None) => "Decided(cancel)".into(),
        },
        Record::CallFinished(..) => "CallFinished".into(),
        Record::BranchEnded {
            how: EndedHow::Forced,
            ..
        } => "BranchEnded(forced)".into(),
        Record::BranchEnded { .. } => "BranchEnded".into(),
        Record::Ended(_) => "Ended".into(),
        Record::InitiatorChecked(_) => "InitiatorChecked".into(),
        Record::Noted(Note::AttentionRaised { .. }) => "Noted(attention)".into(),
        Record::Noted(Note::Parked { .. }) => "Noted(parked)".into(),
        Record::Noted(Note::Resumed { .. }) => "Noted(resumed)".into(),
        Record::Noted(Note::Hurried { .. }) => "Noted(hurried)".into(),
        Record::Noted(Note::Held { .. }) => "Noted(held)".into(),
        Record::Noted(Note::Released { .. }) => "Noted(released)".into(),
    }
}

fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::AlreadyDecided(_) | Rejection::OneCall => "ALREADY_DECIDED",
        Rejection::BranchNotTried(_) => "BRANCH_NOT_TRIED",
        Rejection::BranchConflict(_) => "BRANCH_CONFLICT",
        Rejection::NotDecided => "NOT_DECIDED",
        Rejection::UnknownBranch(_) => "UNKNOWN_BRANCH",
        other => panic!("not from a state alone: {other}"),
    }
}

fn shown(state: TransactionState) -> String {
    format!("{state:?}").to_uppercase()
}

fn kind(transaction: &GlobalTransaction) -> &'static str {
    match (transaction.mode, &transaction.options.initiator) {
        (Mode::OneCall, _) => "one call",
        (_, None) => "step by step",
        (_, Some(_)) => "with initiator",
    }
}

/// (state, event, kind, what follows, next state)
type Row = (TransactionState, usize, &'static str, String, String);

fn rows() -> BTreeMap<Row, &'static str> {
    let policy = RetryPolicy::default();
    let mut rows = BTreeMap::new();
    for transaction in situations() {
        for (position, (event_name, event, later)) in events().into_iter().enumerate() {
            let about_call = matches!(event, Event::CallFinished(_));
            let about_initiator = matches!(event, Event::InitiatorAnswered(_));
            if (about_call && transaction.branches.is_empty())
                || (about_initiator && transaction.options.initiator.is_none())
            {
                continue;
            }
            for never_sent in [false, true] {
                let around = Surroundings {
                    now: START.saturating_add(later),
                    policy: &policy,
                    never_sent: &|_| never_sent,
                };
                let (records, next) = match transaction.decide(&event, &around) {
                    Ok(records) => {
                        let mut next = transaction.clone();
                        for record in &records {
                            next.apply(record);
                        }
                        let mut names: Vec<String> = records.iter().map(name).collect();
                        names.dedup();
                        let none = names.is_empty();
                        (
                            if none {
                                "none".into()
                            } else {
                                names.join(", ")
                            },
                            shown(next.state),
                        )
                    }
                    Err(rejection) => (
                        format!("refused: `{}`", reason(&rejection)),
                        shown(transaction.state),
                    ),
                };
                rows.insert(
                    (
                        transaction.state,
                        position,
                        kind(&transaction),
                        records,
                        next,
                    ),
                    event_name,
                );
            }
        }
    }
    rows
}

/// What one line of the table is about: state, the event's place in it, records, next state.
type Key = (TransactionState, usize, String, String);

fn table() -> String {
    let mut merged: BTreeMap<Key, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for ((state, position, kind, records, next), event) in rows() {
        let entry = merged
            .entry((state, position, records, next))
            .or_insert_with(|| (event, BTreeSet::new()));
        entry.1.insert(kind);
    }
    let mut text = String::from(
        "| state | event | begun as | records | next |\n| --- | --- | --- | --- | --- |\n",
    );
    for ((state, _, records, next), (event, kinds)) in merged {
        let kinds = if kinds.len() == 3 {
            "any".into()
        } else {
            kinds.into_iter().collect::<Vec<_>>().join(", ")
        };
        writeln!(
            text,
            "| {} | {event} | {kinds} | {records} | {next} |",
            shown(state)
        )
        .unwrap();
    }
    text
}

#[test]
fn the_documented_table_is_the_one_that_the_core_follows() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (head, _) = document
        .split_once("| state | event |")
        .expect("a table in docs/transitions.md");
    let expected = format!("{head}{}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
        return;
    }
    for (line, (expected, documented)) in expected.lines().zip(document.lines()).enumerate() {
        assert_eq!(
            expected,
            documented,
            "docs/transitions.md, line {}",
            line + 1
        );
    }
    assert_eq!(
        expected.len(),
        document.len(),
        "docs/transitions.md has other lines at its end"
    );
}

#[test]
fn nothing_leaves_a_decision() {
    for ((state, _, _, records, next), event) in rows() {
        let Some(decision) = state.decision() else {
            continue;
        };
        let kept = next == shown(decision.under_way()) || next == shown(decision.ended());
        assert!(kept, "{state:?} on {event}: {records} leads to {next}");
    }
}

#[test]
fn an_ended_transaction_changes_no_more() {
    for ((state, _, _, records, next), event) in rows() {
        if state.is_ended() {
            assert_eq!(next, shown(state), "{event}");
            let harmless =
                records == "none" || records == "CallFinished" || records.starts_with("refused");
            assert!(harmless, "{state:?} on {event}: {records}");
        }
    }
}
