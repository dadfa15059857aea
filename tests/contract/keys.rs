//! What a gid and a branch id are keys of: the same content again is the same thing at every state, other content is a
//! conflict at every state, and what isn't content isn't compared.

use bytes::Bytes;
use tercet_proto::tercet::v1 as pb;

use crate::participant::Answer;
use crate::told::reason;
use crate::world::{World, branch, duration, execute, options, plain, sequential};

type Request = pb::ExecuteTransactionRequest;

fn two(gid: &str) -> Request {
    let mut request = execute(gid, vec![branch("1", "p"), branch("2", "q")]);
    request.branches[1].payload = None;
    request.wait_for = pb::WaitFor::Decision.into();
    request
}

/// The same content, said otherwise.
fn repetitions(gid: &str) -> Vec<Request> {
    let same: [fn(&mut Request); 6] = [
        |it| it.options = Some(plain()),
        |it| it.options = Some(options(|it| it.try_order = pb::TryOrder::Parallel.into())),
        |it| it.branches[1].payload = Some(pb::branch::Payload::Message(Bytes::new())),
        |it| it.wait_for = 0,
        |it| {
            it.options = Some(options(|it| {
                it.labels.insert("order_no".into(), "7".into());
                it.headers.insert("tenant".into(), "blue".into());
                it.try_timeout = Some(duration(1_000));
            }));
        },
        // Not even what would be refused is looked at.
        |it| {
            it.options = Some(options(|it| {
                it.headers.insert("Authorization".into(), "no".into());
                it.try_timeout = Some(duration(1));
            }));
        },
    ];
    let changed = |change: fn(&mut Request)| {
        let mut request = two(gid);
        change(&mut request);
        request
    };
    same.into_iter().map(changed).collect()
}

/// Other content.
fn conflicts(gid: &str) -> Vec<Request> {
    let other: [fn(&mut Request); 10] = [
        |it| it.branches.clear(),
        |it| it.branches.swap(0, 1),
        |it| it.branches.truncate(1),
        |it| it.branches.push(branch("3", "p")),
        |it| it.branches[0].id = "one".into(),
        |it| it.branches[0].participant = "q".into(),
        |it| it.branches[0].action = "saga".into(),
        |it| it.branches[0].payload = Some(pb::branch::Payload::Message("Payload".into())),
        |it| {
            it.branches[1].payload =
                Some(pb::branch::Payload::Json(prost_types::Struct::default()));
        },
        |it| it.options = Some(sequential()),
    ];
    let changed = |change: fn(&mut Request)| {
        let mut request = two(gid);
        change(&mut request);
        request
    };
    other.into_iter().map(changed).collect()
}

async fn is_a_key(world: &World, gid: &str) {
    for (number, request) in conflicts(gid).into_iter().enumerate() {
        let answer = world.execute(request).await;
        assert_eq!(reason(answer), "GID_CONFLICT", "{gid}: other {number}");
    }
    assert_eq!(reason(world.begin(gid, plain()).await), "GID_CONFLICT");
    let state = world.get(gid).await.unwrap().state();
    if state == pb::TransactionState::Trying {
        // They wait for the decision.
        return;
    }
    for (number, request) in repetitions(gid).into_iter().enumerate() {
        let answer = world.execute(request).await;
        assert!(answer.is_ok(), "{gid}: same {number}: {answer:?}");
        assert_eq!(
            answer.unwrap().begun_at,
            world.get(gid).await.unwrap().begun_at
        );
    }
}

#[tokio::test]
async fn a_gid_is_a_key_at_every_state() {
    let world = World::start().await;
    let held = Answer::hold();
    for participant in [&world.p, &world.q] {
        let held = held.clone();
        participant.on(
            move |seen| match (seen.gid().as_str(), seen.phase().as_str()) {
                ("trying", "try") | ("confirming", "confirm") | ("cancelling", "cancel") => {
                    held.clone()
                }
                ("cancelling" | "cancelled", "try") if seen.branch() == "2" => {
                    Answer::code(tonic::Code::FailedPrecondition)
                }
                _ => Answer::ok(),
            },
        );
    }
    let trying = world.executing(two("trying"));
    world.p.call("trying", "try", 1).await;
    let mut joined = Vec::new();
    for request in repetitions("trying") {
        joined.push(world.executing(request));
    }
    for gid in ["confirming", "confirmed", "cancelling", "cancelled"] {
        world.execute(two(gid)).await.unwrap();
    }
    world.ended("confirmed").await;
    world.ended("cancelled").await;

    let states = [
        "trying",
        "confirming",
        "confirmed",
        "cancelling",
        "cancelled",
    ];
    for gid in states {
        let state = world
            .get(gid)
            .await
            .unwrap()
            .state()
            .as_str_name()
            .to_owned();
        assert_eq!(state, format!("TRANSACTION_STATE_{}", gid.to_uppercase()));
        is_a_key(&world, gid).await;
    }

    world.p.release();
    world.q.release();
    let decided = trying.await.unwrap().unwrap();
    for joined in joined {
        let joined = joined.await.unwrap().unwrap();
        assert_eq!(joined.decided_at, decided.decided_at);
    }
    for gid in states {
        world.ended(gid).await;
        let calls = [world.p.calls(gid), world.q.calls(gid)].concat();
        assert_eq!(calls.len(), 4, "{gid}: nothing is called twice: {calls:?}");
    }
    // Gids are compared byte by byte.
    let upper = world.execute(two("TRYING")).await.unwrap();
    assert_ne!(upper.begun_at, decided.begun_at);
}

