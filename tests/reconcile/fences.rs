//! The log and the fences, and the sums of stock and points.

use tercet_checker::Service;
use tercet_client::proto::{TransactionState, WaitFor};
use tercet_participant::now_micros;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::shop::stock::v1::reserve_stock_service_client::ReserveStockServiceClient;

use crate::harness::shop::channel;
use crate::queries::Tamper;
use crate::world::World;

/// Microseconds since the Unix epoch, some minutes from now.
fn minutes_from_now(minutes: i64) -> i64 {
    now_micros() + minutes * 60_000_000
}

#[tokio::test]
async fn a_participant_that_was_restored_from_a_backup_is_brought_up_to_date() {
    let mut world = World::start().await;
    world.confirmed("before", 1).await;
    world.tried("confirm", 2).await;
    world.tried("cancel", 3).await;
    world.reconcile(&[], "").await.is(&[]);
    world.tamper(Service::Stock, Tamper::Save).await;
    for gid in ["confirm", "cancel"] {
        let open = world.client.open(gid);
        let wait = WaitFor::Completion;
        if gid == "confirm" {
            open.confirm_and(wait).await.unwrap();
        } else {
            open.cancel_and("a test", wait).await.unwrap();
        }
    }
    assert_eq!(world.tea().await, [7, 0, 3, 0]);
    world.shop.kill("stock").await;
    let down = world.reconcile(&[], "").await;
    assert_eq!(
        down.code, 1,
        "what can't be reached can't be said to agree: {down:?}"
    );
    assert_eq!(down.document["not_compared"][0]["what"], "stock's fence");
    world.tamper(Service::Stock, Tamper::Restore).await;
    world.shop.up().await;
    assert_eq!(world.tea().await, [4, 5, 1, 0]);

    let unfinished = |outcome| {
        [
            ("branch-unfinished", "cancel", outcome),
            ("branch-unfinished", "confirm", outcome),
        ]
    };
    world.reconcile(&[], "").await.is(&unfinished("stands"));
    let mended = world.reconcile(&["--repair", "--yes"], "").await;
    mended.is(&unfinished("mended"));
    assert_eq!(world.tea().await, [7, 0, 3, 0]);
    world.reconcile(&[], "").await.is(&[]);
}

#[tokio::test]
async fn a_branch_that_a_person_ended_is_told_to_its_participant() {
    let mut world = World::start().await;
    world.tried("forced", 2).await;
    world.shop.kill("stock").await;
    world.client.open("forced").confirm().await.unwrap();
    let admin = world.client.admin();
    admin.force_branch("forced", "1", "a test").await.unwrap();
    world.shop.up().await;
    world.reconcile(&["--repair", "--yes"], "").await.is(&[(
        "branch-unfinished",
        "forced",
        "mended",
    )]);
    assert_eq!(world.tea().await, [8, 2, 0, 0], "nothing has run");
    world.reconcile(&[], "").await.is(&[]);
}

#[tokio::test]
async fn a_participant_that_cancelled_what_is_to_be_confirmed_needs_a_person() {
    let mut world = World::start().await;
    world.tried("open", 2).await;
    world.shop.kill("stock").await;
    world
        .tamper(Service::Stock, Tamper::FenceState("open", 3))
        .await;
    world.client.open("open").confirm().await.unwrap();
    world.shop.up().await;

    let found = |outcome| [("branch-contradicted", "open", outcome)];
    world.reconcile(&[], "").await.is(&found("stands"));
    let guessed = world.reconcile(&["--repair", "--yes"], "").await;
    guessed.is(&found("stands"));
    let refused = world.reconcile(&["--repair"], "n\n").await;
    refused.is(&found("declined"));
    assert!(refused.said.contains("[y/N]"), "{refused:?}");
    let state = world.transaction("open").await.state();
    assert_eq!(state, TransactionState::Confirming);
    let mended = world.reconcile(&["--repair"], "y\n").await;
    mended.is(&found("mended"));
    let transaction = world.transaction("open").await;
    assert_eq!(transaction.state(), TransactionState::Confirmed);
    assert!(transaction.branches[0].forced);
    world.reconcile(&[], "").await.is(&[]);
}

