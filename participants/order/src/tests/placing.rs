//! Placing orders, and looking at them.

use tercet_client::fake::{self, Fault};
use tercet_proto::shop::order::v1::{ListOrdersRequest, OrderState};
use tonic::Code;

use super::*;

#[tokio::test]
async fn an_order_goes_from_pending_to_created() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order_no = shop.create(Phase::Try, "r1").await.unwrap();

    let placed = shop.place(submission("r1")).await.unwrap();

    let order = placed.order.unwrap();
    assert_eq!(
        (order.state(), order.order_no.as_str()),
        (OrderState::Pending, order_no.as_str())
    );
    assert_eq!((order.gid.as_str(), order.points_spent), ("order-r1", 10));
    assert_eq!(placed.refusal, None);

    shop.create(Phase::Confirm, "r1").await.unwrap();
    let created = shop.get(Key::OrderNo(order_no)).await.unwrap();
    assert_eq!(created.state(), OrderState::Created);
    assert_eq!(
        shop.get(Key::RequestId("r1".to_owned())).await.unwrap(),
        created
    );
}

#[tokio::test]
async fn a_created_order_is_answered_without_the_coordinator() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.create(Phase::Try, "r1").await.unwrap();
    shop.create(Phase::Confirm, "r1").await.unwrap();

    let first = shop.place(submission("r1")).await.unwrap();
    let second = shop.place(submission("r1")).await.unwrap();

    assert_eq!(first, second);
    assert_eq!(first.order.unwrap().state(), OrderState::Created);
    assert!(shop.coordinator.seen().is_empty());
}

#[tokio::test]
async fn the_transaction_has_a_points_branch_only_when_points_are_spent() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.place(submission("with")).await.unwrap();
    shop.place(PlaceOrderRequest {
        points_to_spend: 0,
        ..submission("without")
    })
    .await
    .unwrap();

    let client = tercet_client::Client::connect([shop.coordinator.endpoint()])
        .await
        .unwrap();
    for (gid, branches) in [
        ("order-with", "order.create stock.reserve points.spend"),
        ("order-without", "order.create stock.reserve"),
    ] {
        let outcome = client.get(gid).await.unwrap();
        let transaction = outcome.transaction();
        let names: Vec<_> = transaction
            .branches
            .iter()
            .map(|branch| format!("{}.{}", branch.participant, branch.action))
            .collect();
        assert_eq!(names.join(" "), branches, "{gid}");
        assert_eq!(transaction.labels["user_id"], "ann");
    }
}

#[tokio::test]
async fn a_refusal_is_an_answer_with_the_participants_reason() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.coordinator
        .put(refused("order-r1", "stock", "OUT_OF_STOCK"));
    shop.coordinator
        .put(refused("order-r2", "points", "NOT_ENOUGH_POINTS"));

    // Refused before the order was written, and after.
    shop.create(Phase::Try, "r2").await.unwrap();
    shop.create(Phase::Cancel, "r2").await.unwrap();
    for (request_id, participant, word, is_written) in [
        ("r1", "stock", "OUT_OF_STOCK", false),
        ("r2", "points", "NOT_ENOUGH_POINTS", true),
    ] {
        let placed = shop.place(submission(request_id)).await.unwrap();
        let (order, refusal) = (placed.order.unwrap(), placed.refusal.unwrap());
        assert_eq!(order.state(), OrderState::Cancelled);
        assert_eq!(
            (order.points_spent, order.request_id.as_str()),
            (0, request_id)
        );
        assert_eq!(!order.order_no.is_empty(), is_written);
        assert_eq!(
            (refusal.participant.as_str(), refusal.reason.as_str()),
            (participant, word)
        );
    }
}

