//! The actions `order.close` and `order.release_hold`, called as the coordinator would: what they do, and what they
//! refuse while something else is under way.

use tercet_proto::shop::order::v1::close_order_service_client::CloseOrderServiceClient;
use tercet_proto::shop::order::v1::release_hold_service_client::ReleaseHoldServiceClient;
use tercet_proto::shop::order::v1::{
    CancelOrderRequest, CloseCause, CloseOrderRequest, OrderState, ReleaseHoldRequest,
};

use super::super::deadline::{Kind, queries as deadlines};
use super::campaigns::{branch, campaign};
use super::*;
use crate::order::Hold;
use crate::state::State;

fn in_branch<T>(phase: Phase, gid: &str, message: T) -> Request<T> {
    let deadline = now_micros() + micros(Duration::from_secs(30));
    let mut request = Request::new(message);
    BranchContext::new(BranchKey::new(gid, "order").unwrap(), phase, deadline)
        .write_to(request.metadata_mut());
    request
}

impl Shop {
    async fn close(
        &self,
        phase: Phase,
        gid: &str,
        order_no: &str,
        cause: CloseCause,
    ) -> Result<(), Status> {
        let mut client = CloseOrderServiceClient::new(self.channel.clone());
        let message = CloseOrderRequest {
            order_no: order_no.to_owned(),
            cause: cause.into(),
            releases_held: true,
        };
        let request = in_branch(phase, gid, message);
        match phase {
            Phase::Try => client.r#try(request).await.map(|_| ()),
            Phase::Confirm => client.confirm(request).await.map(|_| ()),
            Phase::Cancel => client.cancel(request).await.map(|_| ()),
        }
    }

    async fn release(&self, phase: Phase, gid: &str, order_no: &str) -> Result<(), Status> {
        let mut client = ReleaseHoldServiceClient::new(self.channel.clone());
        let message = ReleaseHoldRequest {
            order_no: order_no.to_owned(),
        };
        let request = in_branch(phase, gid, message);
        match phase {
            Phase::Try => client.r#try(request).await.map(|_| ()),
            Phase::Confirm => client.confirm(request).await.map(|_| ()),
            Phase::Cancel => client.cancel(request).await.map(|_| ()),
        }
    }

    async fn state(&self, order_no: &str) -> OrderState {
        let order = self.get(Key::OrderNo(order_no.to_owned())).await;
        order.unwrap().state()
    }

    async fn hold(&self, order_no: &str) -> Hold {
        let database = self.database().await;
        let mut connection = database.reader().acquire().await.unwrap();
        let order = owned(&mut connection, order_no, None).await.unwrap();
        drop(connection);
        database.close().await;
        order.standing.hold
    }

    async fn campaign_order(&self, request_id: &str) -> Result<String, Status> {
        let message = branch(request_id, "ann", "c");
        let gid = format!("order-{request_id}");
        let order_no = self.call(Phase::Try, &gid, message.clone()).await?;
        self.call(Phase::Confirm, &gid, message).await?;
        Ok(order_no)
    }
}

const BUYER: CloseCause = CloseCause::Cancelled;
const TIME: CloseCause = CloseCause::TimedOut;

#[tokio::test]
async fn a_closed_order_gives_its_place_back_and_an_undone_close_changes_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.campaign(campaign("c")).await;
    for (number, (cause, end)) in [(BUYER, OrderState::Cancelled), (TIME, OrderState::TimedOut)]
        .into_iter()
        .enumerate()
    {
        let order_no = shop.campaign_order(&format!("r{number}")).await.unwrap();
        let gid = format!("close-{number}");
        shop.close(Phase::Try, &gid, &order_no, cause)
            .await
            .unwrap();
        assert_eq!(shop.state(&order_no).await, OrderState::Changing);
        shop.close(Phase::Cancel, &gid, &order_no, cause)
            .await
            .unwrap();
        assert_eq!(shop.state(&order_no).await, OrderState::Created);
        let taken = shop.campaign_order("x").await.unwrap_err();
        assert_eq!(reason(&taken), "ONE_PER_USER");

        let gid = format!("close-{number}-2");
        for phase in [Phase::Try, Phase::Confirm, Phase::Confirm] {
            shop.close(phase, &gid, &order_no, cause).await.unwrap();
        }
        assert_eq!(shop.state(&order_no).await, end);
        assert_eq!(shop.hold(&order_no).await, Hold::None);
    }
    shop.campaign_order("last").await.unwrap();
}

