//! What happens later: questions, reports, and what a person is told.

use super::*;

fn asking(waits: &[&str]) -> ScheduleSection {
    ScheduleSection {
        ask_after: waits.iter().map(|wait| wait.parse().unwrap()).collect(),
        ..schedule()
    }
}

#[tokio::test]
async fn a_payment_whose_notice_is_lost_is_found_by_asking() {
    let Some(shop) = Shop::with(asking(&["1s", "1h"])).await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    shop.end("p1", ChargeState::Succeeded, vec![]).await;
    shop.until("p1", is_accepted).await;
    assert!(shop.notices("p1", 0).await.is_empty());
}

#[tokio::test]
async fn after_the_last_question_a_person_is_told_and_may_ask_again() {
    let Some(shop) = Shop::with(asking(&["10ms", "20ms", "30ms"])).await else {
        return;
    };
    shop.start("p1", "o1", 500).await;
    let flagged = shop
        .until("p1", |payment, _| !payment.attention.is_empty())
        .await;
    assert_eq!((flagged.asks, flagged.state()), (3, PaymentState::Pending));

    shop.end("p1", ChargeState::Succeeded, vec![]).await;
    let request = RetryPaymentRequest {
        payment_no: "p1".to_owned(),
    };
    shop.api().retry_payment(request).await.unwrap();
    let payment = shop.until("p1", is_accepted).await;
    assert_eq!(payment.attention, "");
}

#[tokio::test]
async fn a_report_is_repeated_until_it_is_answered_through_a_death() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    shop.orders.state.lock().unwrap().waits = u32::MAX;
    shop.start("p1", "o1", 500).await;
    shop.end("p1", ChargeState::Succeeded, vec![honest()]).await;
    let flagged = shop
        .until("p1", |payment, _| !payment.attention.is_empty())
        .await;
    assert_eq!(flagged.verdict(), ReportVerdict::Unspecified);
    shop.kill().await;
    shop.orders.state.lock().unwrap().waits = 2;
    shop.restart().await;
    let payment = shop.until("p1", is_accepted).await;
    assert_eq!(payment.attention, "");
}