#[tokio::test]
async fn the_same_request_with_other_content_is_a_conflict() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.create(Phase::Try, "r1").await.unwrap();
    // Known here, and known to the coordinator alone.
    let conflict = fake::status(Code::AlreadyExists, "GID_CONFLICT", "other content", None);
    for (other, fault) in [
        (
            PlaceOrderRequest {
                quantity: 3,
                ..submission("r1")
            },
            None,
        ),
        (
            PlaceOrderRequest {
                user_id: "bob".to_owned(),
                ..submission("r1")
            },
            None,
        ),
        (submission("r2"), Some(Fault::Before(conflict))),
    ] {
        shop.coordinator.fail_next(fault);
        let status = shop.place(other).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::AlreadyExists, "REQUEST_CONFLICT")
        );
    }
}

#[tokio::test]
async fn a_coordinator_that_cant_serve_is_unavailable_and_safe_to_repeat() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let draining = || fake::status(Code::Unavailable, "DRAINING", "going away", None);
    shop.coordinator
        .fail_next((0..6).map(|_| Fault::Before(draining())));

    let status = shop.place(submission("r1")).await.unwrap_err();

    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "COORDINATOR_UNAVAILABLE")
    );
    shop.place(submission("r1")).await.unwrap();
    assert_eq!(shop.coordinator.transactions(), 1);
}

#[tokio::test]
async fn a_request_has_one_order_whoever_asks() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let first = shop.create(Phase::Try, "r1").await.unwrap();
    assert_eq!(
        shop.create(Phase::Try, "r1").await.unwrap(),
        first,
        "the first reply"
    );

    let other = shop
        .create_in(Phase::Try, "somebody-elses", "r1")
        .await
        .unwrap_err();

    assert_eq!(
        (other.code(), reason(&other).as_str()),
        (Code::AlreadyExists, "DUPLICATE_REQUEST")
    );
}

#[tokio::test]
async fn invalid_orders_begin_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for bad in [
        PlaceOrderRequest {
            request_id: String::new(),
            ..submission("r")
        },
        PlaceOrderRequest {
            request_id: "r".repeat(65),
            ..submission("r")
        },
        PlaceOrderRequest {
            user_id: "a b".to_owned(),
            ..submission("r")
        },
        PlaceOrderRequest {
            sku: String::new(),
            ..submission("r")
        },
        PlaceOrderRequest {
            quantity: 0,
            ..submission("r")
        },
        PlaceOrderRequest {
            quantity: 1001,
            ..submission("r")
        },
        PlaceOrderRequest {
            points_to_spend: -1,
            ..submission("r")
        },
    ] {
        let status = shop.place(bad.clone()).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_ORDER"),
            "{bad:?}"
        );
        let PlaceOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..
        } = bad;
        let message = CreateOrderRequest {
            request_id,
            user_id,
            sku,
            quantity,
            points_to_spend,
            ..CreateOrderRequest::default()
        };
        let status = shop.call(Phase::Try, "g", message).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_ORDER");
    }
    assert!(shop.coordinator.seen().is_empty());
}

#[tokio::test]
async fn orders_are_listed_newest_first_by_page() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut numbers = Vec::new();
    for request_id in ["r1", "r2", "r3", "r4", "r5"] {
        numbers.push(shop.create(Phase::Try, request_id).await.unwrap());
    }
    numbers.reverse();
    let (mut listed, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListOrdersRequest {
            user_id: "ann".to_owned(),
            page_size: 2,
            page_token: token,
        };
        let page = shop.api().list_orders(request).await.unwrap().into_inner();
        listed.extend(page.orders.into_iter().map(|order| order.order_no));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((listed, pages), (numbers, 3));
    let nobody = ListOrdersRequest {
        user_id: "bob".to_owned(),
        ..Default::default()
    };
    assert!(
        shop.api()
            .list_orders(nobody)
            .await
            .unwrap()
            .into_inner()
            .orders
            .is_empty()
    );
    for bad in [
        ListOrdersRequest {
            page_size: -1,
            ..Default::default()
        },
        ListOrdersRequest {
            page_token: "?".to_owned(),
            ..Default::default()
        },
    ] {
        assert_eq!(
            shop.api().list_orders(bad).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    let unknown = shop
        .get(Key::OrderNo("0000-0000-0000".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::NotFound, "UNKNOWN_ORDER")
    );
}
