//! Orders from the sale to the end, without outside money: points, cancels and time-outs, and the message at the end.

use std::time::Duration;

use tercet_proto::shop::order::v1::{
    Campaign, Order, OrderState, PayOrderRequest, PaymentMethod, PlaceOrderRequest,
    ShipOrderRequest,
};
use tonic::Status;

use crate::steps::{campaign, duration, patiently, reason};
use crate::sums::Before;
use crate::world::{LIMIT, World};

const BEFORE: Before = Before {
    sku: "tea",
    stocked: 10,
    points: 100,
    grant: 0,
};

/// A campaign that asks for 7 points and no money.
fn for_points(id: &str) -> Campaign {
    Campaign {
        price_cents: 0,
        grant_points: 0,
        ..campaign(id, BEFORE.sku)
    }
}

async fn world() -> Option<World> {
    let world = World::start(Duration::from_millis(700)).await?;
    world.seed_sku(BEFORE.sku, BEFORE.stocked).await;
    for user in ["ann", "bob"] {
        world.seed_account(user, BEFORE.points).await;
    }
    Some(world)
}

fn submission(request_id: &str, user: &str, campaign: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: request_id.to_owned(),
        user_id: user.to_owned(),
        quantity: 1,
        campaign_id: campaign.to_owned(),
        ..PlaceOrderRequest::default()
    }
}

impl World {
    async fn pay_points(&self, order: &Order) -> Result<Order, Status> {
        let request = PayOrderRequest {
            order_no: order.order_no.clone(),
            user_id: order.user_id.clone(),
            method: PaymentMethod::Points.into(),
        };
        let paid = patiently(|| {
            let (mut orders, request) = (self.orders(), request.clone());
            async move { orders.pay_order(request).await }
        });
        Ok(paid.await?.order.unwrap())
    }

    /// Waits until the message of an order that is over has been delivered.
    async fn notified(&self, order_no: &str, word: &str) {
        let gid = format!("notify-{order_no}-{word}");
        let client = self.transactions();
        let started = tokio::time::Instant::now();
        loop {
            let outcome = client.get(gid.as_str()).await;
            if outcome.is_ok_and(|outcome| outcome.is_confirm() && outcome.is_ended()) {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{gid}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_points_goes_all_the_way_and_its_end_is_told() {
    let Some(world) = world().await else { return };
    world
        .create(Campaign {
            receipt_time: Some(duration(Duration::from_millis(50))),
            ..for_points("c")
        })
        .await;
    let order = world.place("ann", "c", 2).await;
    assert_eq!(
        (order.amount_cents, order.points_spent, order.points_due),
        (0, 0, 14)
    );
    let outside = world.pay(&order).await.unwrap_err();
    assert_eq!(reason(&outside), "WRONG_METHOD");
    for _ in 0..2 {
        let paid = world.pay_points(&order).await.unwrap();
        assert_eq!(paid.state(), OrderState::Paid);
    }
    world
        .check_sums(&BEFORE, &[world.order(&order.order_no).await])
        .await;
    let order_no = order.order_no.clone();
    let request = ShipOrderRequest { order_no };
    world.orders().ship_order(request).await.unwrap();
    let over = world
        .until(&order.order_no, |order| {
            order.state() == OrderState::Completed
        })
        .await;
    world.notified(&over.order_no, "completed").await;
    world.check_sums(&BEFORE, &[over]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_too_few_points_is_told_so_and_can_still_cancel() {
    let Some(world) = world().await else { return };
    world
        .create(Campaign {
            price_points: 101,
            ..for_points("c")
        })
        .await;
    let order = world.place("ann", "c", 1).await;
    // Each attempt is a transaction of its own.
    for _ in 0..2 {
        let refused = world.pay_points(&order).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_ENOUGH_POINTS");
        let now = world
            .until(&order.order_no, |order| {
                order.state() != OrderState::Changing
            })
            .await;
        assert_eq!(now.state(), OrderState::Created);
    }
    for _ in 0..2 {
        let cancelled = world.cancel(&order).await.unwrap();
        assert_eq!(cancelled.state(), OrderState::Cancelled);
    }
    let late = world.pay_points(&order).await.unwrap_err();
    assert_eq!(reason(&late), "WRONG_STATE");
    world.notified(&order.order_no, "cancelled").await;
    let order = world.order(&order.order_no).await;
    world.check_sums(&BEFORE, &[order]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unpaid_orders_end_at_their_time_and_give_everything_back() {
    let Some(world) = world().await else { return };
    // Long enough for both to be placed, also by a busy machine: who is late is only timed out sooner.
    world
        .create(Campaign {
            payment_time: Some(duration(Duration::from_secs(2))),
            ..campaign("c", BEFORE.sku)
        })
        .await;
    let placed = [
        world.place("ann", "c", 2).await,
        world.place("bob", "c", 1).await,
    ];
    // Nobody is there when the time comes, and it is made up for.
    world.kill_order().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.up().await;
    let mut orders = Vec::new();
    for order in placed {
        let order = world
            .until(&order.order_no, |order| {
                order.state() == OrderState::TimedOut
            })
            .await;
        world.notified(&order.order_no, "timed-out").await;
        orders.push(order);
    }
    world.check_sums(&BEFORE, &orders).await;
    // The place in the campaign is free again.
    let mut api = world.orders();
    let again = api.place_order(submission("again", "ann", "c")).await;
    assert_eq!(again.unwrap().into_inner().refusal, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_points_have_one_winner() {
    let Some(world) = world().await else { return };
    let mut orders = Vec::new();
    for number in 0..10 {
        let id = format!("c{number}");
        world.create(for_points(&id)).await;
        let order = world.place("ann", &id, 1).await;
        let (cancelled, paid) = tokio::join!(world.cancel(&order), world.pay_points(&order));
        let order = world
            .until(&order.order_no, |order| {
                !matches!(order.state(), OrderState::Created | OrderState::Changing)
            })
            .await;
        let expected = match order.state() {
            OrderState::Cancelled => (true, false),
            OrderState::Paid => (false, true),
            state => panic!("{state:?}: {cancelled:?} {paid:?}"),
        };
        assert_eq!((cancelled.is_ok(), paid.is_ok()), expected, "{order:?}");
        orders.push(order);
    }
    world.check_sums(&BEFORE, &orders).await;
}
