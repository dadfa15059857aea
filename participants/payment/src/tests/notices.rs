//! Notices: forged, of a wrong amount or order, repeated, late, unknown, and right.

use super::*;

#[tokio::test]
async fn a_notice_ends_a_payment_once_and_its_repetitions_are_absorbed() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let payment = shop.start("p1", "o1", 500).await;
    assert_eq!(payment.state(), PaymentState::Pending);
    assert!(payment.redirect_url.contains("p1"));
    assert_eq!(
        shop.start("p1", "o1", 500).await,
        payment,
        "repeating is harmless"
    );

    shop.end(
        "p1",
        ChargeState::Succeeded,
        vec![honest(), honest(), honest()],
    )
    .await;
    let payment = shop.until("p1", is_accepted).await;
    assert_eq!(payment.state(), PaymentState::Succeeded);
    let mut verdicts = shop.notices("p1", 3).await;
    verdicts.sort_by_key(|verdict| i32::from(*verdict));
    let repeated = NoticeVerdict::Repeated;
    assert_eq!(verdicts, [NoticeVerdict::Taken, repeated, repeated]);
    assert_eq!(shop.reports("p1"), 1);
}

#[tokio::test]
async fn what_is_forged_or_wrong_is_rejected_and_changes_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    let paid = ChargeState::Succeeded.into();
    let plans = [
        (
            NoticePlan {
                forged: true,
                outcome: paid,
                ..honest()
            },
            NoticeVerdict::Forged,
        ),
        (
            NoticePlan {
                amount_cents: 1,
                outcome: paid,
                ..honest()
            },
            NoticeVerdict::WrongAmount,
        ),
        (
            NoticePlan {
                order_no: "o2".to_owned(),
                outcome: paid,
                ..honest()
            },
            NoticeVerdict::WrongOrder,
        ),
        (
            // A payment that is pending has nothing to say.
            honest(),
            NoticeVerdict::Unreadable,
        ),
    ];
    for (plan, expected) in plans {
        let before = shop.notices("p1", 0).await;
        assert!(!before.contains(&expected));
        shop.end("p1", ChargeState::Unspecified, vec![plan]).await;
        // The provider repeats what was rejected, so there may be more than one.
        let started = tokio::time::Instant::now();
        while !shop
            .notices("p1", before.len() + 1)
            .await
            .contains(&expected)
        {
            assert!(started.elapsed() < LIMIT, "{expected:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (payment, _) = shop.get("p1").await;
        assert_eq!(payment.state(), PaymentState::Pending, "{expected:?}");
    }
    assert_eq!(shop.reports("p1"), 0);
}

#[tokio::test]
async fn a_notice_of_an_unknown_payment_is_rejected() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    let plan = NoticePlan {
        payment_no: "p2".to_owned(),
        ..honest()
    };
    shop.end("p1", ChargeState::Succeeded, vec![plan]).await;
    assert_eq!(shop.notices("p2", 1).await[0], NoticeVerdict::Unknown);
    assert_eq!(shop.get("p1").await.0.state(), PaymentState::Pending);
}

#[tokio::test]
async fn failure_after_success_is_late_and_success_after_failure_counts() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let says = |outcome: ChargeState| NoticePlan {
        outcome: outcome.into(),
        ..honest()
    };
    shop.start("p1", "o1", 500).await;
    shop.end(
        "p1",
        ChargeState::Unspecified,
        vec![says(ChargeState::Failed)],
    )
    .await;
    let failed = shop.until("p1", is_accepted).await;
    assert_eq!(failed.state(), PaymentState::Failed);

    // The money was taken after all.
    shop.end("p1", ChargeState::Succeeded, vec![honest()]).await;
    shop.until("p1", |payment, refunds| {
        payment.state() == PaymentState::Succeeded && is_accepted(payment, refunds)
    })
    .await;
    assert_eq!(shop.reports("p1"), 2);

    shop.end(
        "p1",
        ChargeState::Unspecified,
        vec![says(ChargeState::Failed)],
    )
    .await;
    let verdicts = shop.notices("p1", 3).await;
    assert_eq!(verdicts[2], NoticeVerdict::Late);
    assert_eq!(shop.get("p1").await.0.state(), PaymentState::Succeeded);
}

#[tokio::test]
async fn another_payment_under_the_same_number_is_refused() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    let request = StartPaymentRequest {
        payment_no: "p1".to_owned(),
        order_no: "o1".to_owned(),
        user_id: "ann".to_owned(),
        amount_cents: 501,
    };
    let status = shop.api().start_payment(request).await.unwrap_err();
    assert_eq!(reason(&status), "PAYMENT_CONFLICT");
}