#[tokio::test]
async fn a_begin_is_compared_by_its_order_and_its_initiator() {
    let world = World::start().await;
    let initiator = |service: &str| {
        Some(pb::Initiator {
            participant: "p".into(),
            service: service.into(),
        })
    };
    let first = options(|it| it.initiator = initiator("test.v1.CheckService"));
    let begun = world.begin("g", first.clone()).await.unwrap();
    world.try_branch("g", branch("1", "p")).await.unwrap();

    let mut same = first.clone();
    same.labels.insert("a".into(), "b".into());
    same.try_timeout = Some(duration(5_000));
    same.try_order = pb::TryOrder::Parallel.into();
    let again = world.begin("g", same).await.unwrap();
    assert_eq!(
        (again.begun_at, again.try_deadline, again.labels.len()),
        (begun.begun_at, begun.try_deadline, 0),
        "the first one's options stand"
    );
    assert_eq!(again.branches.len(), 1, "as it is now");

    let conflicts = [
        plain(),
        options(|it| it.initiator = initiator("test.v1.OtherService")),
        options(|it| {
            it.initiator = initiator("test.v1.CheckService");
            it.try_order = pb::TryOrder::Sequential.into();
        }),
    ];
    for other in &conflicts {
        let answer = world.begin("g", other.clone()).await;
        assert_eq!(reason(answer), "GID_CONFLICT");
    }
    world.cancel("g", "").await.unwrap();
    world.ended("g").await;
    for other in conflicts {
        assert_eq!(reason(world.begin("g", other).await), "GID_CONFLICT");
    }
    let ended = world.begin("g", first).await.unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Cancelled);
}

#[tokio::test]
async fn a_branch_id_is_a_key_within_its_gid_at_every_state() {
    let world = World::start().await;
    world.begin("g", plain()).await.unwrap();
    let tried = world.try_branch("g", branch("t", "p")).await.unwrap();
    let registered = world.register("g", branch("r", "q")).await.unwrap();
    assert_eq!(tried.state(), pb::BranchState::Tried);
    assert_eq!(registered.state(), pb::BranchState::Registered);
    // Another branch, byte by byte.
    world.register("g", branch("T", "q")).await.unwrap();

    let check = async |states: [pb::BranchState; 2]| {
        // Through either rpc, the first one's kind stands.
        for (id, participant, state) in [("t", "p", states[0]), ("r", "q", states[1])] {
            let same = branch(id, participant);
            let one = world.try_branch("g", same.clone()).await.unwrap();
            let other = world.register("g", same).await.unwrap();
            assert_eq!(one, other);
            assert_eq!(one.state(), state);
            let mut conflict = branch(id, participant);
            conflict.payload = None;
            let told = [
                reason(world.try_branch("g", conflict.clone()).await),
                reason(world.register("g", conflict.clone()).await),
            ];
            assert_eq!(told, ["BRANCH_CONFLICT", "BRANCH_CONFLICT"]);
        }
    };
    check([pb::BranchState::Tried, pb::BranchState::Registered]).await;
    world.p.on_phase("confirm", Answer::hold());
    world.q.on_phase("confirm", Answer::hold());
    world.confirm("g").await.unwrap();
    world.p.call("g", "confirm", 1).await;
    world.q.call("g", "confirm", 2).await;
    check([pb::BranchState::Tried, pb::BranchState::Registered]).await;
    assert_eq!(
        reason(world.try_branch("g", branch("new", "p")).await),
        "ALREADY_DECIDED"
    );
    world.p.release();
    world.q.release();
    world.ended("g").await;
    check([pb::BranchState::Confirmed, pb::BranchState::Confirmed]).await;
    assert_eq!(
        reason(world.register("g", branch("new", "nobody")).await),
        "ALREADY_DECIDED"
    );
    assert_eq!(world.p.calls("g"), ["try t 1", "confirm t 1"]);
}

#[tokio::test]
async fn a_transaction_of_one_call_takes_no_steps_at_any_state() {
    let world = World::start().await;
    world.p.on_phase("try", Answer::hold());
    let executing = world.executing(crate::world::one("g"));
    world.p.call("g", "try", 1).await;
    let check = async || {
        let told = [
            reason(world.try_branch("g", branch("1", "p")).await),
            reason(world.register("g", branch("2", "p")).await),
            reason(world.confirm("g").await),
        ];
        assert_eq!(told, ["ALREADY_DECIDED"; 3]);
    };
    check().await;
    // A renewal is for every kind.
    let renewed = world
        .renew("g", Some(std::time::Duration::from_hours(1)))
        .await;
    assert!(renewed.is_ok());
    world.p.release();
    let ended = executing.await.unwrap().unwrap();
    assert_eq!(ended.state(), pb::TransactionState::Confirmed);
    check().await;
    assert_eq!(reason(world.cancel("g", "").await), "ALREADY_DECIDED");
}
