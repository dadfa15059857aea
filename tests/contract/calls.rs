//! What a participant sees of a call: path, payload, metadata; the same numbers and the same trace after a restart.

use std::time::Duration;

use tercet_proto::tercet::v1 as pb;
use tonic::Code;

use crate::harness::until;
use crate::participant::{Answer, Seen};
use crate::world::{World, branch, duration, one, options, plain};

fn millis(at: Option<prost_types::Timestamp>) -> i64 {
    let at = at.unwrap();
    at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000
}

fn timeout(seen: &Seen) -> Duration {
    let text = seen.text("grpc-timeout");
    let (number, unit) = text.split_at(text.len() - 1);
    assert!(number.len() <= 8, "{text}");
    let number: u64 = number.parse().unwrap();
    match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        "M" => Duration::from_secs(number * 60),
        _ => panic!("{text}"),
    }
}

fn trace(seen: &Seen) -> String {
    let text = seen.text("traceparent");
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!(
        parts.iter().map(|it| it.len()).collect::<Vec<_>>(),
        [2, 32, 16, 2],
        "{text}"
    );
    parts[1].to_owned()
}

#[tokio::test]
async fn a_call_carries_all_that_the_contract_names() {
    let world = World::start().await;
    let mut request = one("g/1:%~");
    request.options = Some(options(|it| {
        it.headers.insert("tenant".into(), " two words ".into());
        it.headers.insert("x.y_z".into(), "1".into());
        it.try_timeout = Some(duration(20_000));
    }));
    let mut request = tonic::Request::new(request);
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request
        .metadata_mut()
        .insert("traceparent", caller.parse().unwrap());
    request
        .metadata_mut()
        .insert("private", "no".parse().unwrap());
    let ended = world.execute(request).await.unwrap();

    let seen = world.p.seen();
    assert_eq!(seen.len(), 2);
    for (seen, (path, phase)) in seen.iter().zip([
        ("/test.v1.ActService/Try", "try"),
        ("/test.v1.ActService/Confirm", "confirm"),
    ]) {
        assert_eq!(seen.path, path);
        assert_eq!(&seen.payload[..], b"payload");
        let told = [
            "tercet-gid",
            "tercet-branch",
            "tercet-phase",
            "tercet-attempt",
        ];
        assert_eq!(told.map(|key| seen.text(key)), ["g/1:%~", "1", phase, "1"]);
        let deadline = seen.text("tercet-try-deadline").parse::<i64>().unwrap();
        assert_eq!(deadline, millis(ended.try_deadline));
        assert_eq!(trace(seen), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(seen.text("x.y_z"), "1");
        assert_eq!(seen.text("tenant").trim(), "two words");
        assert_eq!(
            seen.text("private"),
            "",
            "the caller's own metadata goes no further"
        );
    }
    // The participant's time-out is 40 s, the deadline of trying 20 s away.
    assert!(timeout(&seen[0]) <= Duration::from_secs(20));
    let confirm = timeout(&seen[1]);
    assert!(confirm > Duration::from_secs(20) && confirm <= Duration::from_secs(40));
}

/// Without a caller's trace there is one for each transaction.
#[tokio::test]
async fn one_trace_and_one_numbering_also_over_a_restart() {
    let mut world = World::with("max = \"10ms\"", "[limits]\ndrain_grace = \"10ms\"\n").await;
    world.execute(one("other")).await.unwrap();
    world.p.on_phase("confirm", Answer::code(Code::Unavailable));
    let mut request = one("g");
    request.wait_for = pb::WaitFor::Decision.into();
    world.execute(request).await.unwrap();
    world.p.call("g", "confirm", 5).await;

    world.restart().await;
    world.p.on(|_| Answer::ok());
    let ended = world.ended("g").await;

    let of = |gid: &str| -> Vec<Seen> {
        let all = world.p.seen().into_iter();
        all.filter(|seen| seen.gid() == gid).collect()
    };
    let calls = of("g");
    let first = trace(&calls[0]);
    assert!(calls.iter().all(|seen| trace(seen) == first));
    assert!(of("other").iter().all(|seen| trace(seen) != first));
    let mut confirms: Vec<u32> = calls[1..].iter().map(Seen::attempt).collect();
    // One that was under way when the process left never came to an end there, and was made once more.
    confirms.dedup();
    let expected: Vec<u32> = (1..=u32::try_from(confirms.len()).unwrap()).collect();
    assert_eq!(confirms, expected);
    let last = ended.attempts.last().unwrap();
    assert_eq!(Some(&last.number), confirms.last());
    assert_eq!(ended.branches[0].attempts, last.number);
}

/// A renewal reaches a call that waits for its turn: it carries the new deadline, and isn't given up at the old one.
#[tokio::test]
async fn a_call_that_waits_is_made_under_the_renewed_deadline() {
    // However slow the machine is, one of these is long enough to be renewed in.
    for seconds in [1, 4, 16, 64] {
        if is_renewed_while_it_waits(seconds).await {
            return;
        }
    }
    panic!("no deadline could be renewed in time");
}

/// Whether that was long enough.
async fn is_renewed_while_it_waits(seconds: u64) -> bool {
    let world = World::with("try_attempts = 2", "").await;
    world
        .p
        .on(|seen| match (seen.phase().as_str(), seen.attempt()) {
            ("try", 1) => Answer::code(Code::Unavailable).held(),
            _ => Answer::ok(),
        });
    let short = options(|it| it.try_timeout = Some(duration(seconds * 1_000)));
    let begun = world.begin("g", short).await.unwrap();
    let trying = world.trying("g", branch("1", "p"));
    until("the first call, or an answer without it", async || {
        (trying.is_finished() || !world.p.seen().is_empty()).then_some(())
    })
    .await;
    world.pause("p").await.unwrap();
    world.p.release();
    until("the second call waits, or it is too late", async || {
        let shown = world.get("g").await.unwrap();
        let waits = shown.branches.first().is_some_and(|it| {
            it.attempts == 1 && it.last_error.is_some() && it.next_attempt_at.is_none()
        });
        (waits || shown.decided_at.is_some()).then_some(())
    })
    .await;
    let hour = Some(Duration::from_hours(1));
    let Ok(renewed) = world.renew("g", hour).await else {
        return false;
    };
    // The coordinator's own clock tells when the first deadline has passed.
    let first_deadline = begun.try_deadline.unwrap();
    until("the first deadline has passed", async || {
        let now = world.begin("", plain()).await.unwrap().begun_at.unwrap();
        (now.seconds > first_deadline.seconds).then_some(())
    })
    .await;
    assert_eq!(world.get("g").await.unwrap().branches[0].attempts, 1);

    world.unpause("p").await.unwrap();

    let tried = trying.await.unwrap().unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    let second = world.p.call("g", "try", 2).await;
    assert_eq!(second.attempt(), 2, "nothing was used up meanwhile");
    let deadline = second.text("tercet-try-deadline").parse::<i64>().unwrap();
    assert_eq!(deadline, millis(renewed.try_deadline));
    true
}

/// A renewed deadline is what later calls carry, also those of phase two.
#[tokio::test]
async fn later_calls_carry_the_renewed_deadline() {
    let world = World::start().await;
    let begun = world.begin("g", plain()).await.unwrap();
    world.try_branch("g", branch("1", "p")).await.unwrap();
    let renewed = world
        .renew("g", Some(Duration::from_hours(2)))
        .await
        .unwrap();
    world.try_branch("g", branch("2", "p")).await.unwrap();
    world.confirm("g").await.unwrap();
    world.ended("g").await;
    let deadlines: Vec<i64> = world
        .p
        .seen()
        .iter()
        .map(|seen| seen.text("tercet-try-deadline").parse().unwrap())
        .collect();
    let (first, then) = (millis(begun.try_deadline), millis(renewed.try_deadline));
    assert_eq!(deadlines, [first, then, then, then]);
}
