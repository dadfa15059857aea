//! Each action's way through the fence: what every cell does to the pieces.

use super::*;

/// A shop with 10 pieces of tea, of which order `o` holds 3 and bought 2.
async fn open() -> Option<Shop> {
    let shop = Shop::open().await?;
    shop.seed("tea", 10).await;
    shop.done(Act::Reserve, "h", &pieces("tea", "o", 3)).await;
    shop.done(Act::SellAvailable, "s", &pieces("tea", "o", 2))
        .await;
    assert_eq!(shop.stock("tea").await, [5, 0, 3, 2]);
    assert_eq!(shop.share("o").await, [3, 0, 2]);
    Some(shop)
}

/// What a try of 2 pieces and its confirm make of [`open`]'s numbers: the SKU's, the order's.
fn expected(act: Act) -> [([i64; 4], [i64; 3]); 2] {
    match act {
        Act::Reserve => [([3, 2, 3, 2], [3, 0, 2]), ([3, 0, 5, 2], [5, 0, 2])],
        Act::SellHeld => [([5, 2, 1, 2], [1, 2, 2]), ([5, 0, 1, 4], [1, 0, 4])],
        Act::SellAvailable => [([3, 2, 3, 2], [3, 0, 2]), ([3, 0, 3, 4], [3, 0, 4])],
        Act::Release => [([5, 2, 1, 2], [1, 2, 2]), ([7, 0, 1, 2], [1, 0, 2])],
        Act::Return => [([5, 2, 3, 0], [3, 2, 0]), ([7, 0, 3, 0], [3, 0, 0])],
    }
}

const BEFORE: ([i64; 4], [i64; 3]) = ([5, 0, 3, 2], [3, 0, 2]);

#[tokio::test]
async fn a_confirmed_branch_moves_its_pieces_once() {
    for act in ACTS {
        let Some(shop) = open().await else { return };
        let two = pieces("tea", "o", 2);
        let [tried, confirmed] = expected(act);
        let first = shop.act(act, Phase::Try, "b", &two).await.unwrap();
        assert_eq!(
            (shop.stock("tea").await, shop.share("o").await),
            tried,
            "{act:?}"
        );
        let again = shop.act(act, Phase::Try, "b", &two).await.unwrap();
        assert_eq!(again, first, "{act:?}: the first reply");
        for _ in 0..2 {
            shop.act(act, Phase::Confirm, "b", &two).await.unwrap();
            assert_eq!(
                (shop.stock("tea").await, shop.share("o").await),
                confirmed,
                "{act:?}"
            );
        }
        let late = shop.act(act, Phase::Cancel, "b", &two).await.unwrap_err();
        assert_eq!(reason(&late), "ALREADY_CONFIRMED", "{act:?}");
        shop.act(act, Phase::Try, "b", &two).await.unwrap();
        assert_eq!(
            (shop.stock("tea").await, shop.share("o").await),
            confirmed,
            "{act:?}"
        );
    }
}

#[tokio::test]
async fn a_cancelled_branch_leaves_everything_as_it_was() {
    for act in ACTS {
        let Some(shop) = open().await else { return };
        let two = pieces("tea", "o", 2);
        shop.act(act, Phase::Try, "b", &two).await.unwrap();
        for _ in 0..2 {
            shop.act(act, Phase::Cancel, "b", &two).await.unwrap();
            assert_eq!(
                (shop.stock("tea").await, shop.share("o").await),
                BEFORE,
                "{act:?}"
            );
        }
        let late = shop.act(act, Phase::Confirm, "b", &two).await.unwrap_err();
        assert_eq!(reason(&late), "ALREADY_CANCELLED", "{act:?}");
        let late = shop.act(act, Phase::Try, "b", &two).await.unwrap_err();
        assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY", "{act:?}");
        assert_eq!(
            (shop.stock("tea").await, shop.share("o").await),
            BEFORE,
            "{act:?}"
        );
    }
}

