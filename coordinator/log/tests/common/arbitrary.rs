//! Arbitrary transactions: any value in any field, as long as the whole could exist.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tercet_core::{
    ActionName, Attempt, AttemptHistory, Attention, Branch, BranchDefinition, BranchId,
    BranchState, CallError, CancelCause, CancelReason, ContentHash, Decision, Gid,
    GlobalTransaction, Initiator, Mode, Options, ParticipantName, Phase, PhaseProgress, Timestamp,
    TransactionState, TriedBy, TryOrder, Verbs,
};

/// A configuration with a seed that is printed and that `PROPTEST_RNG_SEED` sets.
pub fn seeded(cases: u32) -> Config {
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().map_or_else(
        || std::collections::hash_map::RandomState::new().hash_one(0),
        |seed| seed.parse().expect("PROPTEST_RNG_SEED is a number"),
    );
    println!("PROPTEST_RNG_SEED={seed}");
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

use std::hash::BuildHasher as _;

fn name(max: usize) -> impl Strategy<Value = String> {
    vec(b'!'..=b'~', 1..=max).prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

pub fn gids() -> impl Strategy<Value = Gid> {
    name(Gid::MAX_BYTES).prop_map(|text| Gid::parse(&text).unwrap())
}

fn participant() -> impl Strategy<Value = ParticipantName> {
    name(64).prop_map(|text| ParticipantName::parse(&text).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>(),
        1_600_000_000_000_000..1_800_000_000_000_000_i64,
        Just(0)
    ]
    .prop_map(Timestamp::from_micros)
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..=i64::MAX.unsigned_abs()).prop_map(Duration::from_micros)
}

fn hash() -> impl Strategy<Value = ContentHash> {
    any::<[u8; 32]>().prop_map(ContentHash)
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("\\PC{0,12}", "\\PC{0,12}", 0..4)
}

fn options() -> impl Strategy<Value = Options> {
    let order = prop_oneof![Just(TryOrder::Parallel), Just(TryOrder::Sequential)];
    let initiator = (participant(), "\\PC{0,20}").prop_map(|(participant, service)| Initiator {
        participant,
        service: service.into(),
    });
    (duration(), order, texts(), texts(), option::of(initiator)).prop_map(
        |(try_timeout, try_order, labels, headers, initiator)| Options {
            try_timeout,
            try_order,
            labels,
            headers,
            initiator,
        },
    )
}

fn attention() -> impl Strategy<Value = Attention> {
    ("\\PC{0,20}", time(), any::<bool>()).prop_map(|(why, since, parked)| Attention {
        why,
        since,
        parked,
    })
}

fn call_error() -> impl Strategy<Value = CallError> {
    (any::<i32>(), "\\PC{0,9}", "\\PC{0,20}").prop_map(|(code, reason, message)| CallError {
        code,
        reason,
        message,
    })
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(Phase::Try), Just(Phase::Confirm), Just(Phase::Cancel)]
}

fn history() -> impl Strategy<Value = AttemptHistory> {
    let attempt = (
        phase(),
        any::<u32>(),
        time(),
        duration(),
        any::<i32>(),
        "\\PC{0,9}",
        "[ -~]{0,9}",
    )
        .prop_map(
            |(phase, number, started_at, took, code, message, endpoint)| Attempt {
                phase,
                number,
                started_at,
                took,
                code,
                message,
                endpoint: endpoint.into(),
            },
        );
    vec(attempt, 0..30).prop_map(AttemptHistory::from_iter)
}

fn progress() -> impl Strategy<Value = PhaseProgress> {
    (any::<u32>(), any::<u32>(), option::of(time()), history()).prop_map(
        |(calls, used, next_attempt_at, history)| PhaseProgress {
            calls,
            used,
            next_attempt_at,
            history,
        },
    )
}

