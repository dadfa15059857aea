//! Random races, from a seed: of what can't both happen, one thing happens, everybody is told so, and the sums are right.
//! With `TERCET_TEST_RACES=1000` a thousand of each kind.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tercet_proto::shop::order::v1::{Order, OrderState};
use tercet_proto::shop::payment::v1::ReportVerdict;
use tercet_proto::shop::provider::v1::{ChargeState, NoticePlan};
use tonic::Status;

use crate::steps::{campaign, duration, honest, reason};
use crate::sums::{Before, was_paid};
use crate::world::World;

const RACES: u32 = 24;
/// Races that are run at once.
const AT_ONCE: usize = 8;
const PIECES_MAX: i64 = 3;
/// The payment service asks the provider as soon as a notice may be lost.
const SOON: Duration = Duration::from_millis(700);

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().ok().unwrap_or_else(|| panic!("{name}")))
}

/// A world with enough of everything, and the seeds of the races.
struct Course {
    world: Rc<World>,
    before: Before,
    random: StdRng,
    races: u32,
}

impl Course {
    async fn start() -> Option<Self> {
        let seed: u64 = setting("TERCET_TEST_SEED").unwrap_or_else(rand::random);
        println!("TERCET_TEST_SEED={seed}");
        let races = setting("TERCET_TEST_RACES").unwrap_or(RACES);
        let before = Before {
            sku: "tea",
            stocked: i64::from(races) * PIECES_MAX,
            points: 100,
            grant: 5,
        };
        let world = World::start(SOON).await?;
        world.seed_sku(before.sku, before.stocked).await;
        world.create(campaign("c", before.sku)).await;
        let mut hasty = campaign("hasty", before.sku);
        hasty.payment_time = Some(duration(Duration::from_millis(1_500)));
        world.create(hasty).await;
        Some(Self {
            world: Rc::new(world),
            before,
            random: StdRng::seed_from_u64(seed),
            races,
        })
    }

    /// Runs the races, each with a user of its own, and checks the sums after the last.
    async fn run<F>(&mut self, race: impl Fn(Rc<World>, String, StdRng) -> F) -> Vec<Order>
    where
        F: Future<Output = Order>,
    {
        let mut runs = Vec::new();
        for number in 0..self.races {
            let user = format!("u{number}");
            self.world.seed_account(&user, self.before.points).await;
            let random = StdRng::seed_from_u64(self.random.random());
            runs.push(race(Rc::clone(&self.world), user, random));
        }
        let orders: Vec<Order> = futures::stream::iter(runs)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        self.world.check_sums(&self.before, &orders).await;
        let paid = orders.iter().filter(|order| was_paid(order)).count();
        println!("{paid} of {} orders were paid", orders.len());
        orders
    }
}

async fn after(random: &mut StdRng, most: u64) {
    let wait = Duration::from_millis(random.random_range(0..=most));
    tokio::time::sleep(wait).await;
}

/// The same notice once or more, spread over a time.
fn notices(random: &mut StdRng, most_ms: i64) -> Vec<NoticePlan> {
    let count = random.random_range(1..4);
    let mut plan = || NoticePlan {
        delay_ms: random.random_range(0..=most_ms),
        ..honest()
    };
    (0..count).map(|_| plan()).collect()
}

fn quantity(random: &mut StdRng) -> i64 {
    random.random_range(1..=PIECES_MAX)
}

/// A race's own source of chance for one of its runners.
fn fork(random: &mut StdRng) -> StdRng {
    StdRng::seed_from_u64(random.random())
}

/// The longest head start, in ms, of the payment before the cancel, and of the time-out before the notice. Whoever wins gives the
/// other more, so that the races stay close on a machine of any speed.
static BEFORE_CANCEL: AtomicU64 = AtomicU64::new(200);
static BEFORE_NOTICE: AtomicU64 = AtomicU64::new(1_000);

fn handicap(of: &AtomicU64, has_won: bool) {
    let now = of.load(Ordering::Relaxed);
    let next = if has_won { now * 3 / 4 } else { now * 3 / 2 };
    of.store(next.clamp(10, 5_000), Ordering::Relaxed);
}

