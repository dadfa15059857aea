//! The order of checks (gid form, look-up, draining, shape and limits, names, paused or down, JSON, overload), and what lies
//! just within and just beyond each limit.

use tercet_proto::tercet::v1 as pb;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;

use crate::harness::shop::channel;
use crate::participant::Answer;
use crate::told::{reason, told};
use crate::world::{World, branch, branch_of, duration, execute, one, options, plain};

const MIB: usize = 1024 * 1024;

type Change = fn(&mut pb::ExecuteTransactionRequest);

/// `one` with something changed.
fn changed(gid: &str, change: Change) -> pb::ExecuteTransactionRequest {
    let mut request = one(gid);
    request.options = Some(plain());
    change(&mut request);
    request
}

/// `one` that isn't decided by its deadline, however slow the machine is.
fn patient(gid: &str) -> pb::ExecuteTransactionRequest {
    changed(gid, |it| {
        its_options(it).try_timeout = Some(duration(3_600_000));
    })
}

fn its_options(request: &mut pb::ExecuteTransactionRequest) -> &mut pb::TransactionOptions {
    request.options.as_mut().unwrap()
}

fn json() -> pb::branch::Payload {
    pb::branch::Payload::Json(prost_types::Struct::default())
}

fn header(request: &mut pb::ExecuteTransactionRequest, name: &str, value: &str) {
    its_options(request)
        .headers
        .insert(name.into(), value.into());
}