fn definition() -> impl Strategy<Value = BranchDefinition> {
    let verbs = prop_oneof![Just(Verbs::Tcc), Just(Verbs::Saga), Just(Verbs::Message)];
    let tried_by = prop_oneof![Just(TriedBy::Coordinator), Just(TriedBy::Caller)];
    let names = (name(64), participant(), name(64), "\\PC{0,30}");
    (names, verbs, vec(any::<u8>(), 0..64), hash(), tried_by).prop_map(
        |((id, participant, action, service), verbs, payload, content, tried_by)| {
            BranchDefinition {
                id: BranchId::parse(&id).unwrap(),
                participant,
                action: ActionName::parse(&action).unwrap(),
                service: service.into(),
                verbs,
                payload: Bytes::from(payload),
                content,
                tried_by,
            }
        },
    )
}

/// A branch; `states` are those that it may be in.
fn branch(states: Vec<BranchState>) -> impl Strategy<Value = Branch> {
    let before = option::of(Just(BranchState::Tried));
    let rest = (
        vec(any::<u8>(), 0..32),
        option::of(call_error()),
        option::of(attention()),
    );
    (
        definition(),
        proptest::sample::select(states),
        before,
        any::<bool>(),
        progress(),
        progress(),
        rest,
    )
        .prop_map(
            |(
                definition,
                state,
                state_before_end,
                forced,
                tries,
                second,
                (response, last_error, attention),
            )| Branch {
                definition: Arc::new(definition),
                state,
                state_before_end,
                forced,
                tries,
                second,
                try_response: Bytes::from(response),
                last_error,
                attention,
            },
        )
}

fn branch_states(state: TransactionState) -> Vec<BranchState> {
    let open = [
        BranchState::Registered,
        BranchState::Tried,
        BranchState::Refused,
        BranchState::InDoubt,
    ];
    match (state.is_ended(), state.decision()) {
        (true, Some(decision)) => vec![decision.into()],
        (_, Some(decision)) => open.into_iter().chain([decision.into()]).collect(),
        (_, None) => open.to_vec(),
    }
}

fn cause() -> impl Strategy<Value = CancelCause> {
    let reasons = vec![
        CancelReason::Refused,
        CancelReason::InDoubt,
        CancelReason::Deadline,
        CancelReason::Requested,
        CancelReason::Initiator,
    ];
    let branch = option::of(name(64).prop_map(|text| BranchId::parse(&text).unwrap()));
    (
        proptest::sample::select(reasons),
        branch,
        option::of(call_error()),
        "\\PC{0,20}",
    )
        .prop_map(|(reason, branch, error, note)| CancelCause {
            reason,
            branch,
            error,
            note,
        })
}

/// A transaction that could exist.
pub fn transactions() -> impl Strategy<Value = GlobalTransaction> {
    proptest::sample::select(TransactionState::ALL.to_vec()).prop_flat_map(|state| {
        let modes = prop_oneof![
            Just(Mode::OneCall),
            Just(Mode::StepByStep),
            Just(Mode::CancelledUnknown)
        ];
        let times = (time(), time(), time(), time());
        let rest = (
            option::of(cause()),
            option::of(attention()),
            any::<u32>(),
            option::of(time()),
        );
        let branches = vec(branch(branch_states(state)), 0..4);
        (
            gids(),
            modes,
            hash(),
            options(),
            "\\PC{0,60}",
            times,
            rest,
            branches,
        )
            .prop_map(
                move |(gid, mode, content, options, trace_parent, times, rest, mut branches)| {
                    branches.sort_by(|one, other| one.definition.id.cmp(&other.definition.id));
                    branches.dedup_by(|one, other| one.definition.id == other.definition.id);
                    GlobalTransaction {
                        gid,
                        mode,
                        content,
                        options: Arc::new(options),
                        trace_parent: trace_parent.into(),
                        state,
                        begun_at: times.0,
                        try_deadline: times.1,
                        decided_at: state.decision().map(|_| times.2),
                        ended_at: state.is_ended().then_some(times.3),
                        cancel_cause: rest
                            .0
                            .filter(|_| state.decision() == Some(Decision::Cancel)),
                        attention: rest.1,
                        initiator_checks: rest.2,
                        next_check_at: rest.3,
                        branches,
                    }
                },
            )
    })
}
