//! `ListTransactions`, `ListParticipants` and `GetStatus`.

use tercet_proto::tercet::v1 as pb;
use tonic::{Code, Status};

use crate::support::{Behaviour, World, execute, refusal};

async fn list(
    world: &World,
    request: pb::ListTransactionsRequest,
) -> Result<pb::ListTransactionsResponse, Status> {
    let answer = world.admin.clone().list_transactions(request).await?;
    Ok(answer.into_inner())
}

async fn gids(world: &World, request: pb::ListTransactionsRequest) -> Vec<String> {
    let page = list(world, request).await.unwrap();
    page.transactions
        .into_iter()
        .map(|found| found.gid)
        .collect()
}

fn labelled(
    gid: &str,
    participant: &str,
    labels: &[(&str, &str)],
) -> pb::ExecuteTransactionRequest {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    pb::ExecuteTransactionRequest {
        options: Some(pb::TransactionOptions {
            labels: labels.collect(),
            ..pb::TransactionOptions::default()
        }),
        ..execute(gid, &[participant])
    }
}

/// Three ended ones and an open one that needs attention.
async fn some() -> World {
    let world = World::start().await;
    let red = [("colour", "red"), ("size", "xl")];
    world.execute(labelled("1", "a", &red)).await.unwrap();
    world
        .execute(labelled("2", "b", &[("colour", "red")]))
        .await
        .unwrap();
    world
        .b
        .on_method("Try", Behaviour::code(Code::FailedPrecondition));
    world
        .execute(labelled("3", "b", &[("colour", "blue")]))
        .await
        .unwrap();
    world
        .a
        .on_method("Confirm", Behaviour::code(Code::FailedPrecondition));
    let mut stuck = labelled("4", "a", &[]);
    stuck.wait_for = pb::WaitFor::Decision as i32;
    world.execute(stuck).await.unwrap();
    world
        .wait_until("4", "attention", |found| found.attention.is_some())
        .await;
    // Attention is lazy; the list reads the log.
    while !gids(
        &world,
        pb::ListTransactionsRequest {
            needs_attention: true,
            ..Default::default()
        },
    )
    .await
    .contains(&"4".to_owned())
    {
        tokio::task::yield_now().await;
    }
    world
}

#[tokio::test]
async fn filters_narrow_the_list_which_is_newest_first() {
    let world = some().await;
    let all = pb::ListTransactionsRequest::default;
    assert_eq!(gids(&world, all()).await, ["4", "3", "2", "1"]);
    let states = vec![pb::TransactionState::Cancelled as i32];
    assert_eq!(
        gids(&world, pb::ListTransactionsRequest { states, ..all() }).await,
        ["3"]
    );
    let labels = [("colour".to_owned(), "red".to_owned())].into();
    assert_eq!(
        gids(&world, pb::ListTransactionsRequest { labels, ..all() }).await,
        ["2", "1"]
    );
    let labels = [
        ("colour".into(), "red".into()),
        ("size".into(), "xl".into()),
    ]
    .into();
    assert_eq!(
        gids(&world, pb::ListTransactionsRequest { labels, ..all() }).await,
        ["1"],
        "all labels must match"
    );
    let participant = "b".to_owned();
    assert_eq!(
        gids(
            &world,
            pb::ListTransactionsRequest {
                participant,
                ..all()
            }
        )
        .await,
        ["3", "2"]
    );
    let older_than = Some(prost_types::Duration {
        seconds: 3_600,
        nanos: 0,
    });
    assert!(
        gids(
            &world,
            pb::ListTransactionsRequest {
                older_than,
                ..all()
            }
        )
        .await
        .is_empty()
    );
    let attention = pb::ListTransactionsRequest {
        needs_attention: true,
        ..all()
    };
    assert_eq!(gids(&world, attention).await, ["4"]);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let world = some().await;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListTransactionsRequest {
            page_size: 1,
            page_token,
            ..Default::default()
        };
        let page = list(&world, request).await.unwrap();
        assert!(page.transactions.len() <= 1);
        for transaction in page.transactions {
            assert!(transaction.attempts.is_empty());
            assert!(
                transaction
                    .branches
                    .iter()
                    .all(|branch| branch.try_response.is_empty())
            );
            found.push(transaction.gid);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["4", "3", "2", "1"]);
}

#[tokio::test]
async fn bad_paging_is_an_invalid_request() {
    let world = World::start().await;
    let bad_token = pb::ListTransactionsRequest {
        page_token: "not one".into(),
        ..Default::default()
    };
    let bad_size = pb::ListTransactionsRequest {
        page_size: -1,
        ..Default::default()
    };
    for request in [bad_token, bad_size] {
        let told = refusal(list(&world, request).await);
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::InvalidArgument, "INVALID_REQUEST")
        );
    }
    let capped = pb::ListTransactionsRequest {
        page_size: 100_000,
        ..Default::default()
    };
    assert!(
        list(&world, capped).await.is_ok(),
        "a page size above 500 is capped"
    );
}

#[tokio::test]
async fn participants_and_status_show_what_is_open() {
    let world = some().await;
    let answer = world
        .admin
        .clone()
        .list_participants(pb::ListParticipantsRequest::default())
        .await
        .unwrap();
    let names: Vec<String> = answer
        .into_inner()
        .participants
        .into_iter()
        .map(|found| found.name)
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let status = world
        .admin
        .clone()
        .get_status(pb::GetStatusRequest::default())
        .await
        .unwrap();
    let open = status.into_inner().open;
    let is_confirming = |count: &&pb::StateCount| count.state() == pb::TransactionState::Confirming;
    assert_eq!(open.iter().find(is_confirming).unwrap().count, 1);
}