#[tokio::test]
async fn of_two_faults_the_earlier_check_is_told() {
    let world = World::with("", "[limits]\nundecided = 1\n").await;
    world.pause("q").await.unwrap();
    world.p.on_phase("try", Answer::hold());
    let first = world.executing(patient("first"));
    world.p.call("first", "try", 1).await;
    let cases: [(&str, Change); 10] = [
        ("InvalidArgument INVALID_GID gid", |it| {
            it.gid = "two words".into();
            it.branches.clear();
        }),
        ("AlreadyExists GID_CONFLICT", |it| {
            it.gid = "first".into();
            it.branches.clear();
        }),
        ("AlreadyExists GID_CONFLICT", |it| {
            it.gid = "first".into();
            it.wait_for = 99;
            it.branches[0].participant = "nobody".into();
        }),
        (
            "InvalidArgument INVALID_OPTIONS options.try_timeout",
            |it| {
                it.branches[0].participant = "nobody".into();
                its_options(it).try_timeout = Some(duration(99));
            },
        ),
        ("InvalidArgument INVALID_BRANCH branches[1].id", |it| {
            it.branches[0].participant = "nobody".into();
            it.branches.push(branch("1", "p"));
        }),
        (
            "NotFound UNKNOWN_PARTICIPANT branches[1].participant",
            |it| {
                it.branches[0].participant = "q".into();
                it.branches.push(branch("2", "nobody"));
            },
        ),
        ("NotFound UNKNOWN_ACTION branches[0].action", |it| {
            it.branches[0].action = "nothing".into();
            it.branches.push(branch("2", "q"));
        }),
        ("Unavailable PARTICIPANT_PAUSED", |it| {
            it.branches[0].payload = Some(json());
            it.branches.push(branch("2", "q"));
        }),
        ("Unavailable SCHEMA_UNAVAILABLE", |it| {
            it.branches[0].payload = Some(json());
        }),
        ("ResourceExhausted OVERLOADED", |_| {}),
    ];
    for (expected, change) in cases {
        let answer = world.execute(changed("new", change)).await;
        assert!(told(answer).starts_with(expected), "{expected}");
        assert_eq!(reason(world.get("new").await), "UNKNOWN_TRANSACTION");
    }
    assert_eq!(reason(world.begin("new", plain()).await), "OVERLOADED");
    assert_eq!(reason(world.cancel("new", "").await), "OVERLOADED");
    // What is known is served all the same.
    let mut again = one("first");
    again.wait_for = pb::WaitFor::Decision.into();
    let again = world.executing(again);
    world.p.release();
    let again = again.await.unwrap().unwrap();
    assert_eq!(again.gid, "first");
    assert!(again.decided_at.is_some());
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_unknown_transaction_comes_before_whatever_else_is_wrong() {
    let world = World::start().await;
    let unknown = "UNKNOWN_TRANSACTION";
    let nothing = pb::Branch::default();
    assert_eq!(
        reason(world.try_branch("g", nothing.clone()).await),
        unknown
    );
    assert_eq!(reason(world.register("g", nothing).await), unknown);
    assert_eq!(
        reason(world.try_branch("g", branch("1", "nobody")).await),
        unknown
    );
    let unset = pb::TryBranchRequest {
        gid: "g".into(),
        branch: None,
    };
    assert_eq!(
        reason(world.client.clone().try_branch(unset).await),
        unknown
    );
    assert_eq!(reason(world.renew("g", None).await), unknown);
    assert_eq!(reason(world.resolve("g", "").await), unknown);
    assert_eq!(reason(world.force("g", "").await), unknown);
    assert_eq!(reason(world.park("g").await), unknown);
    let confirm = pb::ConfirmTransactionRequest {
        gid: "g".into(),
        wait_for: 99,
    };
    assert_eq!(
        reason(world.client.clone().confirm_transaction(confirm).await),
        unknown
    );
    let cancel = pb::CancelTransactionRequest {
        gid: "g".into(),
        wait_for: 99,
        ..pb::CancelTransactionRequest::default()
    };
    assert_eq!(
        told(world.client.clone().cancel_transaction(cancel).await),
        "InvalidArgument INVALID_REQUEST wait_for",
        "never unknown for a cancel"
    );
    let watch = pb::WatchTransactionRequest { gid: "g".into() };
    assert_eq!(
        reason(world.client.clone().watch_transaction(watch).await),
        unknown
    );

    world.begin("g", plain()).await.unwrap();
    let told_of = async |branch| told(world.try_branch("g", branch).await);
    assert_eq!(
        told_of(pb::Branch::default()).await,
        "InvalidArgument INVALID_BRANCH branch.id"
    );
    assert_eq!(
        told_of(branch_of("1", "p q", "act")).await,
        "InvalidArgument INVALID_BRANCH branch.participant"
    );
    assert_eq!(
        told_of(branch("1", "nobody")).await,
        "NotFound UNKNOWN_PARTICIPANT branch.participant"
    );
    assert_eq!(
        told(world.resolve("g", "").await),
        "InvalidArgument INVALID_BRANCH branch_id"
    );
    assert_eq!(
        told(world.renew("g", None).await),
        "InvalidArgument INVALID_OPTIONS try_timeout"
    );
}

#[tokio::test]
async fn an_empty_gid_is_made_by_begin_and_by_nobody_else() {
    let world = World::start().await;
    let begun = world.begin("", plain()).await.unwrap();
    let gid: uuid::Uuid = begun.gid.parse().unwrap();
    assert_eq!(gid.get_version_num(), 7);
    let invalid = "InvalidArgument INVALID_GID gid";
    assert_eq!(told(world.execute(one("")).await), invalid);
    assert_eq!(told(world.get("").await), invalid);
    assert_eq!(told(world.confirm("").await), invalid);
    assert_eq!(told(world.cancel("", "").await), invalid);
    assert_eq!(told(world.renew("", None).await), invalid);
    assert_eq!(told(world.resolve("", "1").await), invalid);
    assert_eq!(told(world.try_branch("", branch("1", "p")).await), invalid);
    assert_eq!(told(world.register("", branch("1", "p")).await), invalid);
    assert_eq!(told(world.retry("").await), invalid);
    assert_eq!(told(world.park("").await), invalid);
    assert_eq!(told(world.resume("").await), invalid);
    assert_eq!(told(world.force("", "1").await), invalid);
}

const TAKEN: &str = "taken";

/// Each is taken, or refused as told and unknown afterwards.
async fn check(cases: Vec<(&str, Change)>) {
    let world = World::start().await;
    for (number, (expected, change)) in cases.into_iter().enumerate() {
        let gid = format!("g-{number}");
        let answer = world.execute(changed(&gid, change)).await;
        if expected == TAKEN {
            assert!(answer.is_ok(), "case {number}: {answer:?}");
        } else {
            assert_eq!(told(answer), expected, "case {number}");
            assert_eq!(reason(world.get(&gid).await), "UNKNOWN_TRANSACTION");
        }
    }
}

#[tokio::test]
async fn each_limit_to_the_byte() {
    let labels = "InvalidArgument INVALID_OPTIONS options.labels";
    let timeout = "InvalidArgument INVALID_OPTIONS options.try_timeout";
    let taken = TAKEN;
    check(vec![
        (timeout, |it| {
            let almost = prost_types::Duration {
                seconds: 0,
                nanos: 99_999_999,
            };
            its_options(it).try_timeout = Some(almost);
        }),
        (taken, |it| {
            its_options(it).try_timeout = Some(duration(86_400_000));
        }),
        (timeout, |it| {
            let more = prost_types::Duration {
                seconds: 86_400,
                nanos: 1,
            };
            its_options(it).try_timeout = Some(more);
        }),
        (timeout, |it| {
            let negative = prost_types::Duration {
                seconds: -1,
                nanos: 0,
            };
            its_options(it).try_timeout = Some(negative);
        }),
        ("InvalidArgument INVALID_OPTIONS options.try_order", |it| {
            its_options(it).try_order = 99;
        }),
        ("InvalidArgument INVALID_REQUEST wait_for", |it| {
            it.wait_for = 99;
        }),
        (taken, |it| {
            its_options(it)
                .labels
                .insert("k".repeat(64), "v".repeat(256));
        }),
        (labels, |it| {
            its_options(it).labels.insert("k".repeat(65), String::new());
        }),
        (labels, |it| {
            its_options(it).labels.insert("k".into(), "v".repeat(257));
        }),
        // Bytes, not characters.
        (labels, |it| {
            its_options(it).labels.insert("ä".repeat(33), String::new());
        }),
        (taken, |it| it.branches[0].id = "~".repeat(64)),
        ("InvalidArgument INVALID_BRANCH branches[0].id", |it| {
            it.branches[0].id = "~".repeat(65);
        }),
        ("InvalidArgument INVALID_BRANCH branches[0].action", |it| {
            it.branches[0].action = "a".repeat(65);
        }),
        ("NotFound UNKNOWN_ACTION branches[0].action", |it| {
            it.branches[0].action = "a".repeat(64);
        }),
        ("InvalidArgument INVALID_OPTIONS options.initiator", |it| {
            its_options(it).initiator = Some(pb::Initiator {
                participant: "p".into(),
                service: "test.v1.CheckService".into(),
            });
        }),
    ])
    .await;
}

#[tokio::test]
async fn each_rule_of_headers() {
    let headers = "InvalidArgument INVALID_OPTIONS options.headers";
    let taken = TAKEN;
    check(vec![
        (taken, |it| header(it, &"h".repeat(64), &"v".repeat(1024))),
        (headers, |it| header(it, &"h".repeat(65), "v")),
        (headers, |it| header(it, "h", &"v".repeat(1025))),
        (taken, |it| header(it, "0.9_a-z", " ~!")),
        (headers, |it| header(it, "Tenant", "v")),
        (headers, |it| header(it, "", "v")),
        (headers, |it| header(it, "tenant-bin", "v")),
        (headers, |it| header(it, "tenant", "grün")),
        (headers, |it| header(it, "tenant", "two\nlines")),
        (headers, |it| header(it, "tenant", "a\ttab")),
        (headers, |it| header(it, "authorization", "v")),
        (headers, |it| header(it, "Authorization", "v")),
        (headers, |it| header(it, "content-type", "v")),
        (headers, |it| header(it, "te", "v")),
        (headers, |it| header(it, "host", "v")),
        (headers, |it| header(it, "connection", "v")),
        (headers, |it| header(it, "user-agent", "v")),
        (headers, |it| header(it, "traceparent", "v")),
        (headers, |it| header(it, "tracestate", "v")),
        (headers, |it| header(it, "tercet-x", "v")),
        (headers, |it| header(it, "grpc-x", "v")),
        (headers, |it| header(it, ":path", "v")),
        (taken, |it| {
            (0..4).for_each(|number| header(it, &format!("h{number}"), &"v".repeat(1022)));
        }),
        (headers, |it| {
            (0..4).for_each(|number| header(it, &format!("h{number}"), &"v".repeat(1022)));
            header(it, "x", "");
        }),
        (taken, |it| {
            (0..32).for_each(|number| header(it, &format!("h{number}"), "v"));
        }),
        (headers, |it| {
            (0..33).for_each(|number| header(it, &format!("h{number}"), "v"));
        }),
    ])
    .await;
}

/// What is decoded is judged by the limits; what is larger than 4 MiB is the transport's own error.
#[tokio::test]
async fn messages_are_decoded_up_to_4_mib() {
    let world = World::start().await;
    let with = |sizes: &[usize]| {
        let mut request = execute("g", Vec::new());
        for (index, size) in sizes.iter().enumerate() {
            let mut branch = branch(&index.to_string(), "p");
            branch.payload = Some(pb::branch::Payload::Message(vec![0; *size].into()));
            request.branches.push(branch);
        }
        request
    };
    assert_eq!(
        told(world.execute(with(&[MIB + 1])).await),
        "InvalidArgument PAYLOAD_TOO_LARGE branches[0].payload"
    );
    assert_eq!(
        told(world.execute(with(&[MIB, MIB, 1])).await),
        "InvalidArgument PAYLOAD_TOO_LARGE branches"
    );
    assert_eq!(
        told(world.execute(with(&[4 * MIB - 200])).await),
        "InvalidArgument PAYLOAD_TOO_LARGE branches[0].payload"
    );
    let status = world.execute(with(&[4 * MIB])).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status:?}");
    let largest = world.execute(with(&[MIB, MIB])).await.unwrap();
    assert_eq!(largest.state(), pb::TransactionState::Confirmed);
}

