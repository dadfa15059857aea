//! Servers that come back late: until then their ports refuse every connection.

use prost::Message as _;
use tercet_proto::shop::order::v1::{OrderState, PlaceOrderRequest};
use tercet_proto::shop::stock::v1::NotifyRequest;
use tercet_proto::tercet::v1::{
    ExecuteTransactionRequest, GetTransactionRequest, Transaction, TransactionState,
};
use tonic::Code;

use crate::answers::Told;
use crate::harness::until;
use crate::load::{PLENTY, RICH, message, plan, reason};
use crate::seed::Seed;
use crate::world::World;

/// Refused connections that are waited for before a server comes back.
const ATTEMPTS: usize = 4;

async fn get(world: &World, gid: &str) -> Option<Transaction> {
    let request = GetTransactionRequest { gid: gid.into() };
    let answer = world.shop.transactions().get_transaction(request).await;
    answer.ok()?.into_inner().transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_whose_port_comes_back_late_is_called_until_it_is_there() {
    let mut world = World::start().await;
    world.shop.kill("stock").await;
    // A message has no try, so it is decided without its participant.
    let notice = NotifyRequest {
        subject: "late".into(),
        text: "hello".into(),
    };
    let request = ExecuteTransactionRequest {
        gid: "late".into(),
        branches: vec![message("1", "stock", "notify", notice.encode_to_vec())],
        ..ExecuteTransactionRequest::default()
    };
    let answer = world.shop.transactions().execute_transaction(request).await;
    let decided = answer.unwrap().into_inner().transaction.unwrap();
    assert_eq!(decided.state(), TransactionState::Confirming);
    world.answers.told("late", Told::Confirm);

    let refused = until("its port to refuse some calls", || async {
        let transaction = get(&world, "late").await?;
        (transaction.attempts.len() >= ATTEMPTS).then_some(transaction)
    })
    .await;
    for attempt in &refused.attempts {
        assert_eq!(attempt.code, Code::Unavailable as i32, "{attempt:?}");
    }
    world.shop.up().await;

    println!("{}", world.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_killed_and_the_participants_come_back_one_by_one_long_after_the_coordinator() {
    let mut seed = Seed::new("late ports");
    let mut world = World::start().await;
    let prefix = seed.number.to_string();
    let load = world.load(plan(&mut seed, &prefix, 60));
    world.answers.reach(0, 20).await;
    for name in ["serve", "order", "points", "stock"] {
        world.shop.kill(name).await;
    }

    // It is ready without any of them: readiness depends on no participant.
    world.shop.coordinator = Some(world.shop.server("serve").await);
    for name in ["points", "order", "stock"] {
        let failures = world.answers.failures();
        world.answers.reach_failures(failures, ATTEMPTS).await;
        let server = world.shop.server(name).await;
        *world.shop.slot(name) = Some(server);
    }

    load.finished().await;
    println!("{}", world.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_coordinators_port_is_dead_an_order_is_refused_for_now_and_placed_once_later() {
    let mut world = World::start().await;
    let order = PlaceOrderRequest {
        request_id: "late".into(),
        user_id: RICH.0.into(),
        sku: PLENTY.0.into(),
        quantity: 1,
        points_to_spend: 1,
        ..PlaceOrderRequest::default()
    };
    world.shop.kill("serve").await;
    for _ in 0..2 {
        let status = world.shop.place(order.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert_eq!(reason(&status), "COORDINATOR_UNAVAILABLE");
    }
    world.shop.up().await;

    let placed = until("the order to be placed", || async {
        let placed = world.shop.place(order.clone()).await.ok()?.order?;
        (placed.state() == OrderState::Created).then_some(placed)
    })
    .await;
    world.answers.told(&placed.gid, Told::Confirm);
    let report = world.check().await;
    assert_eq!(
        (report.counts.transactions, report.counts.orders),
        (1, 1),
        "{report}"
    );
}
