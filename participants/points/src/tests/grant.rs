//! `points.grant`: once an order, whatever gid it comes under.

use super::*;

#[tokio::test]
async fn an_order_is_rewarded_once() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    // The same message again, under the same gid and under another one.
    for branch in ["a", "a", "b", "c"] {
        shop.grant(branch, grant(7, "o1")).await.unwrap();
        assert_eq!(shop.balance().await, (107, 0));
    }
    shop.grant("d", grant(5, "o2")).await.unwrap();
    assert_eq!(shop.balance().await, (112, 0));
    let entry = &shop.ledger().await[0];
    assert_eq!(
        (entry.kind(), entry.order_ref.as_str()),
        (LedgerKind::Grant, "o2")
    );
}

#[tokio::test]
async fn a_customer_without_an_account_gets_one() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let request = GrantPointsRequest {
        account_id: "bob".to_owned(),
        ..grant(7, "o1")
    };
    for branch in ["a", "b"] {
        shop.grant(branch, request.clone()).await.unwrap();
        assert_eq!(shop.balance_of("bob").await, (7, 0));
    }
}

#[tokio::test]
async fn another_reward_for_the_same_order_needs_a_person() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.grant("a", grant(7, "o1")).await.unwrap();
    let other = GrantPointsRequest {
        account_id: "bob".to_owned(),
        ..grant(7, "o1")
    };
    for request in [grant(8, "o1"), other] {
        let status = shop.grant("b", request.clone()).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::AlreadyExists, "DUPLICATE_GRANT"),
            "{request:?}"
        );
    }
    assert_eq!(shop.balance().await, (107, 0));
    let bob = GetAccountRequest {
        user_id: "bob".to_owned(),
    };
    let status = shop.api().get_account(bob).await.unwrap_err();
    assert_eq!(
        status.code(),
        Code::NotFound,
        "nothing is left of the attempt"
    );
}

#[tokio::test]
async fn many_rewards_at_once_are_one() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let grants = (0..40).map(|number| {
        let shop = &shop;
        async move {
            let order_no = format!("o{}", number % 4);
            shop.grant(&format!("b{number}"), grant(5, &order_no))
                .await
                .unwrap();
        }
    });
    futures::future::join_all(grants).await;
    assert_eq!(shop.balance().await, (120, 0));
}

#[tokio::test]
async fn what_can_not_be_is_an_error_naming_the_field() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let to = |account_id: &str| GrantPointsRequest {
        account_id: account_id.to_owned(),
        ..grant(1, "o")
    };
    for (bad, field) in [
        (to(""), "account_id"),
        (to("é"), "account_id"),
        (grant(1, ""), "order_no"),
        (grant(1, &"x".repeat(65)), "order_no"),
        (grant(0, "o"), "points"),
        (grant(i64::MAX, "o"), "points"),
    ] {
        let status = shop.grant("b", bad.clone()).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_GRANT", "{bad:?}");
        assert!(status.message().starts_with(field), "{bad:?}: {status}");
    }
    assert_eq!(shop.balance().await, (100, 0));
}
