//! Each flow by itself, with the sums after it.

use std::time::Duration;

use tercet_proto::shop::order::v1::payment_event_service_client::PaymentEventServiceClient;
use tercet_proto::shop::order::v1::{
    OrderState, PaymentOutcome, ReportPaymentRequest, StockTaking,
};
use tercet_proto::shop::payment::v1::ReportVerdict;
use tercet_proto::shop::provider::v1::{ChargeState, NoticePlan};

use crate::steps::{campaign, duration, honest, reason};
use crate::sums::Before;
use crate::world::World;

const BEFORE: Before = Before {
    sku: "tea",
    stocked: 10,
    points: 100,
    grant: 5,
};

/// The notices come, or the test is over.
const LATE: Duration = Duration::from_hours(1);

/// A world with some tea, and a campaign that sells it.
async fn world() -> Option<World> {
    let world = World::start(LATE).await?;
    world.seed_sku(BEFORE.sku, BEFORE.stocked).await;
    for user in ["ann", "bob"] {
        world.seed_account(user, BEFORE.points).await;
    }
    world.create(campaign("c", BEFORE.sku)).await;
    Some(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_from_outside_once() {
    let Some(world) = world().await else { return };
    let order = world.place("ann", "c", 2).await;
    assert_eq!((order.amount_cents, order.points_spent), (2_002, 14));

    let first = world.pay(&order).await.unwrap();
    let second = world.pay(&order).await.unwrap();
    let (first, second) = (first.order.unwrap(), second.order.unwrap());
    assert_eq!(first.state(), OrderState::Paying);
    assert_eq!(first.payment_no, second.payment_no);

    world.known(&first.payment_no).await;
    let notices = vec![honest(), honest(), honest()];
    let payment_no = first.payment_no;
    world
        .end(&payment_no, ChargeState::Succeeded, notices)
        .await;
    let is_paid = |order: &tercet_proto::shop::order::v1::Order| order.state() == OrderState::Paid;
    let paid = world.until(&order.order_no, is_paid).await;
    assert_eq!(paid.payment_no, payment_no);
    let again = world.pay(&paid).await.unwrap_err();
    assert_eq!(reason(&again), "WRONG_STATE");
    world.check_sums(&BEFORE, &[paid]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_makes_room_for_another_and_its_late_success_goes_back() {
    let Some(world) = world().await else { return };
    let order = world.place("ann", "c", 1).await;
    let first = world.begin(&order).await;
    let failed = NoticePlan {
        outcome: ChargeState::Failed.into(),
        ..honest()
    };
    world
        .end(&first, ChargeState::Succeeded, vec![failed])
        .await;
    let order_no = order.order_no.as_str();
    let order = world
        .until(order_no, |order| order.state() == OrderState::Created)
        .await;

    let second = world.begin(&order).await;
    assert_ne!(first, second);
    world
        .end(&second, ChargeState::Succeeded, vec![honest()])
        .await;
    let paid = world
        .until(order_no, |order| order.state() == OrderState::Paid)
        .await;
    assert_eq!(paid.payment_no, second);

    // The first one succeeded after all.
    world
        .end(&first, ChargeState::Succeeded, vec![honest()])
        .await;
    let late = world
        .until_payment(&first, |payment| payment.verdict() == ReportVerdict::Refund)
        .await;
    assert_eq!(late.refunded_cents, late.amount_cents);
    world.check_sums(&BEFORE, &[paid]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_after_cancel_goes_back() {
    let Some(world) = world().await else { return };
    let order = world.place("ann", "c", 2).await;
    let payment_no = world.begin(&order).await;

    let cancelled = world.cancel(&order).await.unwrap();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    world
        .end(&payment_no, ChargeState::Succeeded, vec![honest()])
        .await;

    world.until_given_back(&payment_no, 2_002).await;
    let order = world.order(&order.order_no).await;
    assert_eq!(order.state(), OrderState::Cancelled);
    world.check_sums(&BEFORE, &[order]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_at_payment_and_sold_out_goes_back() {
    let Some(world) = world().await else { return };
    let mut late = campaign("late", BEFORE.sku);
    late.stock_taking = StockTaking::Payment.into();
    world.create(late).await;
    let ann = world.place("ann", "late", 6).await;
    let bob = world.place("bob", "late", 5).await;
    assert_eq!(world.sku(BEFORE.sku).await.available, 10);

    let (anns, bobs) = (world.begin(&ann).await, world.begin(&bob).await);
    world
        .end(&anns, ChargeState::Succeeded, vec![honest()])
        .await;
    let ann = world
        .until(&ann.order_no, |order| order.state() == OrderState::Paid)
        .await;
    world
        .end(&bobs, ChargeState::Succeeded, vec![honest()])
        .await;

    world.until_given_back(&bobs, 5 * 1_001).await;
    let bob = world.until(&bob.order_no, |order| {
        order.state() == OrderState::Created && order.payment_no.is_empty()
    });
    let bob = world.cancel(&bob.await).await.unwrap();
    world.check_sums(&BEFORE, &[ann, bob]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_after_the_hold_takes_what_is_left_or_goes_back() {
    let Some(world) = world().await else { return };
    let mut short = campaign("short", BEFORE.sku);
    short.hold_time = Some(duration(Duration::from_millis(200)));
    world.create(short).await;
    let ann = world.place("ann", "short", 4).await;
    let bob = world.place("bob", "short", 4).await;
    let (anns, bobs) = (world.begin(&ann).await, world.begin(&bob).await);
    let started = tokio::time::Instant::now();
    while world.sku(BEFORE.sku).await.held > 0 {
        assert!(started.elapsed() < crate::world::LIMIT);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Somebody else buys most of it meanwhile.
    world.seed_account("eve", BEFORE.points).await;
    let eve = world.paid("eve", "c", 4).await;

    world
        .end(&anns, ChargeState::Succeeded, vec![honest()])
        .await;
    let ann = world
        .until(&ann.order_no, |order| order.state() == OrderState::Paid)
        .await;
    world
        .end(&bobs, ChargeState::Succeeded, vec![honest()])
        .await;
    world.until_given_back(&bobs, 4 * 1_001).await;
    let bob = world.until(&bob.order_no, |order| order.state() == OrderState::Created);
    let bob = world.cancel(&bob.await).await.unwrap();
    world.check_sums(&BEFORE, &[ann, bob, eve]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_and_returns_split_money_and_points_to_the_last() {
    let Some(world) = world().await else { return };
    let order = world.paid("ann", "c", 3).await;
    assert_eq!((order.amount_cents, order.points_spent), (3_003, 21));

    let part = world.ask(&order, "some").await.unwrap();
    assert_eq!(part, world.ask(&order, "some").await.unwrap());
    let order = world.approve(&part, 1_000).await.unwrap();
    assert_eq!(order.state(), OrderState::Paid);
    // 21 * 1000 / 3003, rounded down.
    assert_eq!((order.refunded_cents, order.refunded_points), (1_000, 6));
    assert_eq!(world.approve(&part, 1_000).await.unwrap(), order);
    let other = world.approve(&part, 999).await.unwrap_err();
    assert_eq!(reason(&other), "WRONG_STATE");

    let too_much = world.ask(&order, "more").await.unwrap();
    let refused = world.approve(&too_much, 2_004).await.unwrap_err();
    assert_eq!(reason(&refused), "REFUND_TOO_LARGE");
    let order = world.reject(&too_much).await.unwrap();
    assert_eq!(order.state(), OrderState::Paid);

    let pieces = world.ask(&order, "one").await.unwrap();
    let order = world.take_back(&pieces, 1).await.unwrap();
    assert_eq!(order.state(), OrderState::Paid);
    // A third of all, less what was given before.
    assert_eq!((order.refunded_cents, order.refunded_points), (1_001, 7));
    assert_eq!(order.returned_pieces, 1);

    let rest = world.ask(&order, "rest").await.unwrap();
    let order = world.take_back(&rest, 0).await.unwrap();
    assert_eq!(order.state(), OrderState::Returned);
    assert_eq!((order.refunded_cents, order.refunded_points), (3_003, 21));
    let payment_no = order.payment_no.clone();
    world.until_given_back(&payment_no, 3_003).await;
    world.check_sums(&BEFORE, &[order]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_nobody_heard_is_repeated() {
    let Some(world) = world().await else { return };
    let order = world.place("ann", "c", 1).await;
    world.kill_payment().await;
    let paying = world.pay(&order).await.unwrap();
    assert_eq!(paying.redirect_url, "");
    let payment_no = paying.order.unwrap().payment_no;
    // Whoever began it dies too.
    world.kill_order().await;
    world.up().await;

    world.known(&payment_no).await;
    world
        .end(&payment_no, ChargeState::Succeeded, vec![honest()])
        .await;
    let paid = world
        .until(&order.order_no, |order| order.state() == OrderState::Paid)
        .await;
    world.check_sums(&BEFORE, &[paid]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_refund_goes_on_after_a_death() {
    let Some(world) = world().await else { return };
    let order = world.paid("ann", "c", 1).await;
    let refund_no = world.ask(&order, "all").await.unwrap();
    world.kill_payment().await;
    let request = tercet_proto::shop::order::v1::ApproveRefundRequest {
        refund_no: refund_no.clone(),
        ..Default::default()
    };
    let mut orders = world.orders();
    let giving = tokio::time::timeout(Duration::from_secs(2), orders.approve_refund(request));
    // It may say that it couldn't be served, or nothing yet; it is written all the same.
    let _ = giving.await;
    world.kill_order().await;
    world.up().await;

    let order = world
        .until(&order.order_no, |order| {
            order.state() == OrderState::Refunded
        })
        .await;
    world.until_given_back(&order.payment_no, 1_001).await;
    world.check_sums(&BEFORE, &[order]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_its_payment_is_not_taken() {
    let Some(world) = world().await else { return };
    let order = world.place("ann", "c", 1).await;
    let payment_no = world.begin(&order).await;
    let report = |order_no: &str, cents, payment_no: &str| ReportPaymentRequest {
        payment_no: payment_no.to_owned(),
        order_no: order_no.to_owned(),
        amount_cents: cents,
        outcome: PaymentOutcome::Succeeded.into(),
    };
    let mut events = PaymentEventServiceClient::new(world.order_channel());
    for (order_no, cents, no, expected) in [
        (
            order.order_no.as_str(),
            1_000,
            payment_no.as_str(),
            "PAYMENT_MISMATCH",
        ),
        ("other", 1_001, payment_no.as_str(), "PAYMENT_MISMATCH"),
        (order.order_no.as_str(), 1_001, "other", "UNKNOWN_PAYMENT"),
    ] {
        let reply = events.report_payment(report(order_no, cents, no)).await;
        assert_eq!(reason(&reply.unwrap_err()), expected);
    }
    assert_eq!(
        world.order(&order.order_no).await.state(),
        OrderState::Paying
    );
}
