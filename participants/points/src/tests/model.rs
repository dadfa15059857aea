//! The service as a few lines of arithmetic, written down a second time: random sequences of calls, one by one, must get
//! just the model's answers and leave just the model's numbers.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// Sequences, each on an account of its own; `TERCET_TEST_CASES` for more.
const SEQUENCES: u64 = 60;
const CALLS: usize = 24;
const SEEDED: i64 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tried,
    Confirmed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Spend,
    Refund,
    Grant,
}

/// An action's request: which order, which number of it, how many points.
#[derive(Debug, Clone, Copy)]
struct Asked {
    act: Act,
    order: usize,
    number: usize,
    points: i64,
}

/// One account and its orders' spent, refunding, refunded.
#[derive(Debug, Default)]
struct Model {
    available: i64,
    frozen: i64,
    orders: [Option<[i64; 3]>; 2],
    granted: [Option<i64>; 2],
    spends: BTreeSet<(usize, usize)>,
    refunds: BTreeSet<(usize, usize)>,
    branches: BTreeMap<usize, (Asked, State)>,
}

impl Model {
    fn call(&mut self, asked: Asked, phase: Phase, branch: usize) -> Result<(), &'static str> {
        if let Some((known, state)) = self.branches.get(&branch).copied() {
            if known.act != asked.act {
                return Err("BRANCH_CONFLICT");
            }
            return match (phase, state) {
                (Phase::Try, State::Cancelled) => Err("CANCELLED_BEFORE_TRY"),
                (Phase::Confirm, State::Cancelled) => Err("ALREADY_CANCELLED"),
                (Phase::Cancel, State::Confirmed) => Err("ALREADY_CONFIRMED"),
                (Phase::Confirm, State::Tried) => {
                    self.confirm(known);
                    self.branches.insert(branch, (known, State::Confirmed));
                    Ok(())
                }
                (Phase::Cancel, State::Tried) => {
                    self.cancel(known);
                    self.branches.insert(branch, (known, State::Cancelled));
                    Ok(())
                }
                _ => Ok(()),
            };
        }
        let state = match (phase, asked.act) {
            (Phase::Confirm, Act::Grant) => {
                self.grant(asked)?;
                State::Confirmed
            }
            (Phase::Confirm, _) => return Err("NEVER_TRIED"),
            (Phase::Cancel, _) => State::Cancelled,
            (Phase::Try, Act::Spend) => {
                self.freeze(asked)?;
                State::Tried
            }
            (Phase::Try, _) => {
                self.set_aside(asked)?;
                State::Tried
            }
        };
        self.branches.insert(branch, (asked, state));
        Ok(())
    }

    fn freeze(&mut self, asked: Asked) -> Result<(), &'static str> {
        if asked.points == 0 {
            return Err("INVALID_SPEND");
        }
        if self.available < asked.points {
            return Err("NOT_ENOUGH_POINTS");
        }
        if !self.spends.insert((asked.order, asked.number)) {
            return Err("DUPLICATE_SPEND");
        }
        self.available -= asked.points;
        self.frozen += asked.points;
        Ok(())
    }

    fn set_aside(&mut self, asked: Asked) -> Result<(), &'static str> {
        if asked.points == 0 {
            return Err("INVALID_REFUND");
        }
        let Some([spent, refunding, refunded]) = &mut self.orders[asked.order] else {
            return Err("NOTHING_SPENT");
        };
        if *refunding + *refunded + asked.points > *spent {
            return Err("REFUND_TOO_LARGE");
        }
        if !self.refunds.insert((asked.order, asked.number)) {
            return Err("DUPLICATE_REFUND");
        }
        *refunding += asked.points;
        Ok(())
    }

    fn grant(&mut self, asked: Asked) -> Result<(), &'static str> {
        if asked.points == 0 {
            return Err("INVALID_GRANT");
        }
        match self.granted[asked.order] {
            Some(points) if points == asked.points => {}
            Some(_) => return Err("DUPLICATE_GRANT"),
            None => {
                self.granted[asked.order] = Some(asked.points);
                self.available += asked.points;
            }
        }
        Ok(())
    }

    fn confirm(&mut self, known: Asked) {
        let order = self.orders[known.order].get_or_insert([0; 3]);
        if known.act == Act::Spend {
            self.frozen -= known.points;
            order[0] += known.points;
        } else {
            self.available += known.points;
            order[1] -= known.points;
            order[2] += known.points;
        }
    }

    fn cancel(&mut self, known: Asked) {
        if known.act == Act::Spend {
            self.frozen -= known.points;
            self.available += known.points;
        } else if let Some(order) = &mut self.orders[known.order] {
            order[1] -= known.points;
            self.refunds.remove(&(known.order, known.number));
        }
    }
}

async fn served(
    shop: &Shop,
    user: &str,
    asked: Asked,
    phase: Phase,
    branch: &str,
) -> Result<(), Status> {
    let order_no = format!("{user}-{}", asked.order);
    let number = format!("n{}", asked.number);
    match asked.act {
        Act::Spend => {
            let request = SpendPointsRequest {
                user_id: user.to_owned(),
                ..payment(asked.points, &order_no, &number)
            };
            shop.spend(phase, branch, request).await.map(|_| ())
        }
        Act::Refund => {
            let request = RefundPointsRequest {
                account_id: user.to_owned(),
                ..refund(asked.points, &order_no, &number)
            };
            shop.refund(phase, branch, request).await.map(|_| ())
        }
        Act::Grant => {
            let request = GrantPointsRequest {
                account_id: user.to_owned(),
                ..grant(asked.points, &order_no)
            };
            shop.grant(branch, request).await
        }
    }
}

async fn sequence(shop: &Shop, sequence: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(sequence));
    let user = format!("u{sequence}");
    assert!(shop.seed(&user, SEEDED).await);
    let mut model = Model {
        available: SEEDED,
        ..Model::default()
    };
    let mut told = Vec::new();
    for _ in 0..CALLS {
        let act = [Act::Spend, Act::Spend, Act::Refund, Act::Refund, Act::Grant]
            [random.random_range(0..5)];
        let branch = random.random_range(0..14);
        let mut asked = Asked {
            act,
            order: random.random_range(0..2),
            number: random.random_range(0..4),
            points: random.random_range(0..6),
        };
        let mut phase = [
            Phase::Try,
            Phase::Try,
            Phase::Confirm,
            Phase::Confirm,
            Phase::Cancel,
        ][random.random_range(0..5)];
        // Mostly the branch's own action comes again, sometimes with other content.
        if let Some((known, _)) = model.branches.get(&branch)
            && random.random_ratio(9, 10)
        {
            asked.act = known.act;
        }
        if asked.act == Act::Grant {
            phase = Phase::Confirm;
        }
        told.push((asked, phase, branch));
        let expected = model.call(asked, phase, branch);
        let answer = served(shop, &user, asked, phase, &format!("{sequence}-{branch}")).await;
        assert_eq!(
            answer.map_err(|status| reason(&status)),
            expected.map_err(str::to_owned),
            "sequence {sequence}, seed {seed}: {told:?}"
        );
    }
    let balance = shop.balance_of(&user).await;
    assert_eq!(
        balance,
        (model.available, model.frozen),
        "sequence {sequence}: {told:?}"
    );
    for (order, numbers) in model.orders.iter().enumerate() {
        let found = shop.order(&format!("{user}-{order}")).await;
        assert_eq!(
            found,
            numbers.unwrap_or_default(),
            "sequence {sequence}: {told:?}"
        );
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
