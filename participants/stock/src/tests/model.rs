//! The service as a few lines of arithmetic, written down a second time: random sequences of calls, one by one, must get
//! just the model's answers and leave just the model's numbers.

use std::collections::BTreeMap;

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// Sequences, each on a SKU of its own; `TERCET_TEST_CASES` for more.
const SEQUENCES: u64 = 60;
const CALLS: usize = 24;
const SEEDED: i64 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tried,
    Confirmed,
    Cancelled,
}

/// What happened to a branch: its action, and what it is about.
#[derive(Debug, Clone)]
struct Branch {
    act: Act,
    order: usize,
    quantity: i64,
    state: State,
    /// The first try's reply.
    reply: i64,
}

/// One SKU: available, reserved, held, sold; and of each order held, moving, sold.
#[derive(Debug)]
struct Model {
    sku: [i64; 4],
    orders: [[i64; 3]; 3],
    branches: BTreeMap<usize, Branch>,
}

const fn service(act: Act) -> Act {
    match act {
        Act::SellAvailable => Act::SellHeld,
        other => other,
    }
}

/// Where an action takes and where it puts: an index of the SKU's numbers.
const fn way(act: Act) -> (usize, usize) {
    match act {
        Act::Reserve => (0, 2),
        Act::SellHeld => (2, 3),
        Act::SellAvailable => (0, 3),
        Act::Release => (2, 0),
        Act::Return => (3, 0),
    }
}

/// The same index of an order's numbers; available is nobody's.
const fn own(pool: usize) -> Option<usize> {
    match pool {
        2 => Some(0),
        3 => Some(2),
        _ => None,
    }
}

impl Model {
    fn call(
        &mut self,
        act: Act,
        phase: Phase,
        branch: usize,
        order: usize,
        quantity: i64,
    ) -> Result<i64, &'static str> {
        if let Some(known) = self.branches.get(&branch) {
            if service(known.act) != service(act) {
                return Err("BRANCH_CONFLICT");
            }
            return match (phase, known.state) {
                (Phase::Try, State::Cancelled) => Err("CANCELLED_BEFORE_TRY"),
                (Phase::Try, _) => Ok(known.reply),
                (Phase::Confirm, State::Cancelled) => Err("ALREADY_CANCELLED"),
                (Phase::Cancel, State::Confirmed) => Err("ALREADY_CONFIRMED"),
                (Phase::Confirm, State::Confirmed) | (Phase::Cancel, State::Cancelled) => Ok(0),
                (_, State::Tried) => {
                    self.settle(phase, branch);
                    Ok(0)
                }
            };
        }
        let (state, reply) = match phase {
            Phase::Confirm => return Err("NEVER_TRIED"),
            Phase::Cancel => (State::Cancelled, 0),
            Phase::Try => (State::Tried, self.take(act, order, quantity)?),
        };
        let branches = &mut self.branches;
        branches.insert(
            branch,
            Branch {
                act,
                order,
                quantity,
                state,
                reply,
            },
        );
        Ok(reply)
    }

    fn take(&mut self, act: Act, order: usize, quantity: i64) -> Result<i64, &'static str> {
        if quantity == 0 {
            return Err(match act {
                Act::Reserve => "INVALID_RESERVATION",
                Act::SellHeld | Act::SellAvailable => "INVALID_SALE",
                Act::Release => "INVALID_RELEASE",
                Act::Return => "INVALID_RETURN",
            });
        }
        let (from, _) = way(act);
        let there = own(from).map_or(self.sku[from], |own| self.orders[order][own]);
        if there < quantity {
            return Err(["OUT_OF_STOCK", "", "NOT_HELD", "NOT_SOLD"][from]);
        }
        self.sku[from] -= quantity;
        self.sku[1] += quantity;
        if let Some(own) = own(from) {
            self.orders[order][own] -= quantity;
            self.orders[order][1] += quantity;
        }
        Ok(there - quantity)
    }

    fn settle(&mut self, phase: Phase, branch: usize) {
        let known = self.branches.get_mut(&branch).unwrap();
        let (from, to) = way(known.act);
        let to = if phase == Phase::Confirm { to } else { from };
        known.state = if phase == Phase::Confirm {
            State::Confirmed
        } else {
            State::Cancelled
        };
        self.sku[1] -= known.quantity;
        self.sku[to] += known.quantity;
        let order = &mut self.orders[known.order];
        if own(from).is_some() {
            order[1] -= known.quantity;
        }
        if let Some(own) = own(to) {
            order[own] += known.quantity;
        }
    }
}

async fn sequence(shop: &Shop, number: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(number));
    let sku = format!("sku-{number}");
    shop.seed(&sku, SEEDED).await;
    let mut model = Model {
        sku: [SEEDED, 0, 0, 0],
        orders: [[0; 3]; 3],
        branches: BTreeMap::new(),
    };
    let mut told = Vec::new();
    for _ in 0..CALLS {
        let act = ACTS[random.random_range(0..ACTS.len())];
        let phase = [
            Phase::Try,
            Phase::Try,
            Phase::Confirm,
            Phase::Confirm,
            Phase::Cancel,
        ][random.random_range(0..5)];
        let branch = random.random_range(0..14);
        // Phase two mostly comes for something that was tried, by the action that it was tried by.
        let act = match model.branches.get(&branch) {
            Some(known) if random.random_ratio(9, 10) => known.act,
            _ => act,
        };
        let (order, quantity) = (random.random_range(0..3), random.random_range(0..6));
        let asked = pieces(&sku, &format!("{number}-{order}"), quantity);
        told.push((act, phase, branch, order, quantity));
        let expected = model.call(act, phase, branch, order, quantity);
        let name = format!("{number}-{branch}");
        let answer = shop.act(act, phase, &name, &asked).await;
        assert_eq!(
            answer.as_ref().map(|left| *left).map_err(reason),
            expected.map_err(str::to_owned),
            "sequence {number}, seed {seed}: {told:?}"
        );
    }
    assert_eq!(
        shop.stock(&sku).await,
        model.sku,
        "sequence {number}: {told:?}"
    );
    for (order, numbers) in model.orders.iter().enumerate() {
        let share = shop.share(&format!("{number}-{order}")).await;
        assert_eq!(share, *numbers, "sequence {number}: {told:?}");
    }
}

#[tokio::test]
async fn random_sequences_get_the_models_answers() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let seed = seed();
    let cases =
        std::env::var("TERCET_TEST_CASES").map_or(SEQUENCES, |cases| cases.parse().unwrap());
    let shop = &shop;
    futures::stream::iter(0..cases)
        .for_each_concurrent(16, |number| sequence(shop, number, seed))
        .await;
}