#[tokio::test]
async fn a_cancel_before_its_try_and_a_confirm_without_one_move_nothing() {
    for act in ACTS {
        let Some(shop) = open().await else { return };
        let two = pieces("tea", "o", 2);
        let never = shop.act(act, Phase::Confirm, "b", &two).await.unwrap_err();
        assert_eq!(reason(&never), "NEVER_TRIED", "{act:?}");
        shop.act(act, Phase::Cancel, "b", &two).await.unwrap();
        let late = shop.act(act, Phase::Try, "b", &two).await.unwrap_err();
        assert_eq!(reason(&late), "CANCELLED_BEFORE_TRY", "{act:?}");
        assert_eq!(
            (shop.stock("tea").await, shop.share("o").await),
            BEFORE,
            "{act:?}"
        );
    }
}

#[tokio::test]
async fn phase_two_moves_what_was_tried_whatever_it_is_sent() {
    for (act, phase) in ACTS
        .iter()
        .flat_map(|act| [Phase::Confirm, Phase::Cancel].map(|phase| (*act, phase)))
    {
        let Some(shop) = open().await else { return };
        shop.seed("gold", 10).await;
        shop.act(act, Phase::Try, "b", &pieces("tea", "o", 2))
            .await
            .unwrap();
        // Another order, another quantity; then another SKU altogether, whose queue the call comes into.
        let sent = match phase {
            Phase::Confirm => pieces("tea", "p", 1),
            _ => pieces("gold", "p", 9),
        };
        shop.act(act, phase, "b", &sent).await.unwrap();
        let after = match phase {
            Phase::Confirm => expected(act)[1],
            _ => BEFORE,
        };
        assert_eq!(
            (shop.stock("tea").await, shop.share("o").await),
            after,
            "{act:?} {phase}"
        );
        assert_eq!(shop.stock("gold").await, [10, 0, 0, 0], "{act:?} {phase}");
        assert_eq!(shop.share("p").await, [0, 0, 0], "{act:?} {phase}");
    }
}

#[tokio::test]
async fn what_can_not_be_is_refused_naming_the_field() {
    let Some(shop) = open().await else { return };
    let long = "x".repeat(65);
    for act in ACTS {
        let word = match act {
            Act::Reserve => "INVALID_RESERVATION",
            Act::SellHeld | Act::SellAvailable => "INVALID_SALE",
            Act::Release => "INVALID_RELEASE",
            Act::Return => "INVALID_RETURN",
        };
        for (bad, field) in [
            (pieces("", "o", 1), "sku"),
            (pieces("té", "o", 1), "sku"),
            (pieces(&long, "o", 1), "sku"),
            (pieces("tea", "o", 0), "quantity"),
            (pieces("tea", "o", -1), "quantity"),
            (pieces("tea", "o", 1001), "quantity"),
            (pieces("tea", "o", i64::MAX), "quantity"),
            (pieces("tea", &long, 1), "order_no"),
            (pieces("tea", "a b", 1), "order_no"),
            (pieces("tea", "é", 1), "order_no"),
        ] {
            let status = shop.act(act, Phase::Try, "b", &bad).await.unwrap_err();
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::InvalidArgument, word),
                "{act:?} {bad:?}"
            );
            assert!(
                status.message().starts_with(field),
                "{act:?} {bad:?}: {status}"
            );
        }
    }
    let message = SellStockRequest {
        sku: "tea".to_owned(),
        quantity: 1,
        order_no: "o".to_owned(),
        ..Default::default()
    };
    let status = SellStockServiceClient::new(shop.channel.clone())
        .r#try(call(Phase::Try, "b", message))
        .await
        .unwrap_err();
    assert!(status.message().starts_with("source"), "{status}");
    assert_eq!((shop.stock("tea").await, shop.share("o").await), BEFORE);
}

#[tokio::test]
async fn a_branch_belongs_to_one_action() {
    let Some(shop) = open().await else { return };
    let two = pieces("tea", "o", 2);
    shop.act(Act::Release, Phase::Try, "b", &two).await.unwrap();
    for act in [Act::Reserve, Act::SellHeld, Act::Return] {
        for phase in [Phase::Try, Phase::Confirm, Phase::Cancel] {
            let status = shop.act(act, phase, "b", &two).await.unwrap_err();
            assert_eq!(reason(&status), "BRANCH_CONFLICT", "{act:?} {phase}");
        }
    }
    assert_eq!(shop.stock("tea").await, expected(Act::Release)[0].0);
}
