//! What isn't an action of moving pieces: deliveries, listings, notices.

use tercet_proto::shop::stock::v1::notify_service_client::NotifyServiceClient;
use tercet_proto::shop::stock::v1::{
    ListSkuSumsRequest, ListSkusRequest, NotifyRequest, RestockRequest,
};

use super::*;

#[tokio::test]
async fn a_notice_is_written_once() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let mut client = NotifyServiceClient::new(shop.channel.clone());
    let notice = NotifyRequest {
        subject: "order-1".to_owned(),
        text: "paid".to_owned(),
    };
    for _ in 0..2 {
        client
            .confirm(call(Phase::Confirm, "n", notice.clone()))
            .await
            .unwrap();
    }
    let long = NotifyRequest {
        text: "x".repeat(1001),
        ..notice
    };
    let status = client
        .confirm(call(Phase::Confirm, "m", long))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "INVALID_NOTICE");

    let database = super::super::database::open(&super::super::schema(), shop.home.location())
        .await
        .unwrap();
    let mut connection = database.reader().acquire().await.unwrap();
    let notices = queries::notices(&mut connection).await.unwrap();
    assert_eq!(notices, [("order-1".to_owned(), "paid".to_owned())]);
}

#[tokio::test]
async fn a_delivery_is_added_once() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 1).await;
    let delivery = |sku: &str, quantity, id: &str| RestockRequest {
        sku: sku.to_owned(),
        quantity,
        restock_id: id.to_owned(),
    };
    for _ in 0..2 {
        let added = shop.api().restock(delivery("tea", 5, "d1")).await.unwrap();
        assert_eq!(added.into_inner().sku.unwrap().available, 6);
    }
    for (request, code) in [
        (delivery("tea", 6, "d1"), Code::InvalidArgument),
        (delivery("gold", 5, "d2"), Code::NotFound),
        (delivery("tea", 0, "d3"), Code::InvalidArgument),
        (delivery("tea", 5, ""), Code::InvalidArgument),
    ] {
        let status = shop.api().restock(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?}");
    }
    assert_eq!(shop.stock("tea").await, [6, 0, 0, 0]);
}

#[tokio::test]
async fn skus_are_listed_by_page() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for sku in ["c", "a", "e", "b", "d"] {
        shop.seed(sku, 1).await;
    }
    let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListSkusRequest {
            page_size: 2,
            page_token: token,
        };
        let page = shop.api().list_skus(request).await.unwrap().into_inner();
        names.extend(page.skus.into_iter().map(|sku| sku.sku));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((names.concat().as_str(), pages), ("abcde", 3));
    let request = ListSkusRequest {
        page_size: -1,
        page_token: String::new(),
    };
    assert_eq!(
        shop.api().list_skus(request).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let unknown = GetSkuRequest {
        sku: "z".to_owned(),
    };
    assert_eq!(
        shop.api().get_sku(unknown).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn sums_are_listed_beside_what_they_must_agree_with() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    for sku in ["c", "a", "b"] {
        shop.seed(sku, 10).await;
    }
    let delivery = RestockRequest {
        sku: "b".to_owned(),
        quantity: 5,
        restock_id: "d1".to_owned(),
    };
    shop.api().restock(delivery).await.unwrap();
    shop.done(Act::Reserve, "1", &pieces("b", "o", 4)).await;
    shop.done(Act::Reserve, "2", &pieces("b", "p", 3)).await;
    shop.done(Act::SellHeld, "3", &pieces("b", "p", 2)).await;
    let one = pieces("b", "p", 1);
    shop.act(Act::Release, Phase::Try, "4", &one).await.unwrap();
    let (mut sums, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = ListSkuSumsRequest {
            page_size: 2,
            page_token: token,
        };
        let page = shop
            .api()
            .list_sku_sums(request)
            .await
            .unwrap()
            .into_inner();
        sums.extend(page.sums);
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let names: Vec<_> = sums
        .iter()
        .map(|row| row.sku.as_ref().unwrap().sku.as_str())
        .collect();
    assert_eq!((names.concat().as_str(), pages), ("abc", 2));
    let row = &sums[1];
    assert_eq!(shop.stock("b").await, [8, 1, 4, 2]);
    assert_eq!(
        [
            row.delivered,
            row.orders_held,
            row.orders_moving,
            row.orders_sold
        ],
        [15, 4, 1, 2]
    );
    assert_eq!(sums[0].delivered, 10);
    let bad = ListSkuSumsRequest {
        page_token: "a b".to_owned(),
        ..ListSkuSumsRequest::default()
    };
    let status = shop.api().list_sku_sums(bad).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}
