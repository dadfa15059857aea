//! SIGSTOP and SIGCONT: a process that is there, holds its connections and ports, and says nothing; and then goes on
//! with everything it was sent meanwhile, late.

use prost::Message as _;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tercet_proto::tercet::v1::{
    CancelReason, ExecuteTransactionRequest, Transaction, TransactionState, WaitFor,
};

use crate::answers::Told;
use crate::harness::patiently;
use crate::load::{PLENTY, RICH, message, plan};
use crate::seed::Seed;
use crate::world::{World, moment};

/// Waits for the clients' calls to fail this often, so that the stop is felt by many.
const FAILURES: usize = 6;

async fn execute(world: &World, gid: &str, stock: bool, wait_for: WaitFor) -> Transaction {
    let spend = SpendPointsRequest {
        user_id: RICH.0.into(),
        points: 1,
        order_ref: gid.into(),
        ..Default::default()
    };
    let reserve = ReserveStockRequest {
        sku: PLENTY.0.into(),
        quantity: 1,
        ..Default::default()
    };
    let mut branches = vec![message("1", "points", "spend", spend.encode_to_vec())];
    if stock {
        branches.push(message("2", "stock", "reserve", reserve.encode_to_vec()));
    }
    let request = ExecuteTransactionRequest {
        gid: gid.into(),
        branches,
        wait_for: wait_for.into(),
        ..ExecuteTransactionRequest::default()
    };
    let mut client = world.shop.transactions();
    let answer = patiently(gid, client.execute_transaction(request)).await;
    let transaction = answer.unwrap().into_inner().transaction.unwrap();
    world.answers.told(gid, Told::of(&transaction).unwrap());
    transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_that_is_stopped_delays_nobody_else_and_wakes_up_behind_its_fence() {
    let mut seed = Seed::new("participant stopped");
    let world = World::start().await;
    let prefix = seed.number.to_string();
    let load = world.load(plan(&mut seed, &prefix, 40));
    world.answers.reach(0, 5).await;
    moment(seed.below(20)).await;

    world.shop.stock.as_ref().unwrap().signal("STOP");
    let waiting = execute(&world, "with-stock", true, WaitFor::Decision).await;
    let other = execute(&world, "without-stock", false, WaitFor::Completion).await;
    world.shop.stock.as_ref().unwrap().signal("CONT");

    assert_eq!(
        waiting.state(),
        TransactionState::Cancelling,
        "decided, and stock still owes its cancel"
    );
    let cause = waiting.cancel_cause.unwrap();
    assert_eq!(
        (cause.reason(), cause.branch_id.as_str()),
        (CancelReason::InDoubt, "2")
    );
    assert_eq!(
        other.state(),
        TransactionState::Confirmed,
        "nobody waits for a participant that isn't theirs"
    );
    load.finished().await;
    // Awake, stock finds tries whose cancels it may serve first.
    println!("{}", world.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_stopped_wakes_up_with_every_answer_still_standing() {
    let mut seed = Seed::new("coordinator stopped");
    let world = World::start().await;
    let prefix = seed.number.to_string();
    for round in 0..3 {
        let load = world.load(plan(&mut seed, &format!("{prefix}-{round}"), 40));
        world.answers.reach(world.answers.count(), 5).await;
        moment(seed.below(20)).await;
        let before = world.answers.failures();

        world.shop.coordinator.as_ref().unwrap().signal("STOP");
        patiently(
            "clients to lose their patience",
            world.answers.reach_failures(before, FAILURES),
        )
        .await;
        world.shop.coordinator.as_ref().unwrap().signal("CONT");

        load.finished().await;
        println!("{}", world.check().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_then_killed_a_coordinator_leaves_nothing_half_done() {
    let mut seed = Seed::new("stopped and killed");
    let mut world = World::start().await;
    let prefix = seed.number.to_string();
    let load = world.load(plan(&mut seed, &prefix, 40));
    world.answers.reach(0, 5).await;
    moment(seed.below(20)).await;

    world.shop.coordinator.as_ref().unwrap().signal("STOP");
    world.shop.kill("serve").await;
    // What it had sent is still on its way to the participants, who answer nobody.
    world.shop.up().await;

    load.finished().await;
    println!("{}", world.check().await);
}
