//! The last line of defence: the tables themselves refuse what may never be.

use tercet_database::{ErrorClass, classify};

use super::super::{database, schema};
use super::*;

#[tokio::test]
async fn the_tables_refuse_less_than_nothing() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    shop.done(Act::Reserve, "1", &pieces("tea", "o", 3)).await;
    let database = database::open(&schema(), shop.home.location())
        .await
        .unwrap();
    for statement in [
        "update sku set available = -1",
        "update sku set available = available - 8",
        "update sku set reserved = -1",
        "update sku set held = held - 4",
        "update sku set sold = -1",
        "update order_stock set held = held - 4",
        "update order_stock set moving = -1",
        "update order_stock set sold = -1",
        "update sku set held = null",
        "insert into restock (restock_id, sku, quantity, created_at) values ('r', 'tea', 0, 1)",
    ] {
        let error = sqlx::query(statement)
            .execute(database.writer())
            .await
            .unwrap_err();
        assert_eq!(
            classify(&error),
            ErrorClass::Constraint,
            "{statement}: {error}"
        );
    }
    for statement in [
        "insert into sku (sku, available, reserved, held, sold, version) values ('tea', 1, 0, 0, 0, 1)",
        "insert into order_stock (order_no, sku, held, moving, sold) values ('o', 'tea', 1, 0, 0)",
    ] {
        let error = sqlx::query(statement)
            .execute(database.writer())
            .await
            .unwrap_err();
        assert_eq!(
            classify(&error),
            ErrorClass::UniqueViolation,
            "{statement}: {error}"
        );
    }
    database.close().await;
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);
}

#[tokio::test]
async fn pieces_that_somebody_took_by_hand_keep_the_branch_open() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.seed("tea", 10).await;
    let three = pieces("tea", "o", 3);
    shop.act(Act::Reserve, Phase::Try, "b", &three)
        .await
        .unwrap();
    let database = database::open(&schema(), shop.home.location())
        .await
        .unwrap();
    let meddle = "update sku set reserved = 0, available = 10, version = version + 1";
    sqlx::query(meddle)
        .execute(database.writer())
        .await
        .unwrap();
    for phase in [Phase::Confirm, Phase::Cancel] {
        let status = shop
            .act(Act::Reserve, phase, "b", &three)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{phase}");
    }
    let mend = "update sku set reserved = 3, available = 7, version = version + 1";
    sqlx::query(mend).execute(database.writer()).await.unwrap();
    database.close().await;
    shop.act(Act::Reserve, Phase::Confirm, "b", &three)
        .await
        .unwrap();
    assert_eq!(shop.stock("tea").await, [7, 0, 3, 0]);
}
