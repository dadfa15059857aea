//! `stock.reserve` alone.

use super::*;

#[tokio::test]
async fn a_reservation_moves_pieces_and_never_loses_one() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    assert!(shop.seed("tea", 10).await);
    assert!(
        !shop.seed("tea", 99).await,
        "a SKU that is there stays as it is"
    );

    assert_eq!(shop.reserve(Phase::Try, "a", "tea", 3).await.unwrap(), 7);
    assert_eq!(shop.stock("tea").await, [7, 3, 0, 0]);
    assert_eq!(
        shop.reserve(Phase::Try, "a", "tea", 3).await.unwrap(),
        7,
        "the first reply"
    );
    shop.reserve(Phase::Confirm, "a", "tea", 3).await.unwrap();
    shop.reserve(Phase::Confirm, "a", "tea", 3).await.unwrap();
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);

    shop.reserve(Phase::Try, "b", "tea", 7).await.unwrap();
    assert_eq!(shop.stock("tea").await, [0, 7, 3, 0]);
    shop.reserve(Phase::Cancel, "b", "tea", 7).await.unwrap();
    shop.reserve(Phase::Cancel, "b", "tea", 7).await.unwrap();
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);
}

#[tokio::test]
async fn refusals_say_why_and_leave_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 2).await;
    for (sku, quantity, code, word) in [
        ("tea", 3, Code::FailedPrecondition, "OUT_OF_STOCK"),
        ("gold", 1, Code::NotFound, "UNKNOWN_SKU"),
        ("tea", 0, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("tea", -1, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("tea", 1001, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("", 1, Code::InvalidArgument, "INVALID_RESERVATION"),
        ("té", 1, Code::InvalidArgument, "INVALID_RESERVATION"),
    ] {
        let status = shop
            .reserve(Phase::Try, "b", sku, quantity)
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (code, word),
            "{quantity} of {sku:?}"
        );
    }
    assert_eq!(shop.stock("tea").await, [2, 0, 0, 0]);
    // No row was left: the same branch can still be tried.
    shop.reserve(Phase::Try, "b", "tea", 2).await.unwrap();
}

#[tokio::test]
async fn many_reservations_at_once_sell_no_more_than_there_is() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 5).await;
    let calls = (0..20).map(|number| {
        let branch = format!("b{number}");
        let shop = &shop;
        async move { shop.reserve(Phase::Try, &branch, "tea", 1).await.is_ok() }
    });
    let calls = futures::future::join_all(calls).await;
    assert_eq!(
        calls.into_iter().filter(|is_reserved| *is_reserved).count(),
        5
    );
    assert_eq!(shop.stock("tea").await, [0, 5, 0, 0]);
}
