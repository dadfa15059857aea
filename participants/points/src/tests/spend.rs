//! `points.spend` alone.

use super::*;

#[tokio::test]
async fn points_are_frozen_then_spent_once() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for _ in 0..2 {
        assert_eq!(
            shop.spend(Phase::Try, "a", points(30, "o1")).await.unwrap(),
            (70, 30)
        );
    }
    assert_eq!(shop.balance().await, (70, 30));
    for _ in 0..2 {
        shop.spend(Phase::Confirm, "a", points(30, "o1"))
            .await
            .unwrap();
    }
    assert_eq!(shop.balance().await, (70, 0));
    let kinds: Vec<_> = shop.ledger().await.iter().map(LedgerEntry::kind).collect();
    assert_eq!(
        kinds,
        [LedgerKind::Spend, LedgerKind::Freeze, LedgerKind::Seed]
    );
}

#[tokio::test]
async fn points_come_back_once_when_cancelled() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spend(Phase::Try, "a", points(100, "o1"))
        .await
        .unwrap();
    for _ in 0..2 {
        shop.spend(Phase::Cancel, "a", points(100, "o1"))
            .await
            .unwrap();
    }
    assert_eq!(shop.balance().await, (100, 0));
    // A cancel that comes before its try leaves no trace in the account.
    shop.spend(Phase::Cancel, "b", points(5, "o2"))
        .await
        .unwrap();
    let late = shop
        .spend(Phase::Try, "b", points(5, "o2"))
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY");
    assert_eq!(shop.balance().await, (100, 0));
}

#[tokio::test]
async fn refusals_say_why_and_leave_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let stranger = SpendPointsRequest {
        user_id: "bob".to_owned(),
        ..points(1, "o")
    };
    for (request, code, word) in [
        (
            points(101, "o"),
            Code::FailedPrecondition,
            "NOT_ENOUGH_POINTS",
        ),
        (stranger, Code::NotFound, "UNKNOWN_ACCOUNT"),
        (points(0, "o"), Code::InvalidArgument, "INVALID_SPEND"),
        (points(-1, "o"), Code::InvalidArgument, "INVALID_SPEND"),
        (
            points(i64::MAX, "o"),
            Code::InvalidArgument,
            "INVALID_SPEND",
        ),
        (points(1, ""), Code::InvalidArgument, "INVALID_SPEND"),
    ] {
        let status = shop
            .spend(Phase::Try, "b", request.clone())
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (code, word),
            "{request:?}"
        );
    }
    assert_eq!(shop.balance().await, (100, 0));
    assert_eq!(shop.ledger().await.len(), 1);
}

#[tokio::test]
async fn an_orders_points_are_taken_by_one_branch_only() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spend(Phase::Try, "a", points(10, "o1")).await.unwrap();

    let second = shop
        .spend(Phase::Try, "b", points(10, "o1"))
        .await
        .unwrap_err();

    assert_eq!(
        (second.code(), reason(&second).as_str()),
        (Code::AlreadyExists, "DUPLICATE_SPEND")
    );
    assert_eq!(shop.balance().await, (90, 10));
}

#[tokio::test]
async fn frozen_points_survive_a_death() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spend(Phase::Try, "a", points(40, "o1")).await.unwrap();
    shop.running.abort().await;

    let shop = Shop::at(shop.home).await;

    assert_eq!(shop.balance().await, (60, 40));
    shop.spend(Phase::Confirm, "a", points(40, "o1"))
        .await
        .unwrap();
    assert_eq!(shop.balance().await, (60, 0));
}

#[tokio::test]
async fn an_order_may_be_paid_in_parts_each_under_its_own_number() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spent("a", payment(10, "o1", "")).await;
    shop.spent("b", payment(20, "o1", "p1")).await;
    // A payment that was broken off leaves its number used; the next attempt has another one.
    shop.spend(Phase::Try, "c", payment(5, "o1", "p2"))
        .await
        .unwrap();
    shop.spend(Phase::Cancel, "c", payment(5, "o1", "p2"))
        .await
        .unwrap();
    for used in ["", "p1", "p2"] {
        let status = shop
            .spend(Phase::Try, "d", payment(5, "o1", used))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "DUPLICATE_SPEND", "{used:?}");
    }
    shop.spent("e", payment(5, "o1", "p3")).await;
    assert_eq!(shop.balance().await, (65, 0));
    assert_eq!(shop.order("o1").await, [35, 0, 0]);
    let entry = &shop.ledger().await[0];
    assert_eq!(
        (entry.order_ref.as_str(), entry.entry_no.as_str()),
        ("o1", "p3")
    );
}

#[tokio::test]
async fn what_can_not_be_is_refused_naming_the_field() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let long = "x".repeat(65);
    let by = |user_id: &str| SpendPointsRequest {
        user_id: user_id.to_owned(),
        ..payment(1, "o", "")
    };
    for (bad, field) in [
        (by(""), "user_id"),
        (by(&long), "user_id"),
        (by("é"), "user_id"),
        (payment(0, "o", ""), "points"),
        (payment(1_000_000_000_001, "o", ""), "points"),
        (payment(1, "", ""), "order_no"),
        (payment(1, &long, ""), "order_no"),
        (payment(1, "a b", ""), "order_no"),
        (points(1, &"x".repeat(129)), "order_no"),
        (payment(1, "o", &long), "spend_no"),
        (payment(1, "o", "é"), "spend_no"),
    ] {
        let status = shop.spend(Phase::Try, "b", bad.clone()).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_SPEND", "{bad:?}");
        assert!(status.message().starts_with(field), "{bad:?}: {status}");
    }
    assert_eq!(shop.balance().await, (100, 0));
}