async fn cancel_against_pay(world: Rc<World>, user: String, mut random: StdRng) -> Order {
    let order = world.place(&user, "c", quantity(&mut random)).await;
    let payment_no = world.begin(&order).await;
    let (mut one, mut other) = (fork(&mut random), fork(&mut random));
    let pay = async {
        after(&mut one, 30).await;
        let notices = notices(&mut one, 60);
        world
            .end(&payment_no, ChargeState::Succeeded, notices)
            .await;
    };
    let cancel = async {
        after(&mut other, BEFORE_CANCEL.load(Ordering::Relaxed)).await;
        world.cancel(&order).await
    };
    let ((), cancelled) = tokio::join!(pay, cancel);
    let end = world
        .until(&order.order_no, |order| {
            matches!(order.state(), OrderState::Paid | OrderState::Cancelled)
        })
        .await;
    handicap(&BEFORE_CANCEL, end.state() == OrderState::Paid);
    let verdict = if end.state() == OrderState::Paid {
        assert_eq!(reason(&cancelled.unwrap_err()), "WRONG_STATE");
        ReportVerdict::Accepted
    } else {
        assert_eq!(cancelled.unwrap().state(), OrderState::Cancelled);
        ReportVerdict::Refund
    };
    world
        .until_payment(&payment_no, |payment| payment.verdict() == verdict)
        .await;
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_payment_have_one_winner() {
    let Some(mut course) = Course::start().await else {
        return;
    };
    course.run(cancel_against_pay).await;
}

async fn notice_against_time_out(world: Rc<World>, user: String, mut random: StdRng) -> Order {
    let order = world.place(&user, "hasty", quantity(&mut random)).await;
    let is_over = |order: &Order| matches!(order.state(), OrderState::Paid | OrderState::TimedOut);
    let paying = match world.pay(&order).await {
        Ok(paying) => paying.order.unwrap(),
        Err(status) => {
            assert_eq!(reason(&status), "WRONG_STATE");
            return world.until(&order.order_no, is_over).await;
        }
    };
    // A busy machine may have taken so long that nobody tells the provider any more.
    let mut control = world.control();
    after(&mut random, BEFORE_NOTICE.load(Ordering::Relaxed)).await;
    let end = tercet_proto::shop::provider::v1::EndChargeRequest {
        payment_no: paying.payment_no.clone(),
        outcome: ChargeState::Succeeded.into(),
        notices: notices(&mut random, 300),
    };
    let was_paid = control.end_charge(end).await.is_ok();
    let end = world.until(&order.order_no, is_over).await;
    handicap(&BEFORE_NOTICE, end.state() == OrderState::TimedOut);
    if was_paid {
        let verdict = if end.state() == OrderState::Paid {
            ReportVerdict::Accepted
        } else {
            ReportVerdict::Refund
        };
        world
            .until_payment(&paying.payment_no, |payment| payment.verdict() == verdict)
            .await;
    }
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn notice_and_time_out_have_one_winner() {
    let Some(mut course) = Course::start().await else {
        return;
    };
    course.run(notice_against_time_out).await;
}

/// What became of one of several that wanted the same refund to end their way.
fn won(result: &Result<Order, Status>) -> bool {
    match result {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(reason(status), "WRONG_STATE", "{status}");
            false
        }
    }
}

async fn refund_against_return(world: Rc<World>, user: String, mut random: StdRng) -> Order {
    let quantity = quantity(&mut random);
    let order = world.paid(&user, "c", quantity).await;
    let refund_no = world.ask(&order, "back").await.unwrap();
    let cents = if random.random_bool(0.5) {
        0
    } else {
        random.random_range(1..order.amount_cents)
    };
    let pieces = random.random_range(0..=quantity);
    let (mut one, mut two, mut three) = (fork(&mut random), fork(&mut random), fork(&mut random));
    let refund = async {
        after(&mut one, 40).await;
        world.approve(&refund_no, cents).await
    };
    let back = async {
        after(&mut two, 40).await;
        world.take_back(&refund_no, pieces).await
    };
    let reject = async {
        after(&mut three, 60).await;
        world.reject(&refund_no).await
    };
    let (refunded, returned, rejected) = tokio::join!(refund, back, reject);
    let winners = [won(&refunded), won(&returned), won(&rejected)];
    let order = world
        .until(&order.order_no, |order| {
            !matches!(
                order.state(),
                OrderState::Changing | OrderState::RefundAsked
            )
        })
        .await;
    let (gone, state) = match winners {
        [true, false, false] if cents == 0 => (order.amount_cents, OrderState::Refunded),
        [true, false, false] => (cents, OrderState::Paid),
        [false, true, false] if pieces == 0 || pieces == quantity => {
            (order.amount_cents, OrderState::Returned)
        }
        [false, true, false] => (order.amount_cents / quantity * pieces, OrderState::Paid),
        [false, false, true] => (0, OrderState::Paid),
        _ => panic!("{winners:?} won"),
    };
    assert_eq!((order.refunded_cents, order.state()), (gone, state));
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn refund_return_and_rejection_have_one_winner() {
    let Some(mut course) = Course::start().await else {
        return;
    };
    course.run(refund_against_return).await;
}

/// Two attempts that both take money after all, and a buyer who cancels perhaps.
async fn success_against_success(world: Rc<World>, user: String, mut random: StdRng) -> Order {
    let order = world.place(&user, "c", quantity(&mut random)).await;
    let first = world.begin(&order).await;
    let failed = NoticePlan {
        outcome: ChargeState::Failed.into(),
        ..honest()
    };
    world
        .end(&first, ChargeState::Succeeded, vec![failed])
        .await;
    let order = world
        .until(&order.order_no, |order| {
            matches!(order.state(), OrderState::Created | OrderState::Paid)
        })
        .await;
    if order.state() == OrderState::Paid {
        // Somebody asked the provider before the notice came.
        return order;
    }
    let second = world.begin(&order).await;
    let runners = [fork(&mut random), fork(&mut random), fork(&mut random)];
    let [mut one, mut two, mut three] = runners;
    let late = async {
        after(&mut one, 60).await;
        let notices = notices(&mut one, 30);
        world.end(&first, ChargeState::Succeeded, notices).await;
    };
    let ending = async {
        after(&mut two, 60).await;
        let notices = notices(&mut two, 30);
        world.end(&second, ChargeState::Succeeded, notices).await;
    };
    let cancel = async {
        if three.random_bool(0.3) {
            after(&mut three, 400).await;
            let cancelled = world.cancel(&order).await;
            won(&cancelled)
        } else {
            false
        }
    };
    let ((), (), is_cancelled) = tokio::join!(late, ending, cancel);
    let end = world
        .until(&order.order_no, |order| {
            matches!(order.state(), OrderState::Paid | OrderState::Cancelled)
        })
        .await;
    assert_eq!(end.state() == OrderState::Cancelled, is_cancelled);
    for payment_no in [first, second] {
        let verdict = if !is_cancelled && end.payment_no == payment_no {
            ReportVerdict::Accepted
        } else {
            ReportVerdict::Refund
        };
        world
            .until_payment(&payment_no, |payment| payment.verdict() == verdict)
            .await;
    }
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_successes_one_pays_and_the_other_goes_back() {
    let Some(mut course) = Course::start().await else {
        return;
    };
    course.run(success_against_success).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn races_have_one_winner_while_services_die() {
    let Some(mut course) = Course::start().await else {
        return;
    };
    let world = Rc::clone(&course.world);
    let mut random = fork(&mut course.random);
    let is_over = AtomicBool::new(false);
    let die = async {
        let mut deaths = 0;
        while !is_over.load(Ordering::Relaxed) {
            after(&mut random, 1_500).await;
            if random.random_bool(0.5) {
                world.kill_order().await;
            } else {
                world.kill_payment().await;
            }
            after(&mut random, 200).await;
            world.up().await;
            deaths += 1;
        }
        deaths
    };
    let race = async {
        let orders = course.run(|world, user, mut random| async move {
            match random.random_range(0..3) {
                0 => cancel_against_pay(world, user, random).await,
                1 => notice_against_time_out(world, user, random).await,
                _ => success_against_success(world, user, random).await,
            }
        });
        let orders = orders.await;
        is_over.store(true, Ordering::Relaxed);
        orders
    };
    let (deaths, orders) = tokio::join!(die, race);
    println!("{deaths} deaths");
    assert!(!orders.is_empty());
}
