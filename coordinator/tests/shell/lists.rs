//! Lists, status and participants.

use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Status};

use crate::support::{Behaviour, World, execute, refusal};

async fn list(
    world: &World,
    request: pb::ListTransactionsRequest,
) -> Result<(Vec<pb::Transaction>, String), Status> {
    let answer = world
        .admin
        .clone()
        .list_transactions(request)
        .await?
        .into_inner();
    Ok((answer.transactions, answer.next_page_token))
}

fn gids(transactions: &[pb::Transaction]) -> Vec<&str> {
    transactions
        .iter()
        .map(|transaction| transaction.gid.as_str())
        .collect()
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest() {
    let world = World::start().await;
    for number in 0..5 {
        world
            .execute(execute(&format!("g{number}"), &["a"]))
            .await
            .unwrap();
    }
    let mut request = pb::ListTransactionsRequest {
        page_size: 2,
        ..pb::ListTransactionsRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let (page, next) = list(&world, request.clone()).await.unwrap();
        assert!(page.len() <= 2);
        for transaction in &page {
            assert!(transaction.attempts.is_empty());
            assert!(transaction.branches[0].try_response.is_empty());
        }
        found.extend(gids(&page).into_iter().map(str::to_owned));
        if next.is_empty() {
            break;
        }
        request.page_token = next;
    }
    assert_eq!(found, ["g4", "g3", "g2", "g1", "g0"]);
}

#[tokio::test]
async fn every_condition_must_hold() {
    let world = World::start_with(|config| config.retry.max_attempts = 1).await;
    let labelled = |gid: &str, participants: &[&str], label: &str| {
        let mut request = execute(gid, participants);
        request.options = Some(pb::TransactionOptions {
            labels: [("order".to_owned(), label.to_owned())].into(),
            ..pb::TransactionOptions::default()
        });
        request
    };
    world.execute(labelled("one", &["a"], "1")).await.unwrap();
    world.b.on_method("Try", Behaviour::code(Code::NotFound));
    world.execute(labelled("two", &["b"], "2")).await.unwrap();
    world
        .c
        .on_method("Confirm", Behaviour::code(Code::Internal));
    world.execute(labelled("three", &["c"], "3")).await.unwrap();

    let by = |change: fn(&mut pb::ListTransactionsRequest)| {
        let mut request = pb::ListTransactionsRequest::default();
        change(&mut request);
        list(&world, request)
    };
    let found = by(|request| request.states = vec![pb::TransactionState::Cancelled as i32]);
    assert_eq!(gids(&found.await.unwrap().0), ["two"]);
    let found = by(|request| request.participant = "a".to_owned());
    assert_eq!(gids(&found.await.unwrap().0), ["one"]);
    let found = by(|request| request.labels = [("order".to_owned(), "3".to_owned())].into());
    assert_eq!(gids(&found.await.unwrap().0), ["three"]);
    let found = by(|request| request.needs_attention = true);
    assert_eq!(gids(&found.await.unwrap().0), ["three"]);
    let found = by(|request| {
        request.older_than = Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        });
    });
    assert!(found.await.unwrap().0.is_empty());
    let found = by(|request| request.gids = ["one", "none", "three"].map(str::to_owned).into());
    assert_eq!(gids(&found.await.unwrap().0), ["three", "one"]);
    let found = by(|request| request.page_size = 10_000);
    assert_eq!(found.await.unwrap().0.len(), 3);
}

type Change = fn(&mut pb::ListTransactionsRequest);

#[tokio::test]
async fn bad_conditions_are_named() {
    let world = World::start().await;
    let bad: [(&str, Change); 7] = [
        ("page_size", |request| request.page_size = -1),
        ("page_token", |request| {
            request.page_token = "nonsense".to_owned();
        }),
        ("states", |request| request.states = vec![77]),
        ("gids", |request| request.gids = vec!["a b".to_owned()]),
        ("gids", |request| request.gids = vec!["a".to_owned(); 501]),
        ("participant", |request| {
            request.participant = "a b".to_owned();
        }),
        ("older_than", |request| {
            request.older_than = Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            });
        }),
    ];
    for (field, change) in bad {
        let mut request = pb::ListTransactionsRequest::default();
        change(&mut request);
        let told = refusal(list(&world, request).await);
        assert_eq!(told.code, Code::InvalidArgument);
        assert_eq!(
            (told.reason.as_str(), told.field.as_str()),
            ("INVALID_REQUEST", field)
        );
    }
    let request = pb::ListAuditRecordsRequest {
        page_size: -1,
        ..pb::ListAuditRecordsRequest::default()
    };
    let told = refusal(world.admin.clone().list_audit_records(request).await);
    assert_eq!(told.reason, "INVALID_REQUEST");
}

#[tokio::test]
async fn status_counts_what_is_open() {
    let world = World::start().await;
    world.begin("trying").await;
    world.a.on_method("Confirm", Behaviour::Hang);
    let mut request = execute("confirming", &["a"]);
    request.wait_for = pb::WaitFor::Decision as i32;
    world.execute(request).await.unwrap();
    let answer = world
        .admin
        .clone()
        .get_status(pb::GetStatusRequest {})
        .await
        .unwrap();
    let status = answer.into_inner();
    let open: Vec<_> = status
        .open
        .iter()
        .map(|open| (open.state(), open.count))
        .collect();
    assert_eq!(
        open,
        [
            (pb::TransactionState::Trying, 1),
            (pb::TransactionState::Confirming, 1),
            (pb::TransactionState::Cancelling, 0),
        ]
    );
    let waiting: Vec<_> = status
        .waiting
        .iter()
        .map(|waiting| waiting.waiting)
        .collect();
    assert_eq!(waiting, [1, 0, 0]);
    let oldest = status.oldest_unresolved_begun_at;
    assert_eq!(oldest, world.get("trying").await.unwrap().begun_at);
    assert!(!status.draining);
    assert_eq!(
        status.advertised_address,
        world.running().addresses().grpc_url()
    );
    world.a.release();
}

#[tokio::test]
async fn participants_are_shown_as_they_are() {
    let world = World::start().await;
    world.b.on_method("Try", Behaviour::code(Code::Internal));
    world.execute(execute("g", &["b"])).await.unwrap();
    let request = pb::ListParticipantsRequest {};
    let answer = world
        .admin
        .clone()
        .list_participants(request)
        .await
        .unwrap();
    let participants = answer.into_inner().participants;
    let names: Vec<_> = participants
        .iter()
        .map(|participant| participant.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(participants[0].last_error, None);
    assert_eq!(participants[1].last_error.as_ref().unwrap().code, 13);
    assert_eq!(participants[1].breaker(), pb::BreakerState::Closed);
    let message = participants[0]
        .actions
        .iter()
        .find(|action| action.name == "message")
        .unwrap();
    assert_eq!(message.verbs, [pb::Phase::Confirm as i32]);
}
