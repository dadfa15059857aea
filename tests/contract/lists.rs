//! Lists: order, filters, pages and where they end.

use std::collections::{BTreeSet, HashMap};

use tercet_proto::tercet::v1 as pb;

use crate::told::told;
use crate::world::{World, branch, duration, execute, one, options, plain};

type Request = pb::ListTransactionsRequest;

async fn list(world: &World, request: &Request) -> pb::ListTransactionsResponse {
    let answer = world.admin.clone().list_transactions(request.clone()).await;
    answer.unwrap().into_inner()
}

/// The sizes of all pages, and every gid in order.
async fn pages(world: &World, mut request: Request) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut gids) = (Vec::new(), Vec::new());
    loop {
        let page = list(world, &request).await;
        sizes.push(page.transactions.len());
        gids.extend(page.transactions.into_iter().map(|it| it.gid));
        if page.next_page_token.is_empty() {
            return (sizes, gids);
        }
        request.page_token = page.next_page_token;
    }
}

fn of_size(page_size: i32) -> Request {
    Request {
        page_size,
        ..Request::default()
    }
}

#[tokio::test]
async fn pages_are_as_long_as_asked_up_to_500_and_end_with_the_last() {
    let world = World::start().await;
    let empty = list(&world, &Request::default()).await;
    assert_eq!(empty, pb::ListTransactionsResponse::default());
    let cancels = (0..500).map(|number| {
        let world = &world;
        async move { world.cancel(&format!("g-{number}"), "").await.unwrap() }
    });
    futures::future::join_all(cancels).await;

    let (sizes, gids) = pages(&world, of_size(0)).await;
    assert_eq!(sizes, [100; 5], "none is empty");
    assert_eq!(gids.iter().collect::<BTreeSet<_>>().len(), 500);
    assert_eq!(pages(&world, of_size(500)).await, (vec![500], gids.clone()));
    assert_eq!(
        pages(&world, of_size(250)).await,
        (vec![250, 250], gids.clone())
    );
    world.cancel("g-500", "").await.unwrap();
    let (sizes, all) = pages(&world, of_size(1_000)).await;
    assert_eq!(sizes, [500, 1], "capped");
    assert_eq!((&*all[0], &all[1..]), ("g-500", &gids[..]), "newest first");

    let bad = async |change: fn(&mut Request)| {
        let mut request = Request::default();
        change(&mut request);
        told(world.admin.clone().list_transactions(request).await)
    };
    let invalid = "InvalidArgument INVALID_REQUEST";
    assert_eq!(
        bad(|it| it.page_size = -1).await,
        format!("{invalid} page_size")
    );
    assert_eq!(
        bad(|it| it.page_token = "?".into()).await,
        format!("{invalid} page_token")
    );
    assert_eq!(
        bad(|it| it.states = vec![99]).await,
        format!("{invalid} states")
    );
    assert_eq!(
        bad(|it| {
            it.older_than = Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            });
        })
        .await,
        format!("{invalid} older_than")
    );
    let audit = pb::ListAuditRecordsRequest {
        page_size: -1,
        ..pb::ListAuditRecordsRequest::default()
    };
    assert_eq!(
        told(world.admin.clone().list_audit_records(audit).await),
        format!("{invalid} page_size")
    );
}

/// A page never has more bytes than a client decodes.
#[tokio::test]
async fn a_page_of_large_transactions_can_be_read() {
    let world = World::start().await;
    let labels: HashMap<String, String> = (0..32)
        .map(|number| (format!("{number:064}"), "v".repeat(256)))
        .collect();
    let begins = (0..450).map(|number| {
        let options = options(|it| it.labels.clone_from(&labels));
        let world = &world;
        async move { world.begin(&format!("g-{number}"), options).await.unwrap() }
    });
    futures::future::join_all(begins).await;
    let (sizes, gids) = pages(&world, of_size(500)).await;
    assert!(sizes.len() > 1, "{sizes:?}");
    assert_eq!(gids.len(), 450);
    assert_eq!(gids.iter().collect::<BTreeSet<_>>().len(), 450);
}

#[tokio::test]
async fn every_condition_must_hold() {
    let world = World::start().await;
    let labelled = |labels: &[(&str, &str)]| {
        Some(options(|it| {
            for (key, value) in labels {
                it.labels.insert((*key).into(), (*value).into());
            }
        }))
    };
    let mut first = one("first");
    first.options = labelled(&[("shop", "a"), ("no", "1")]);
    let mut second = execute("second", vec![branch("1", "q"), branch("2", "p")]);
    second.options = labelled(&[("shop", "a"), ("no", "2")]);
    world.execute(first).await.unwrap();
    world.execute(second).await.unwrap();
    world.begin("third", plain()).await.unwrap();

    let found = async |change: fn(&mut Request)| {
        let mut request = Request::default();
        change(&mut request);
        let page = list(&world, &request).await;
        for shown in &page.transactions {
            assert!(shown.attempts.is_empty());
            assert!(shown.branches.iter().all(|it| it.try_response.is_empty()));
        }
        page.transactions
            .into_iter()
            .map(|it| it.gid)
            .collect::<Vec<_>>()
    };
    assert_eq!(found(|_| {}).await, ["third", "second", "first"]);
    assert_eq!(
        found(|it| it.participant = "p".into()).await,
        ["second", "first"]
    );
    assert_eq!(found(|it| it.participant = "q".into()).await, ["second"]);
    assert!(
        found(|it| it.participant = "nobody".into())
            .await
            .is_empty()
    );
    assert_eq!(
        found(|it| {
            it.labels.insert("shop".into(), "a".into());
        })
        .await,
        ["second", "first"]
    );
    assert_eq!(
        found(|it| {
            it.labels.insert("shop".into(), "a".into());
            it.labels.insert("no".into(), "1".into());
        })
        .await,
        ["first"]
    );
    assert!(
        found(|it| {
            it.labels.insert("shop".into(), "A".into());
        })
        .await
        .is_empty()
    );
    assert_eq!(
        found(|it| it.states = vec![pb::TransactionState::Trying.into()]).await,
        ["third"]
    );
    assert_eq!(
        found(|it| {
            it.states = vec![
                pb::TransactionState::Trying.into(),
                pb::TransactionState::Confirmed.into(),
            ];
            it.participant = "q".into();
        })
        .await,
        ["second"]
    );
    assert!(found(|it| it.needs_attention = true).await.is_empty());
    assert!(
        found(|it| it.older_than = Some(duration(3_600_000)))
            .await
            .is_empty()
    );
    assert_eq!(found(|it| it.older_than = Some(duration(0))).await.len(), 3);
}
