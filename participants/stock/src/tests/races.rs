//! Calls at once, repeated and out of order: afterwards the numbers are just what the fence says was done.

use std::collections::BTreeMap;

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tercet_proto::tercet::v1::fence_service_client::FenceServiceClient;
use tercet_proto::tercet::v1::{FenceState, ListBranchesRequest};

use super::*;

/// Branches in all; `TERCET_TEST_CASES` for more.
const BRANCHES: usize = 400;
const ORDERS: usize = 12;
const SEEDED: i64 = 60;

/// The state of each branch by the fence's own listing.
async fn states(shop: &Shop) -> BTreeMap<String, FenceState> {
    let mut client = FenceServiceClient::new(shop.channel.clone());
    let (mut states, mut token) = (BTreeMap::new(), String::new());
    loop {
        let request = ListBranchesRequest {
            page_size: 500,
            page_token: token,
            ..Default::default()
        };
        let page = client.list_branches(request).await.unwrap().into_inner();
        for branch in &page.branches {
            states.insert(branch.branch_id.clone(), branch.state());
        }
        token = page.next_page_token;
        if token.is_empty() {
            return states;
        }
    }
}

/// What the confirmed and tried branches make of the seeded pieces: the SKU's numbers, and each order's held, moving, sold.
fn effect(
    branches: &[(Act, Pieces)],
    states: &BTreeMap<String, FenceState>,
) -> ([i64; 4], BTreeMap<String, [i64; 3]>) {
    let mut sku = [SEEDED, 0, 0, 0];
    let mut orders: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for (number, (act, pieces)) in branches.iter().enumerate() {
        let quantity = pieces.quantity;
        let (from, to) = match act {
            Act::Reserve => (0, 2),
            Act::SellHeld => (2, 3),
            Act::SellAvailable => (0, 3),
            Act::Release => (2, 0),
            Act::Return => (3, 0),
        };
        let order = orders.entry(pieces.order_no.clone()).or_default();
        let own = |pool: usize| match pool {
            2 => Some(0),
            3 => Some(2),
            _ => None,
        };
        let to = match states.get(&number.to_string()) {
            Some(FenceState::Tried) => None,
            Some(FenceState::Confirmed) => Some(to),
            _ => continue,
        };
        sku[from] -= quantity;
        sku[to.unwrap_or(1)] += quantity;
        if let Some(own) = own(from) {
            order[own] -= quantity;
        }
        match to {
            None if own(from).is_some() => order[1] += quantity,
            Some(to) => {
                if let Some(own) = own(to) {
                    order[own] += quantity;
                }
            }
            None => {}
        }
    }
    (sku, orders)
}

#[tokio::test]
async fn any_order_of_calls_leaves_what_the_fence_says() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut random = StdRng::seed_from_u64(seed());
    let count = std::env::var("TERCET_TEST_CASES").map_or(BRANCHES, |cases| cases.parse().unwrap());
    shop.seed("tea", SEEDED).await;
    let branches: Vec<(Act, Pieces)> = (0..count)
        .map(|_| {
            let order_no = format!("o{}", random.random_range(0..ORDERS));
            let act = ACTS[random.random_range(0..ACTS.len())];
            (act, pieces("tea", &order_no, random.random_range(1..4)))
        })
        .collect();
    // A branch's calls come near each other, but in any order, some twice, and phase two contradicts itself.
    let mut calls: Vec<(usize, usize, Phase)> = Vec::new();
    for number in 0..count {
        for phase in [
            Phase::Try,
            Phase::Try,
            Phase::Confirm,
            Phase::Confirm,
            Phase::Cancel,
        ] {
            if random.random_ratio(3, 4) {
                let place = number * 2 + random.random_range(0..24);
                let place = if phase == Phase::Try {
                    place
                } else {
                    place + 8
                };
                calls.push((place, number, phase));
            }
        }
    }
    calls.shuffle(&mut random);
    calls.sort_by_key(|(place, ..)| *place);
    let (shop, branches) = (&shop, &branches);
    futures::stream::iter(calls)
        .for_each_concurrent(64, |(_, number, phase)| async move {
            let (act, pieces) = &branches[number];
            // Refusals of all kinds are part of it; what isn't served is not.
            if let Err(status) = shop.act(*act, phase, &number.to_string(), pieces).await {
                assert!(
                    matches!(
                        status.code(),
                        Code::FailedPrecondition | Code::InvalidArgument
                    ),
                    "{act:?} {phase} {pieces:?}: {status}"
                );
            }
        })
        .await;
    let (sku, orders) = effect(branches, &states(shop).await);
    assert_eq!(sku.iter().sum::<i64>(), SEEDED);
    assert_eq!(shop.stock("tea").await, sku);
    for (order_no, numbers) in orders {
        assert_eq!(shop.share(&order_no).await, numbers, "{order_no}");
    }
}
