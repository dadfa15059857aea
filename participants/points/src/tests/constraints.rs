//! The last line of defence: the tables themselves refuse what may never be.

use tercet_database::{ErrorClass, classify};

use super::super::{database, schema};
use super::*;

#[tokio::test]
async fn the_tables_refuse_what_may_never_be() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.spent("s", payment(30, "o1", "")).await;
    shop.refund(Phase::Try, "a", refund(10, "o1", "r1"))
        .await
        .unwrap();
    let database = database::open(&schema(), shop.home.location())
        .await
        .unwrap();
    for statement in [
        "update account set available = -1",
        "update account set frozen = frozen - 1",
        "update order_points set refunded = 21",
        "update order_points set refunding = 31",
        "update order_points set spent = 9",
        "update order_points set refunding = -1",
        "update ledger set kind = 7",
        "update refund set points = 0",
        "update ledger set entry_no = null",
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
        "insert into ledger (user_id, order_ref, kind, number, entry_no, available_delta, frozen_delta, created_at) \
         values ('ann', 'o1', 3, 0, '', 0, -1, 1)",
        "insert into refund (order_no, refund_no, user_id, points, created_at) values ('o1', 'r1', 'ann', 1, 1)",
        "insert into order_points (order_no, user_id, spent, refunding, refunded) values ('o1', 'ann', 1, 0, 0)",
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
    assert_eq!(
        (shop.balance().await, shop.order("o1").await),
        ((70, 0), [30, 10, 0])
    );
}
