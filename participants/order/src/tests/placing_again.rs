//! Orders that nobody has refused and that came to nothing: the queue places them again, and whatever happens a request has
//! one order at most, or a definite reason.

use tercet_client::fake::{self, Fault};
use tercet_proto::shop::order::v1::OrderState;
use tonic::Code;

use super::*;

/// A transaction that was cancelled because of this, and in this state.
fn cancelled(gid: &str, reason: CancelReason, state: TransactionState) -> Transaction {
    let mut transaction = refused(gid, "stock", "");
    transaction.set_state(state);
    transaction.branches[0].set_state(BranchState::Cancelled);
    if let Some(cause) = &mut transaction.cancel_cause {
        cause.set_reason(reason);
    }
    transaction
}

fn in_doubt(gid: &str) -> Transaction {
    cancelled(gid, CancelReason::InDoubt, TransactionState::Cancelled)
}

impl Shop {
    /// The gids that the coordinator was asked for, each once, in the order of their first call.
    fn gids(&self) -> Vec<String> {
        let mut gids: Vec<String> = Vec::new();
        for seen in self.coordinator.seen() {
            if !gids.contains(&seen.gid) {
                gids.push(seen.gid);
            }
        }
        gids
    }

    /// Takes a ticket and waits for its result.
    async fn queued(&self, request_id: &str) -> PlaceOrderResponse {
        let ticket = self.queue(submission(request_id)).await.unwrap();
        self.wait(&ticket).await.unwrap()
    }
}

#[tokio::test]
async fn what_nobody_refused_is_placed_again_and_every_call_says_the_same() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for (request_id, reason) in [
        ("r1", CancelReason::InDoubt),
        ("r2", CancelReason::Deadline),
    ] {
        let gid = format!("order-{request_id}");
        let before = cancelled(&gid, reason, TransactionState::Cancelled);
        shop.coordinator.put(before);

        let placed = shop.queued(request_id).await;

        assert_eq!(placed.refusal, None);
        let order = placed.order.clone().unwrap();
        assert_eq!(
            (order.gid, order.state),
            (format!("order2-{request_id}"), OrderState::Pending.into())
        );
        assert_eq!(shop.place(submission(request_id)).await.unwrap(), placed);
        assert_eq!(shop.queued(request_id).await, placed);
    }
    assert_eq!(
        shop.gids(),
        ["order-r1", "order2-r1", "order-r2", "order2-r2"]
    );
}

#[tokio::test]
async fn a_refusal_and_a_persons_cancel_are_final() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let (requested, ended) = (CancelReason::Requested, TransactionState::Cancelled);
    shop.coordinator
        .put(cancelled("order-r1", requested, ended));
    shop.coordinator.put(in_doubt("order-r2"));
    shop.coordinator
        .put(refused("order2-r2", "stock", "OUT_OF_STOCK"));
    for (request_id, expected) in [("r1", "REQUESTED"), ("r2", "OUT_OF_STOCK")] {
        let placed = shop.queued(request_id).await;
        assert_eq!(placed.refusal.unwrap().reason, expected);
        assert_eq!(placed.order.unwrap().state(), OrderState::Cancelled);
    }
    assert_eq!(shop.gids(), ["order-r1", "order-r2", "order2-r2"]);
}

#[tokio::test]
async fn the_rounds_are_bounded_and_end_with_the_reason() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let gids = [
        "order-r1",
        "order2-r1",
        "order3-r1",
        "order4-r1",
        "order5-r1",
    ];
    for gid in gids {
        shop.coordinator.put(in_doubt(gid));
    }
    let placed = shop.queued("r1").await;
    assert_eq!(placed.refusal.clone().unwrap().reason, "IN_DOUBT");
    assert_eq!(shop.gids(), gids);
    assert_eq!(shop.place(submission("r1")).await.unwrap(), placed);
    assert_eq!(shop.gids(), gids);
}

#[tokio::test]
async fn the_next_round_waits_until_all_of_the_last_one_is_cancelled() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let (reason, cancelling) = (CancelReason::InDoubt, TransactionState::Cancelling);
    shop.coordinator
        .put(cancelled("order-r1", reason, cancelling));
    let ticket = shop.queue(submission("r1")).await.unwrap();
    until("a second look", async || {
        let calls = shop.coordinator.seen();
        let calls = calls.iter().filter(|seen| seen.gid == "order-r1").count();
        // A look is one call, and one that waits for the end.
        (calls >= 4).then_some(())
    })
    .await;
    assert_eq!(shop.gids(), ["order-r1"]);

    shop.coordinator.put(in_doubt("order-r1"));

    let placed = shop.wait(&ticket).await.unwrap();
    assert_eq!(placed.order.unwrap().gid, "order2-r1");
}

#[tokio::test]
async fn who_asks_after_a_death_goes_on_where_it_was() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    for gid in ["order-r1", "order2-r1"] {
        shop.coordinator.put(in_doubt(gid));
    }
    // A customer's own call begins no further round.
    let placed = shop.place(submission("r1")).await.unwrap();
    assert_eq!(placed.refusal.unwrap().reason, "IN_DOUBT");
    assert_eq!(shop.gids(), ["order-r1"]);
    // A death in the second round.
    let away = || fake::status(Code::Unavailable, "DRAINING", "going away", None);
    shop.queue(submission("r1")).await.unwrap();
    until("the second round", async || {
        let has_begun = shop.gids().contains(&"order2-r1".to_owned());
        has_begun.then_some(())
    })
    .await;
    shop.stop().await;
    shop.coordinator.fail_next([Fault::Before(away())]);
    shop.start().await;

    let (one, other) = tokio::join!(shop.wait("r1"), shop.wait("r1"));

    let one = one.unwrap();
    assert_eq!(one, other.unwrap());
    assert_eq!(one.order.unwrap().gid, "order3-r1");
    assert_eq!(shop.gids(), ["order-r1", "order2-r1", "order3-r1"]);
}

#[tokio::test]
async fn a_later_round_takes_the_place_of_what_came_to_nothing_and_of_nothing_else() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let tried = async |gid: &str| {
        let tried = shop.create_in(Phase::Try, gid, "r1").await;
        tried.map_err(|status| reason(&status))
    };
    let duplicate = Err("DUPLICATE_REQUEST".to_owned());
    let first = tried("order-r1").await.unwrap();
    assert_eq!(tried("order2-r1").await, duplicate, "it is pending");
    shop.create(Phase::Cancel, "r1").await.unwrap();
    assert_eq!(tried("somebody-elses").await, duplicate);

    let second = tried("order3-r1").await.unwrap();

    assert_ne!(first, second);
    assert_eq!(tried("order2-r1").await, duplicate, "an earlier round");
    let late = shop.create(Phase::Try, "r1").await.unwrap_err();
    assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY");
    // The cancel of the first round, once more.
    shop.create(Phase::Cancel, "r1").await.unwrap();
    let confirmed = shop.create_in(Phase::Confirm, "order3-r1", "r1");
    confirmed.await.unwrap();
    let order = shop.get(Key::RequestId("r1".to_owned())).await.unwrap();
    assert_eq!(
        (order.order_no.as_str(), order.state()),
        (second.as_str(), OrderState::Created)
    );
    assert_eq!(tried("order4-r1").await, duplicate, "it is created");
    let unknown = shop.get(Key::OrderNo(first)).await.unwrap_err();
    assert_eq!(reason(&unknown), "UNKNOWN_ORDER");
}