#[tokio::test]
async fn who_comes_second_is_told_that_the_order_is_busy_or_has_moved() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    let refused = async |gid: &str, cause| {
        let status = shop.close(Phase::Try, gid, &order_no, cause).await;
        reason(&status.unwrap_err())
    };
    shop.close(Phase::Try, "a", &order_no, BUYER).await.unwrap();
    assert_eq!(refused("b", TIME).await, "ORDER_BUSY");
    let hold = shop.release(Phase::Try, "h", &order_no).await;
    assert_eq!(reason(&hold.unwrap_err()), "ORDER_BUSY");
    shop.close(Phase::Confirm, "a", &order_no, BUYER)
        .await
        .unwrap();
    assert_eq!(refused("c", TIME).await, "WRONG_STATE");
    let unknown = shop.close(Phase::Try, "d", "nothing", BUYER).await;
    assert_eq!(reason(&unknown.unwrap_err()), "UNKNOWN_ORDER");
    let unset = shop.close(Phase::Try, "e", &order_no, CloseCause::Unspecified);
    assert_eq!(reason(&unset.await.unwrap_err()), "INVALID_CLOSE");
}

#[tokio::test]
async fn a_hold_ends_once_and_the_order_stays_payable() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    assert_eq!(shop.hold(&order_no).await, Hold::Held);
    shop.release(Phase::Try, "h", &order_no).await.unwrap();
    assert_eq!(shop.hold(&order_no).await, Hold::Ending);
    // Nobody can say now whether stock.release of their transaction has anything to give back.
    let close = shop.close(Phase::Try, "a", &order_no, BUYER).await;
    assert_eq!(reason(&close.unwrap_err()), "ORDER_BUSY");
    shop.release(Phase::Cancel, "h", &order_no).await.unwrap();
    assert_eq!(shop.hold(&order_no).await, Hold::Held);

    shop.release(Phase::Try, "h-2", &order_no).await.unwrap();
    shop.release(Phase::Confirm, "h-2", &order_no)
        .await
        .unwrap();
    assert_eq!(shop.hold(&order_no).await, Hold::None);
    assert_eq!(shop.state(&order_no).await, OrderState::Created);
    // A close that still thinks that something is held comes again with what is true now.
    let close = shop.close(Phase::Try, "b", &order_no, TIME).await;
    assert_eq!(reason(&close.unwrap_err()), "ORDER_BUSY");
}

#[tokio::test]
async fn only_its_owner_cancels_an_order_and_only_while_it_is_unpaid() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.placed("r1").await;
    let cancel = async |user_id: &str| {
        let request = CancelOrderRequest {
            order_no: order_no.clone(),
            user_id: user_id.to_owned(),
        };
        shop.api().cancel_order(request).await
    };
    assert_eq!(reason(&cancel("eve").await.unwrap_err()), "UNKNOWN_ORDER");
    assert_eq!(reason(&cancel("").await.unwrap_err()), "INVALID_REQUEST");
    for (state, expected) in [
        (State::Paid, "WRONG_STATE"),
        (State::TimedOut, "WRONG_STATE"),
        (State::Settling, "ORDER_BUSY"),
    ] {
        shop.force(&order_no, |standing| standing.state = state)
            .await;
        assert_eq!(reason(&cancel("ann").await.unwrap_err()), expected);
    }
    assert!(shop.coordinator.seen().is_empty());
    shop.force(&order_no, |standing| standing.state = State::Closed)
        .await;
    let order = cancel("ann").await.unwrap().into_inner().order.unwrap();
    assert_eq!(order.state(), OrderState::Cancelled);
}

#[tokio::test]
async fn an_order_outside_of_campaigns_ends_in_its_time_too() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    let due = async |shop: &Shop, order_no: &str| {
        let database = shop.database().await;
        let mut reader = database.reader().acquire().await.unwrap();
        let due = deadlines::get(&mut reader, order_no, Kind::Payment.code()).await;
        drop(reader);
        database.close().await;
        due.unwrap()
    };
    let before = now_micros();
    let patient = shop.placed("r1").await;
    let half_an_hour = micros(Duration::from_mins(30));
    let due_at = due(&shop, &patient).await.unwrap();
    assert!((before + half_an_hour..=now_micros() + half_an_hour).contains(&due_at));

    shop.stop().await;
    shop.start_with(|config| {
        config.payment_time = tercet_service::ConfigDuration::from_millis(1);
    })
    .await;
    let order_no = shop.placed("r2").await;

    let gid = format!("timeout-{order_no}");
    let branches = until("the time-out", async || {
        let client = tercet_client::Client::connect([shop.coordinator.endpoint()]);
        let outcome = client.await.unwrap().get(&gid).await.ok()?;
        let branches = outcome.transaction().branches.iter();
        let names = branches.map(|branch| format!("{}.{}", branch.participant, branch.action));
        Some(names.collect::<Vec<_>>())
    })
    .await;
    assert_eq!(branches, ["order.close", "stock.release", "points.refund"]);
    for phase in [Phase::Try, Phase::Confirm] {
        shop.close(phase, &gid, &order_no, TIME).await.unwrap();
    }
    assert_eq!(shop.state(&order_no).await, OrderState::TimedOut);
    assert_eq!(due(&shop, &order_no).await, None);
    assert_eq!(shop.state(&patient).await, OrderState::Created);
}
