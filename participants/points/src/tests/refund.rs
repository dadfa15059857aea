//! `points.refund`: never more of an order than was spent for it.

use super::*;

/// A shop where order `o1` was paid with 30 of the 100 points.
async fn open() -> Option<Shop> {
    let shop = Shop::open().await?;
    shop.spent("s", payment(30, "o1", "")).await;
    assert_eq!(shop.balance().await, (70, 0));
    Some(shop)
}

#[tokio::test]
async fn a_confirmed_refund_comes_back_once() {
    let Some(shop) = open().await else { return };
    for _ in 0..2 {
        let left = shop
            .refund(Phase::Try, "a", refund(10, "o1", "r1"))
            .await
            .unwrap();
        assert_eq!(left, 20);
        assert_eq!(shop.order("o1").await, [30, 10, 0]);
    }
    assert_eq!(
        shop.balance().await,
        (70, 0),
        "nothing moves before the confirm"
    );
    for _ in 0..2 {
        shop.refund(Phase::Confirm, "a", refund(10, "o1", "r1"))
            .await
            .unwrap();
        assert_eq!(shop.order("o1").await, [30, 0, 10]);
        assert_eq!(shop.balance().await, (80, 0));
    }
    let late = shop
        .refund(Phase::Cancel, "a", refund(10, "o1", "r1"))
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "ALREADY_CONFIRMED");
    let entry = &shop.ledger().await[0];
    assert_eq!(
        (
            entry.kind(),
            entry.order_ref.as_str(),
            entry.entry_no.as_str()
        ),
        (LedgerKind::Refund, "o1", "r1")
    );
}

#[tokio::test]
async fn a_cancelled_refund_can_be_asked_for_again() {
    let Some(shop) = open().await else { return };
    shop.refund(Phase::Try, "a", refund(30, "o1", "r1"))
        .await
        .unwrap();
    for _ in 0..2 {
        shop.refund(Phase::Cancel, "a", refund(30, "o1", "r1"))
            .await
            .unwrap();
        assert_eq!(shop.order("o1").await, [30, 0, 0]);
    }
    shop.refund(Phase::Cancel, "b", refund(30, "o1", "r1"))
        .await
        .unwrap();
    let late = shop
        .refund(Phase::Try, "b", refund(30, "o1", "r1"))
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY");
    // The same number under another gid.
    shop.refund(Phase::Try, "c", refund(30, "o1", "r1"))
        .await
        .unwrap();
    shop.refund(Phase::Confirm, "c", refund(30, "o1", "r1"))
        .await
        .unwrap();
    assert_eq!(
        (shop.order("o1").await, shop.balance().await),
        ([30, 0, 30], (100, 0))
    );
}

#[tokio::test]
async fn refunds_together_are_no_more_than_was_spent() {
    let Some(shop) = open().await else { return };
    shop.refund(Phase::Try, "a", refund(20, "o1", "r1"))
        .await
        .unwrap();
    let refused = |status: Status, code, word: &str| {
        assert_eq!((status.code(), reason(&status).as_str()), (code, word));
    };
    // What is under way counts.
    let status = shop
        .refund(Phase::Try, "b", refund(11, "o1", "r2"))
        .await
        .unwrap_err();
    refused(status, Code::FailedPrecondition, "REFUND_TOO_LARGE");
    let status = shop
        .refund(Phase::Try, "b", refund(5, "o1", "r1"))
        .await
        .unwrap_err();
    refused(status, Code::AlreadyExists, "DUPLICATE_REFUND");
    shop.refund(Phase::Confirm, "a", refund(20, "o1", "r1"))
        .await
        .unwrap();
    let status = shop
        .refund(Phase::Try, "b", refund(5, "o1", "r1"))
        .await
        .unwrap_err();
    refused(status, Code::AlreadyExists, "DUPLICATE_REFUND");
    let status = shop
        .refund(Phase::Try, "b", refund(11, "o1", "r2"))
        .await
        .unwrap_err();
    refused(status, Code::FailedPrecondition, "REFUND_TOO_LARGE");
    shop.refund(Phase::Try, "b", refund(10, "o1", "r2"))
        .await
        .unwrap();
    shop.refund(Phase::Confirm, "b", refund(10, "o1", "r2"))
        .await
        .unwrap();
    assert_eq!(
        (shop.order("o1").await, shop.balance().await),
        ([30, 0, 30], (100, 0))
    );
}

#[tokio::test]
async fn only_what_was_spent_comes_back_and_to_whoever_spent_it() {
    let Some(shop) = open().await else { return };
    assert!(shop.seed("bob", 5).await);
    shop.spend(Phase::Try, "t", payment(10, "o2", ""))
        .await
        .unwrap();
    let to_bob = RefundPointsRequest {
        account_id: "bob".to_owned(),
        ..refund(1, "o1", "r1")
    };
    // Frozen isn't spent.
    for request in [to_bob, refund(1, "o2", "r1"), refund(1, "o3", "r1")] {
        let status = shop
            .refund(Phase::Try, "a", request.clone())
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, "NOTHING_SPENT"),
            "{request:?}"
        );
    }
    assert_eq!(shop.balance_of("bob").await, (5, 0));
}

#[tokio::test]
async fn an_order_that_was_named_by_its_reference_is_refunded_by_it() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spent("s", points(30, "ref-1")).await;
    shop.refund(Phase::Try, "a", refund(30, "ref-1", "r1"))
        .await
        .unwrap();
    shop.refund(Phase::Confirm, "a", refund(30, "ref-1", "r1"))
        .await
        .unwrap();
    assert_eq!(shop.balance().await, (100, 0));
}

#[tokio::test]
async fn what_can_not_be_is_refused_naming_the_field() {
    let Some(shop) = open().await else { return };
    let long = "x".repeat(65);
    let to = |account_id: &str| RefundPointsRequest {
        account_id: account_id.to_owned(),
        ..refund(1, "o1", "r")
    };
    for (bad, field) in [
        (to(""), "account_id"),
        (to("a b"), "account_id"),
        (refund(1, "", "r"), "order_no"),
        (refund(1, &long, "r"), "order_no"),
        (refund(1, "o1", ""), "refund_no"),
        (refund(1, "o1", &long), "refund_no"),
        (refund(0, "o1", "r"), "points"),
        (refund(-1, "o1", "r"), "points"),
        (refund(i64::MAX, "o1", "r"), "points"),
    ] {
        let status = shop.refund(Phase::Try, "a", bad.clone()).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REFUND"),
            "{bad:?}"
        );
        assert!(status.message().starts_with(field), "{bad:?}: {status}");
    }
    assert_eq!(shop.order("o1").await, [30, 0, 0]);
}