/// A gid is looked up before anything is validated or counted, so a repetition doesn't care that limits have shrunk.
#[tokio::test]
async fn what_was_taken_under_other_limits_is_still_known() {
    let mut world = World::start().await;
    let mut large = options(|it| {
        it.labels.insert("one".into(), "1".into());
        it.labels.insert("two".into(), "2".into());
    });
    large.headers.insert("tenant".into(), "blue".into());
    let mut request = execute("executed", vec![branch("1", "p"), branch("2", "q")]);
    request.options = Some(large.clone());
    let executed = world.execute(request.clone()).await.unwrap();
    world.begin("begun", large.clone()).await.unwrap();
    let tried = world.try_branch("begun", branch("1", "p")).await.unwrap();
    let registered = world.register("begun", branch("2", "q")).await.unwrap();

    world.configure(
        "",
        "[limits]\nbranches = 1\npayload_bytes = 3\ntransaction_payload_bytes = 3\nlabels = 0\nheaders = 0\nundecided = 1\n",
    );
    world.restart().await;

    assert_eq!(world.execute(request).await.unwrap(), executed);
    world.begin("begun", large).await.unwrap();
    let again = world.try_branch("begun", branch("1", "p")).await;
    assert_eq!(again.unwrap(), tried);
    let again = world.register("begun", branch("2", "q")).await;
    assert_eq!(again.unwrap(), registered);
    let mut other = branch("2", "q");
    other.payload = Some(pb::branch::Payload::Message("another".into()));
    assert_eq!(
        reason(world.register("begun", other).await),
        "BRANCH_CONFLICT"
    );
    let confirmed = world.confirm("begun").await.unwrap();
    assert_eq!(confirmed.state(), pb::TransactionState::Confirming);
    assert_eq!(world.p.calls("begun")[0], "try 1 1");
    assert_eq!(
        world.ended("begun").await.state(),
        pb::TransactionState::Confirmed
    );
}

