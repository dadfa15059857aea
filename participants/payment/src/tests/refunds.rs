//! Refunds: by a global transaction, by the order's verdict, and never more than was paid.

use super::*;

async fn paid() -> Option<Shop> {
    let shop = Shop::open().await?;
    shop.start("p1", "o1", 500).await;
    shop.end("p1", ChargeState::Succeeded, vec![honest()]).await;
    shop.until("p1", is_accepted).await;
    Some(shop)
}

#[tokio::test]
async fn a_second_success_of_an_order_goes_back_whole() {
    let Some(shop) = paid().await else { return };
    shop.start("p2", "o1", 500).await;
    shop.end("p2", ChargeState::Succeeded, vec![honest(), honest()])
        .await;
    let payment = shop.until("p2", are_done).await;
    assert_eq!(payment.verdict(), ReportVerdict::Refund);
    assert_eq!(shop.given_back("p2").await, 500);
    assert_eq!(shop.given_back("p1").await, 0);
    let (_, refunds) = shop.get("p2").await;
    assert_eq!(
        (refunds.len(), refunds[0].refund_no.as_str()),
        (1, "auto-p2")
    );
}

#[tokio::test]
async fn refunds_together_are_no_more_than_was_paid() {
    let Some(shop) = paid().await else { return };
    let left = shop
        .refund(Phase::Try, "a", ("p1", "r1", 300))
        .await
        .unwrap();
    assert_eq!(left, 200);
    for (refund, word) in [
        (("p1", "r2", 201), "REFUND_TOO_LARGE"),
        (("p1", "r1", 10), "DUPLICATE_REFUND"),
        (("p9", "r1", 10), "UNKNOWN_PAYMENT"),
        (("p1", "auto-p1", 10), "INVALID_REFUND"),
        (("p1", "r2", 0), "INVALID_REFUND"),
    ] {
        let status = shop.refund(Phase::Try, "b", refund).await.unwrap_err();
        assert_eq!(reason(&status), word);
    }
    assert_eq!(
        shop.given_back("p1").await,
        0,
        "nothing moves before the confirm"
    );
    shop.refund(Phase::Cancel, "a", ("p1", "r1", 300))
        .await
        .unwrap();
    assert_eq!(shop.get("p1").await.0.refunding_cents, 0);
    for (branch, refund) in [("c", ("p1", "r1", 300)), ("d", ("p1", "r2", 200))] {
        shop.refund(Phase::Try, branch, refund).await.unwrap();
        for _ in 0..2 {
            shop.refund(Phase::Confirm, branch, refund).await.unwrap();
        }
    }
    let payment = shop.until("p1", are_done).await;
    assert_eq!((payment.refunding_cents, payment.refunded_cents), (0, 500));
    assert_eq!(shop.given_back("p1").await, 500);
}

#[tokio::test]
async fn only_what_is_paid_is_refunded() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    let status = shop
        .refund(Phase::Try, "a", ("p1", "r1", 1))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "NOT_PAID");
}

#[tokio::test]
async fn an_owed_refund_outlives_a_death_and_a_provider_that_is_away() {
    let Some(mut shop) = paid().await else { return };
    // The order takes no money of p2, and the service dies somewhere on the way.
    shop.start("p2", "o1", 500).await;
    shop.end("p2", ChargeState::Succeeded, vec![honest()]).await;
    shop.until("p2", |payment, _| {
        payment.state() == PaymentState::Succeeded
    })
    .await;
    shop.kill().await;
    shop.restart().await;
    shop.until("p2", are_done).await;
    assert_eq!(shop.given_back("p2").await, 500);
}
