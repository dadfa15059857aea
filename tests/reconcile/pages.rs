//! What a comparison costs: calls for every page of rows, not for every row.

use futures::StreamExt as _;
use tercet_checker::Service;
use tercet_client::Branch;
use tercet_proto::shop::stock::v1::ReserveStockRequest;

use crate::meter::Meter;
use crate::queries::Tamper;
use crate::world::World;

/// More than two pages of 500, and less than three.
const TRANSACTIONS: u64 = 1_050;
const PAGES: u64 = 3;
/// Beside the pages: what is there, whether a fence can be read, the sums, and the one suspect's second look.
const BESIDES: u64 = 8;
/// Begun at once; whatever a machine can take.
const AT_ONCE: usize = 32;

async fn reserved(world: &World, number: u64) {
    let gid = format!("g{number}");
    let request = ReserveStockRequest {
        sku: "rice".into(),
        quantity: 1,
        order_no: gid.clone(),
    };
    let branch = Branch::new("1", "stock", "reserve").message(&request);
    let execute = world.client.execute(gid).branch(branch);
    let done = execute.wait_for_completion().send().await;
    assert!(done.unwrap().is_confirm());
}

#[tokio::test]
async fn a_page_of_rows_costs_a_few_calls() {
    let world = World::start().await;
    world.shop.seed("rice", 10_000, "bob", 0).await;
    futures::stream::iter(0..TRANSACTIONS)
        .for_each_concurrent(AT_ONCE, |number| reserved(&world, number))
        .await;
    world.tamper(Service::Stock, Tamper::NoFence("g7")).await;
    let found = [("branch-missing", "g7", "stands")];

    let log = Meter::before(&world.shop.endpoint(), None).await;
    let stock = Meter::before(&world.shop.address("stock"), None).await;
    let report = world.reconcile_through(&log, &stock).await;
    report.is(&found);
    let compared = report.document["compared"].to_string();
    assert!(
        compared.contains(r#"{"count":1050,"what":"transactions in the log"}"#)
            && compared.contains(r#"{"count":1049,"what":"branches in stock's fence"}"#),
        "{compared}"
    );
    for (what, meter) in [("the log", &log), ("the fence", &stock)] {
        assert!(meter.all() <= 2 * PAGES + BESIDES, "{what}: {meter:?}");
    }

    // A participant that can only be asked one by one is asked so, and the outcome is the same.
    let stock = Meter::before(&world.shop.address("stock"), Some("GetBranches")).await;
    world.reconcile_through(&log, &stock).await.is(&found);
    assert!(stock.of("GetBranch") >= TRANSACTIONS, "{stock:?}");
}