/// Only Execute, Begin, Register and Try may be told that too much is going on.
#[tokio::test]
async fn a_crowd_that_waits_for_one_transaction_keeps_nobody_from_seeing_it() {
    let world = World::start().await;
    world.p.on_phase("try", Answer::hold());
    let first = world.executing(patient("g"));
    world.p.call("g", "try", 1).await;
    // More than one connection carries.
    let mut crowd = Vec::new();
    for _ in 0..2 {
        let mut another = TransactionServiceClient::new(channel(&world.server().grpc));
        let first = another.get_transaction(pb::GetTransactionRequest { gid: "g".into() });
        first.await.unwrap();
        for _ in 0..600 {
            let mut client = another.clone();
            crowd.push(tokio::spawn(async move {
                client.execute_transaction(one("g")).await
            }));
        }
    }
    crate::harness::until("somebody is turned away", || async {
        crowd
            .iter()
            .any(tokio::task::JoinHandle::is_finished)
            .then_some(())
    })
    .await;

    assert_eq!(
        world.get("g").await.unwrap().state(),
        pb::TransactionState::Trying
    );
    assert_eq!(world.resolve("g", "1").await.unwrap(), pb::Verdict::Pending);
    let cancel = pb::CancelTransactionRequest {
        gid: "g".into(),
        wait_for: pb::WaitFor::Completion.into(),
        ..pb::CancelTransactionRequest::default()
    };
    let cancelled = world.client.clone().cancel_transaction(cancel).await;
    let cancelled = cancelled.unwrap().into_inner().transaction.unwrap();
    assert!(cancelled.decided_at.is_some());
    world.p.release();
    assert_eq!(
        first.await.unwrap().unwrap().state(),
        pb::TransactionState::Cancelled
    );
    for one in crowd {
        if let Err(status) = one.await.unwrap() {
            assert_eq!(reason::<()>(Err(status)), "OVERLOADED");
        }
    }
}
