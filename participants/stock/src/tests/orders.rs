//! What an order holds and bought is its own: nobody sells, releases or returns more than that.

use super::*;

#[tokio::test]
async fn an_order_gets_rid_of_no_more_than_it_has() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 20).await;
    shop.done(Act::Reserve, "1", &pieces("tea", "o", 3)).await;
    shop.done(Act::Reserve, "2", &pieces("tea", "p", 5)).await;
    for (act, order_no, quantity, word) in [
        (Act::SellHeld, "o", 4, "NOT_HELD"),
        (Act::Release, "o", 4, "NOT_HELD"),
        (Act::Release, "q", 1, "NOT_HELD"),
        (Act::Release, "", 1, "NOT_HELD"),
        (Act::SellHeld, "O", 1, "NOT_HELD"),
        (Act::Return, "o", 1, "NOT_SOLD"),
    ] {
        let asked = pieces("tea", order_no, quantity);
        let status = shop.act(act, Phase::Try, "b", &asked).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, word),
            "{act:?} {asked:?}"
        );
    }
    assert_eq!(shop.stock("tea").await, [12, 0, 8, 0]);
    assert_eq!(
        (shop.share("o").await, shop.share("p").await),
        ([3, 0, 0], [5, 0, 0])
    );
}

#[tokio::test]
async fn what_is_under_way_can_not_be_taken_twice() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    shop.done(Act::Reserve, "1", &pieces("tea", "o", 3)).await;
    let three = pieces("tea", "o", 3);
    shop.act(Act::SellHeld, Phase::Try, "pay", &three)
        .await
        .unwrap();
    let late = shop
        .act(Act::Release, Phase::Try, "close", &three)
        .await
        .unwrap_err();
    assert_eq!(reason(&late), "NOT_HELD");
    shop.act(Act::SellHeld, Phase::Cancel, "pay", &three)
        .await
        .unwrap();
    shop.done(Act::Release, "close-2", &three).await;
    assert_eq!(shop.stock("tea").await, [10, 0, 0, 0]);
    assert_eq!(shop.share("o").await, [0, 0, 0]);
}

#[tokio::test]
async fn pieces_of_no_order_in_particular_are_held_together() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    shop.done(Act::Reserve, "1", &pieces("tea", "", 3)).await;
    shop.done(Act::Reserve, "2", &pieces("tea", "", 2)).await;
    shop.done(Act::SellHeld, "3", &pieces("tea", "", 4)).await;
    shop.done(Act::Return, "4", &pieces("tea", "", 1)).await;
    assert_eq!(shop.stock("tea").await, [6, 0, 1, 3]);
    let rows = shop.shares("").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].order_no.as_str(), rows[0].held, rows[0].sold),
        ("", 1, 3)
    );
}

#[tokio::test]
async fn orders_are_listed_by_page() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for sku in ["tea", "gold"] {
        shop.seed(sku, 10).await;
    }
    let mut expected = Vec::new();
    for (order_no, sku) in [
        ("", "tea"),
        ("a", "gold"),
        ("a", "tea"),
        ("b", "tea"),
        ("c!", "gold"),
    ] {
        let branch = format!("{order_no}-{sku}");
        shop.done(Act::Reserve, &branch, &pieces(sku, order_no, 1))
            .await;
        expected.push(format!("{order_no} {sku}"));
    }
    let list = |order_no: &str, page_size, page_token: &str| ListOrderStockRequest {
        order_no: order_no.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let (mut found, mut token) = (Vec::new(), String::new());
    for page in 0.. {
        let request = list("", 2, &token);
        let reply = shop
            .api()
            .list_order_stock(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(reply.orders.len(), if page == 2 { 1 } else { 2 });
        found.extend(
            reply
                .orders
                .iter()
                .map(|row| format!("{} {}", row.order_no, row.sku)),
        );
        token = reply.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected);
    let reply = shop
        .api()
        .list_order_stock(list("a", 1, ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (reply.orders[0].sku.as_str(), reply.orders.len()),
        ("gold", 1)
    );
    let rest = list("a", 1, &reply.next_page_token);
    let reply = shop
        .api()
        .list_order_stock(rest)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (reply.orders[0].sku.as_str(), reply.next_page_token.as_str()),
        ("tea", "")
    );
    for bad in [
        list("a b", 1, ""),
        list("", -1, ""),
        list("", 1, "x"),
        list("", 1, "a é"),
    ] {
        let status = shop.api().list_order_stock(bad.clone()).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_REQUEST", "{bad:?}");
    }
}
