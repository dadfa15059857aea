//! The table of section 4: what each code means as an answer to try, to confirm and to cancel.

use std::collections::HashMap;

use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::participant::{Answer, Seen};
use crate::world::{World, branch, execute, states};

/// The codes of the middle column: a clear no.
const DEFINITE: [Code; 8] = [
    Code::FailedPrecondition,
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::OutOfRange,
    Code::PermissionDenied,
    Code::Unauthenticated,
    Code::Unimplemented,
];

fn errors() -> impl Iterator<Item = Code> {
    (1..=16).map(Code::from_i32)
}

/// The code that the gid `NAME-NUMBER` is about.
fn code_of(seen: &Seen) -> Code {
    let gid = seen.gid();
    Code::from_i32(gid.rsplit('-').next().unwrap().parse().unwrap())
}

fn with_reason(code: Code) -> Answer {
    let details = ErrorDetails::with_error_info("OF_ITS_OWN", "shop", HashMap::new());
    Answer::Fail(Status::with_error_details(code, "says why", details))
}

#[tokio::test]
async fn every_code_as_an_answer_to_try() {
    let world = World::with("try_attempts = 2", "").await;
    world.q.on(|seen| match seen.phase().as_str() {
        "try" => with_reason(code_of(seen)),
        _ => Answer::ok(),
    });
    let run = async |code: Code| {
        let gid = format!("g-{}", code as i32);
        let branches = vec![branch("1", "p"), branch("2", "q")];
        let ended = world.execute(execute(&gid, branches)).await.unwrap();
        assert_eq!(ended.state(), pb::TransactionState::Cancelled, "{code:?}");
        assert_eq!(states(&ended), ["1 CANCELLED", "2 CANCELLED"]);
        let cause = ended.cancel_cause.unwrap();
        let is_definite = DEFINITE.contains(&code);
        let (reason, tries): (_, &[&str]) = if is_definite {
            (pb::CancelReason::Refused, &["try 2 1"])
        } else {
            (pb::CancelReason::InDoubt, &["try 2 1", "try 2 2"])
        };
        assert_eq!(
            (cause.reason(), &*cause.branch_id),
            (reason, "2"),
            "{code:?}"
        );
        let error = cause.error.unwrap();
        assert_eq!(
            (error.code, &*error.reason, &*error.message),
            (code as i32, "OF_ITS_OWN", "says why")
        );
        // Refused and in doubt alike, it is cancelled.
        let calls = world.q.calls(&gid);
        assert_eq!(calls, [tries, &["cancel 2 1"]].concat(), "{code:?}");
        let numbers: Vec<_> = ended
            .attempts
            .iter()
            .filter(|it| it.branch_id == "2")
            .collect();
        assert_eq!(numbers.len(), calls.len());
        assert_eq!(numbers[0].code, code as i32);
    };
    futures::future::join_all(errors().map(run)).await;
}

