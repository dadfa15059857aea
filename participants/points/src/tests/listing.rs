//! The listings, and opening an account.

use super::*;

#[tokio::test]
async fn the_ledger_is_listed_by_page_and_seeding_twice_changes_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let again = SeedAccountRequest {
        user_id: USER.to_owned(),
        points: 7,
    };
    let again = shop.api().seed_account(again).await.unwrap().into_inner();
    assert_eq!(
        (again.created, again.account.unwrap().available),
        (false, 100)
    );
    for order in ["o1", "o2", "o3"] {
        shop.spend(Phase::Try, order, points(1, order))
            .await
            .unwrap();
    }
    let (mut orders, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListLedgerRequest {
            user_id: USER.to_owned(),
            page_size: 3,
            page_token: token,
        };
        let page = shop.api().list_ledger(request).await.unwrap().into_inner();
        orders.extend(page.entries.into_iter().map(|entry| entry.order_ref));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((orders.join(","), pages), ("o3,o2,o1,".to_owned(), 2));
    let bad = ListLedgerRequest {
        user_id: USER.to_owned(),
        page_token: "x".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        shop.api().list_ledger(bad).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn orders_are_listed_by_page() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for order_no in ["b", "a", "d", "c", "e"] {
        shop.spent(order_no, payment(1, order_no, "")).await;
    }
    let list = |order_no: &str, page_size, page_token: &str| ListOrderPointsRequest {
        order_no: order_no.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let (mut found, mut token, mut pages) = (String::new(), String::new(), 0);
    loop {
        let page = shop
            .api()
            .list_order_points(list("", 2, &token))
            .await
            .unwrap();
        let page = page.into_inner();
        found.extend(page.orders.iter().map(|row| row.order_no.as_str()));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((found.as_str(), pages), ("abcde", 3));
    for bad in [
        list("a b", 1, ""),
        list("", -1, ""),
        list("", 1, "x"),
        list("", 1, "é a"),
    ] {
        let status = shop.api().list_order_points(bad.clone()).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_REQUEST", "{bad:?}");
    }
}

#[tokio::test]
async fn accounts_are_listed_beside_their_ledgers_sums() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for user_id in ["zoe", "abe", "mia"] {
        let user_id = user_id.to_owned();
        let seed = SeedAccountRequest { user_id, points: 5 };
        shop.api().seed_account(seed).await.unwrap();
    }
    shop.spent("o", payment(30, "o", "")).await;
    shop.spend(Phase::Try, "p", points(20, "p")).await.unwrap();
    let (mut sums, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListAccountSumsRequest {
            page_size: 3,
            page_token: token,
        };
        let page = shop.api().list_account_sums(request).await.unwrap();
        let page = page.into_inner();
        sums.extend(page.sums);
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((sums.len(), pages), (4, 2));
    for row in &sums {
        let account = row.account.as_ref().unwrap();
        let expected = if account.user_id == USER {
            (50, 20)
        } else {
            (5, 0)
        };
        assert_eq!((account.available, account.frozen), expected);
        assert_eq!((row.ledger_available, row.ledger_frozen), expected);
    }
    assert!(sums.is_sorted_by_key(|row| row.account.clone().unwrap().user_id));
    let bad = ListAccountSumsRequest {
        page_size: -1,
        ..ListAccountSumsRequest::default()
    };
    let status = shop.api().list_account_sums(bad).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_REQUEST");
}