#[tokio::test]
async fn what_no_program_can_know_is_reported_and_left_alone() {
    let world = World::start().await;
    for gid in ["undone", "gone"] {
        world.confirmed(gid, 1).await;
    }
    world.cancelled("done", 1).await;
    for what in [
        Tamper::FenceState("undone", 3),
        Tamper::FenceState("done", 2),
        Tamper::NoFence("gone"),
        Tamper::Fence("lost", minutes_from_now(20)),
        // What is older than anything in the log, the log has forgotten by right.
        Tamper::Fence("old", minutes_from_now(-60)),
    ] {
        world.tamper(Service::Stock, what).await;
    }
    let expected = [
        ("branch-contradicted", "done", "stands"),
        ("branch-contradicted", "undone", "stands"),
        ("branch-missing", "gone", "stands"),
        ("transaction-lost", "lost", "stands"),
    ];
    world.reconcile(&[], "").await.is(&expected);
    world
        .reconcile(&["--repair"], "y\ny\ny\ny\n")
        .await
        .is(&expected);
    world.reconcile(&[], "").await.is(&expected);
}

#[tokio::test]
async fn a_branch_of_a_transaction_that_nobody_knows_is_given_back_if_a_person_says_so() {
    let mut world = World::start().await;
    let stock = world.shop.slot("stock").as_ref().unwrap().grpc.clone();
    let mut request = tonic::Request::new(ReserveStockRequest {
        sku: "tea".into(),
        quantity: 4,
        order_no: "o".into(),
    });
    for (name, value) in [
        ("tercet-gid", "orphan".to_owned()),
        ("tercet-branch", "1".to_owned()),
        ("tercet-phase", "try".to_owned()),
        ("tercet-attempt", "1".to_owned()),
        (
            "tercet-try-deadline",
            (minutes_from_now(30) / 1000).to_string(),
        ),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let mut reserve = ReserveStockServiceClient::new(channel(&stock));
    reserve.r#try(request).await.unwrap();

    let found = |outcome| [("branch-orphaned", "orphan", outcome)];
    world
        .reconcile(&["--repair", "--yes"], "")
        .await
        .is(&found("stands"));
    assert_eq!(world.tea().await, [6, 4, 0, 0]);
    world
        .reconcile(&["--repair"], "y\n")
        .await
        .is(&found("mended"));
    assert_eq!(world.tea().await, [10, 0, 0, 0]);
    let state = world.transaction("orphan").await.state();
    assert_eq!(state, TransactionState::Cancelled, "it is on record");
    world.reconcile(&[], "").await.is(&[]);
}

#[tokio::test]
async fn wrong_sums_are_named_and_left_to_a_person() {
    let world = World::start().await;
    world.confirmed("sale", 2).await;
    world.tamper(Service::Stock, Tamper::Held("tea")).await;
    world.tamper(Service::Points, Tamper::Points("ann")).await;
    let expected = [
        ("points-sum", "ann", "stands"),
        ("stock-sum", "tea", "stands"),
    ];
    let found = world.reconcile(&["--repair", "--yes"], "").await;
    found.is(&expected);
    let why = found.document["findings"].to_string();
    assert!(why.contains("held 3, its orders have 2"), "{why}");
    assert!(
        why.contains("available 1001 and frozen 0, the ledger adds up to 1000 and 0"),
        "{why}"
    );

    world.tamper(Service::Stock, Tamper::Available("tea")).await;
    let found = world.reconcile(&[], "").await;
    let why = found.document["findings"].to_string();
    assert!(why.contains("= 11, delivered were 10"), "{why}");
}

#[tokio::test]
async fn points_that_came_back_more_than_were_spent_are_named_and_left_to_a_person() {
    let world = World::start().await;
    world.confirmed("sale", 2).await;
    let what = Tamper::Refunded("o-1", "ann");
    world.tamper(Service::Points, what).await;
    let expected = [("points-refunded", "o-1", "stands")];
    world.reconcile(&[], "").await.is(&expected);
    let found = world.reconcile(&["--repair"], "y\n").await;
    found.is(&expected);
    let why = found.document["findings"][0]["why"].to_string();
    assert!(
        why.contains("ann spent 100, of which 60 are refunded and 50 are being"),
        "{why}"
    );
}