/// A definite no to confirm or cancel is flagged at once and repeated; anything else is repeated and not flagged.
#[tokio::test]
async fn every_code_as_an_answer_to_confirm_and_to_cancel() {
    let world = World::start().await;
    world.q.on(|seen| {
        let is_cancelled = seen.gid().starts_with("cancel");
        match (seen.phase().as_str(), seen.attempt()) {
            ("try", _) if is_cancelled => Answer::code(Code::FailedPrecondition),
            ("try", _) => Answer::ok(),
            (_, 1) => with_reason(code_of(seen)),
            _ => Answer::hold(),
        }
    });
    let gid = |phase: &str, code: Code| format!("{phase}-{}", code as i32);
    let all: Vec<_> = ["confirm", "cancel"]
        .into_iter()
        .flat_map(|phase| errors().map(move |code| (phase, code)))
        .collect();
    let begin = async |&(phase, code): &(&'static str, Code)| {
        let mut request = execute(&gid(phase, code), vec![branch("2", "q")]);
        request.wait_for = pb::WaitFor::Decision.into();
        world.execute(request).await.unwrap();
        world.q.call(&gid(phase, code), phase, 2).await;
        let shown = world.get(&gid(phase, code)).await.unwrap();
        let branch = &shown.branches[0];
        let is_definite = DEFINITE.contains(&code);
        assert_eq!(branch.attention.is_some(), is_definite, "{phase} {code:?}");
        assert_eq!(shown.attention, branch.attention);
        assert!(!branch.attention.as_ref().is_some_and(|it| it.parked));
        let error = branch.last_error.as_ref().unwrap();
        assert_eq!((error.code, &*error.reason), (code as i32, "OF_ITS_OWN"));
        assert_eq!(
            (branch.attempts, branch.next_attempt_at),
            (2, None),
            "of the present phase, the present one included"
        );
    };
    futures::future::join_all(all.iter().map(begin)).await;
    let request = pb::ListTransactionsRequest {
        needs_attention: true,
        ..pb::ListTransactionsRequest::default()
    };
    let list = async || {
        let answer = world.admin.clone().list_transactions(request.clone()).await;
        answer.unwrap().into_inner().transactions.len()
    };
    crate::harness::until("all that are flagged", async || {
        (list().await == 2 * DEFINITE.len()).then_some(())
    })
    .await;

    world.q.release();
    for (phase, code) in all {
        let ended = world.ended(&gid(phase, code)).await;
        assert_eq!(ended.attention, None, "cleared with the end");
        assert_eq!(ended.branches[0].attention, None);
        assert_eq!(ended.branches[0].attempts, 2);
    }
    assert_eq!(list().await, 0);
}

/// 64 KiB a reply, to the byte.
#[tokio::test]
async fn a_reply_to_try_has_its_limit_and_one_to_confirm_has_none() {
    let world = World::start().await;
    world.p.on(|seen| {
        let size: usize = seen.gid().parse().unwrap();
        match seen.phase().as_str() {
            "try" => Answer::Reply(vec![7; size].into()),
            _ => Answer::Reply(vec![7; 3_000_000].into()),
        }
    });
    let run = async |gid: &str| world.execute(crate::world::one(gid)).await.unwrap();
    let kept = run("65536").await;
    assert_eq!(kept.state(), pb::TransactionState::Confirmed);
    assert_eq!(kept.branches[0].try_response.len(), 65_536);
    let refused = run("65537").await;
    assert_eq!(refused.state(), pb::TransactionState::Cancelled);
    let cause = refused.cancel_cause.unwrap();
    assert_eq!(cause.reason(), pb::CancelReason::Refused);
    assert_eq!(cause.error.unwrap().reason, "RESPONSE_TOO_LARGE");
    assert_eq!(world.p.calls("65537"), ["try 1 1", "cancel 1 1"]);
}

/// Of replies that are too large together the one that came last is refused, wherever its branch stands.
#[tokio::test]
async fn the_reply_that_passes_the_limit_is_the_one_that_came_last() {
    let world = World::with("", "[limits]\ntry_responses_bytes = 100\n").await;
    let reply = |bytes: usize| Answer::Reply(vec![7; bytes].into());
    world.q.on(move |_| reply(60));
    world.p.on(
        move |seen| match (seen.gid().as_str(), seen.phase().as_str()) {
            ("full", "try") => reply(40),
            ("late", "try") => reply(41).held(),
            _ => Answer::ok(),
        },
    );
    let both = |gid| execute(gid, vec![branch("1", "p"), branch("2", "q")]);
    let full = world.execute(both("full")).await.unwrap();
    assert_eq!(full.state(), pb::TransactionState::Confirmed);

    let late = world.executing(both("late"));
    world
        .once("late", "the second branch is tried", |it| {
            states(it) == ["1 REGISTERED", "2 TRIED"]
        })
        .await;
    world.p.release();
    let cause = late.await.unwrap().unwrap().cancel_cause.unwrap();
    assert_eq!(
        (
            cause.reason(),
            &*cause.branch_id,
            &*cause.error.unwrap().reason
        ),
        (pb::CancelReason::Refused, "1", "RESPONSE_TOO_LARGE")
    );
}
