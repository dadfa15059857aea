//! One SKU that everybody wants: never oversold, and a sold-out marker that can't outlive the truth.

use futures::future::join_all;
use tercet_proto::shop::stock::v1::RestockRequest;

use super::*;

const BUYERS: usize = 200;
const PIECES: i64 = 50;

/// How many of the answers are OK; the others must be for lack of stock.
fn winners(answers: &[Result<i64, Status>]) -> usize {
    for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(reason(status), "OUT_OF_STOCK", "{status}");
    }
    answers.iter().filter(|answer| answer.is_ok()).count()
}

#[tokio::test]
async fn two_hundred_buyers_at_once_get_what_there_is_and_no_more() {
    for act in [Act::Reserve, Act::SellAvailable] {
        let Some(shop) = Shop::open().await else {
            return;
        };
        shop.seed("tea", PIECES).await;
        let all: Vec<_> = (0..BUYERS)
            .map(|buyer| (format!("b{buyer}"), pieces("tea", &format!("o{buyer}"), 1)))
            .collect();
        let calls = all
            .iter()
            .map(|(branch, one)| shop.act(act, Phase::Try, branch, one));
        let answers = join_all(calls).await;
        assert_eq!(winners(&answers), 50, "{act:?}");
        assert_eq!(shop.stock("tea").await, [0, PIECES, 0, 0], "{act:?}");

        // Everybody is confirmed or cancelled at once, some of them twice.
        let ends = all
            .iter()
            .zip(&answers)
            .flat_map(|((branch, one), answer)| {
                let phase = if answer.is_ok() {
                    Phase::Confirm
                } else {
                    Phase::Cancel
                };
                [
                    shop.act(act, phase, branch, one),
                    shop.act(act, phase, branch, one),
                ]
            });
        for end in join_all(ends).await {
            end.unwrap();
        }
        let after = match act {
            Act::Reserve => [0, 0, PIECES, 0],
            _ => [0, 0, 0, PIECES],
        };
        assert_eq!(shop.stock("tea").await, after, "{act:?}");
        let shares = shop.shares("").await;
        assert_eq!(shares.len(), 50, "{act:?}: one row for each winner");
        assert!(
            shares.iter().all(|row| row.held + row.sold == 1),
            "{act:?}: {shares:?}"
        );
    }
}

#[tokio::test]
async fn two_replicas_on_one_database_oversell_no_more_than_one() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", PIECES).await;
    let (other, channel) = running(&shop.home).await;
    let calls = (0..BUYERS).map(|buyer| {
        let (branch, one) = (format!("b{buyer}"), pieces("tea", "o", 1));
        let channel = if buyer % 2 == 0 {
            &shop.channel
        } else {
            &channel
        };
        async move { served(channel, Act::Reserve, Phase::Try, &branch, &one).await }
    });
    assert_eq!(winners(&join_all(calls).await), 50);
    assert_eq!(shop.stock("tea").await, [0, PIECES, 0, 0]);
    other.abort().await;
}

/// Calls until it is served: two writers of one file get in each other's way, and a caller calls again.
async fn served(
    channel: &Channel,
    act: Act,
    phase: Phase,
    branch: &str,
    pieces: &Pieces,
) -> Result<i64, Status> {
    loop {
        match act_on(channel, act, phase, branch, pieces).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {}
            answer => return answer,
        }
    }
}

#[tokio::test]
async fn a_piece_that_comes_back_can_be_had_at_once() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 1).await;
    let one = pieces("tea", "o", 1);
    shop.act(Act::Reserve, Phase::Try, "first", &one)
        .await
        .unwrap();
    for branch in ["a", "b", "c"] {
        let status = shop
            .act(Act::Reserve, Phase::Try, branch, &one)
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "OUT_OF_STOCK");
    }
    // The marker knows its own, also while it refuses: a repeated try gets its first answer.
    assert_eq!(
        shop.act(Act::Reserve, Phase::Try, "first", &one)
            .await
            .unwrap(),
        0
    );

    shop.act(Act::Reserve, Phase::Cancel, "first", &one)
        .await
        .unwrap();
    shop.act(Act::Reserve, Phase::Try, "d", &one).await.unwrap();

    let status = shop
        .act(Act::Reserve, Phase::Try, "e", &one)
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "OUT_OF_STOCK");
    let delivery = RestockRequest {
        sku: "tea".to_owned(),
        quantity: 1,
        restock_id: "d1".to_owned(),
    };
    shop.api().restock(delivery).await.unwrap();
    shop.act(Act::Reserve, Phase::Try, "f", &one).await.unwrap();
}

#[tokio::test]
async fn a_marker_that_another_replica_proved_wrong_dies_by_itself() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 1).await;
    let (other, channel) = running(&shop.home).await;
    let one = pieces("tea", "o", 1);
    shop.act(Act::Reserve, Phase::Try, "first", &one)
        .await
        .unwrap();
    for branch in ["a", "b"] {
        shop.act(Act::Reserve, Phase::Try, branch, &one)
            .await
            .unwrap_err();
    }
    served(&channel, Act::Reserve, Phase::Cancel, "first", &one)
        .await
        .unwrap();

    // Refused from memory at most for a while.
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        match shop.act(Act::Reserve, Phase::Try, "late", &one).await {
            Ok(_) => break,
            Err(status) => assert_eq!(reason(&status), "OUT_OF_STOCK", "{status}"),
        }
        assert!(tokio::time::Instant::now() < patience, "still sold out");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(shop.stock("tea").await, [0, 1, 0, 0]);
    other.abort().await;
}
