//! Each kind of violation is planted in a shop where every rule holds, and has to be found: by its rule, and with the
//! gid it is about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]
#![allow(missing_docs, reason = "names say it")]

mod command;
mod fixture;

use fixture::{CREATE, NOTIFY, RESERVE, SPEND, Shop, order};
use tercet_checker::{Expected, Report, Rule};

/// That violation was found, and no rule was broken beside those.
fn assert_found(report: &Report, subject: &str, rules: &[Rule]) {
    let found = |rule| {
        report
            .violations
            .iter()
            .any(|v| v.rule == rule && v.subject.contains(subject))
    };
    for &rule in rules {
        assert!(
            found(rule),
            "{} of {subject} wasn't found:\n{report}",
            rule.name()
        );
    }
    let others = report
        .violations
        .iter()
        .any(|violation| !rules.contains(&violation.rule));
    assert!(!others, "more was found than was planted:\n{report}");
}

/// One SQL statement in one database breaks those rules.
async fn plant(database: &str, statement: &str, subject: &str, rules: &[Rule]) {
    let shop = Shop::new().await;
    shop.sql(database, statement).await;
    assert_found(&shop.check().await, subject, rules);
}

#[tokio::test]
async fn a_shop_where_every_rule_holds_has_no_violations() {
    let report = Shop::new().await.check().await;
    assert!(report.is_clean(), "{report}");
    let counts = report.counts;
    assert_eq!(
        (counts.transactions, counts.confirmed, counts.cancelled),
        (3, 2, 1)
    );
    assert_eq!(
        (counts.fence_rows, counts.orders, counts.ledger_entries),
        (6, 2, 5)
    );
}

#[tokio::test]
async fn a_damaged_file() {
    let shop = Shop::new().await;
    shop.sql("points", "CREATE TABLE t (n INTEGER NOT NULL); INSERT INTO t VALUES (1);
         PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE TABLE t (n INTEGER NOT NULL, m NOT NULL)' WHERE name = 't'").await;
    assert_found(&shop.check().await, "file", &[Rule::Integrity]);
}

#[tokio::test]
async fn a_row_of_the_log_that_contradicts_itself() {
    for statement in [
        "UPDATE global_transaction SET decided_at = NULL WHERE gid = 'g-yes'",
        "UPDATE global_transaction SET ended_at = NULL WHERE gid = 'g-yes'",
        "UPDATE global_transaction SET participants = ' order ' WHERE gid = 'g-yes'",
        "UPDATE global_transaction SET definition = x'1a' WHERE gid = 'g-yes'",
        "UPDATE global_transaction SET progress = x'' WHERE gid = 'g-yes'",
    ] {
        let shop = Shop::new().await;
        shop.sql("coordinator", statement).await;
        let report = shop.check().await;
        let found = report
            .violations
            .iter()
            .any(|v| v.rule == Rule::LogRow && v.subject == "g-yes");
        assert!(found, "{statement}:\n{report}");
    }
    // Confirmed with a branch that was only tried.
    let shop = Shop::new().await;
    let mut branches = order("r-1", 2, 30, 5);
    branches[1].5 = 2;
    shop.log("g-yes", 3, &branches).await;
    assert_found(&shop.check().await, "g-yes", &[Rule::LogRow]);
}

#[tokio::test]
async fn a_transaction_that_never_ended() {
    let shop = Shop::new().await;
    shop.log("g-open", 4, &order("r-3", 1, 1, 4)).await;
    assert_found(&shop.check().await, "g-open", &[Rule::Unfinished]);
    let open = Expected {
        settled: false,
        ..Expected::settled()
    };
    assert!(
        shop.check_as(&open).await.is_clean(),
        "under way it is fine"
    );
}

#[tokio::test]
async fn confirmed_here_and_cancelled_there() {
    let shop = Shop::new().await;
    shop.sql("order", "UPDATE tercet_fence SET state = 3 WHERE gid = 'g-yes'; UPDATE orders SET state = 3 WHERE gid = 'g-yes'").await;
    assert_found(
        &shop.check().await,
        "g-yes",
        &[Rule::Split, Rule::Fence, Rule::OrderState],
    );
}

#[tokio::test]
async fn a_branch_that_is_confirmed_in_the_log_and_unknown_to_its_fence() {
    plant(
        "stock",
        "DELETE FROM tercet_fence WHERE gid = 'g-say'; DELETE FROM notice",
        "g-say",
        &[Rule::Fence],
    )
    .await;
}

#[tokio::test]
async fn a_branch_that_was_confirmed_though_the_decision_was_cancel() {
    let shop = Shop::new().await;
    shop.fence("stock", "g-no", "stock", RESERVE, 2).await;
    shop.sql(
        "stock",
        "UPDATE sku SET available = available - 3, held = held + 3",
    )
    .await;
    assert_found(&shop.check().await, "g-no", &[Rule::Split, Rule::Fence]);
}

#[tokio::test]
async fn a_fence_row_of_nobody() {
    let shop = Shop::new().await;
    shop.fence("order", "g-lost", "1", CREATE, 3).await;
    assert_found(&shop.check().await, "g-lost", &[Rule::Orphan]);
    let shop = Shop::new().await;
    shop.fence("order", "g-yes", "other", CREATE, 3).await;
    assert_found(&shop.check().await, "g-yes", &[Rule::Orphan, Rule::Split]);
}

#[tokio::test]
async fn a_fence_row_of_another_service() {
    plant(
        "order",
        "UPDATE tercet_fence SET service = 'x.Y' WHERE gid = 'g-no'; DELETE FROM orders WHERE gid = 'g-no'",
        "g-no",
        &[Rule::Fence],
    )
    .await;
}

#[tokio::test]
async fn a_try_that_waits_for_ever() {
    let shop = Shop::new().await;
    shop.fence("stock", "g-no", "stock", RESERVE, 1).await;
    shop.sql(
        "stock",
        "UPDATE sku SET available = available - 3, reserved = reserved + 3",
    )
    .await;
    assert_found(&shop.check().await, "g-no", &[Rule::LeftTried, Rule::Fence]);
}

#[tokio::test]
async fn numbers_below_zero() {
    let stock = "UPDATE sku SET available = -1, held = 16 WHERE sku = 'tea'";
    plant("stock", stock, "tea", &[Rule::BelowZero, Rule::StockEffect]).await;
    let points =
        "UPDATE account SET available = -1; UPDATE ledger SET available_delta = 29 WHERE kind = 1";
    plant("points", points, "ann", &[Rule::BelowZero]).await;
}

#[tokio::test]
async fn stock_that_came_from_nowhere() {
    plant(
        "stock",
        "UPDATE sku SET available = available + 1",
        "tea",
        &[Rule::StockSum],
    )
    .await;
    plant("stock", "DELETE FROM restock", "tea", &[Rule::StockSum]).await;
}

#[tokio::test]
async fn stock_that_was_taken_twice_or_not_at_all() {
    let twice = "UPDATE sku SET available = available - 2, held = held + 2";
    plant("stock", twice, "tea", &[Rule::StockEffect]).await;
    let never = "UPDATE sku SET available = available + 2, held = held - 2";
    plant("stock", never, "tea", &[Rule::StockEffect]).await;
    let still_reserved = "UPDATE sku SET available = available - 3, reserved = reserved + 3";
    plant("stock", still_reserved, "tea", &[Rule::StockEffect]).await;
}

#[tokio::test]
async fn a_notice_too_many_or_too_few() {
    plant("stock", "DELETE FROM notice", "g-say", &[Rule::Notice]).await;
    plant(
        "stock",
        "INSERT INTO notice VALUES ('g-else', '1', 's', 't', 0)",
        "g-else",
        &[Rule::Notice],
    )
    .await;
    plant(
        "stock",
        "UPDATE notice SET subject = 'r-9'",
        "g-say",
        &[Rule::Notice],
    )
    .await;
    let shop = Shop::new().await;
    shop.log(
        "g-not",
        5,
        &[("1", "stock", NOTIFY, &[2], fixture::notice("r-1"), 6)],
    )
    .await;
    shop.sql(
        "stock",
        "INSERT INTO notice VALUES ('g-not', '1', 'r-1', 'placed', 0)",
    )
    .await;
    assert_found(&shop.check().await, "g-not", &[Rule::Notice]);
}

#[tokio::test]
async fn an_account_that_isnt_its_ledger() {
    plant(
        "points",
        "UPDATE account SET available = 71",
        "ann",
        &[Rule::PointsSum],
    )
    .await;
    plant("points", "DELETE FROM account", "ann", &[Rule::PointsSum]).await;
}

#[tokio::test]
async fn points_that_were_spent_twice_or_not_at_all() {
    let twice = "INSERT INTO ledger VALUES (6, 'ann', 'r-1', 2, 1, -30, 30, 0), (7, 'ann', 'r-1', 3, 1, 0, -30, 0);
                 UPDATE account SET available = 40";
    plant("points", twice, "r-1", &[Rule::PointsEffect]).await;
    let never = "DELETE FROM ledger WHERE order_ref = 'r-1'; UPDATE account SET available = 100";
    plant("points", never, "r-1", &[Rule::PointsEffect]).await;
    let not_given_back =
        "DELETE FROM ledger WHERE id = 5; UPDATE account SET available = 0, frozen = 70";
    plant("points", not_given_back, "r-2", &[Rule::PointsEffect]).await;
    let other_amount = "UPDATE ledger SET available_delta = -31, frozen_delta = 31 WHERE id = 2;
                        UPDATE ledger SET frozen_delta = -31 WHERE id = 3; UPDATE account SET available = 69";
    plant("points", other_amount, "r-1", &[Rule::PointsEffect]).await;
    let nobodys = "INSERT INTO ledger VALUES (6, 'ann', 'r-9', 2, 0, -1, 1, 0), (7, 'ann', 'r-9', 4, 0, 1, -1, 0)";
    plant("points", nobodys, "r-9", &[Rule::PointsEffect]).await;
    let backwards = "UPDATE ledger SET kind = 4 WHERE id = 4";
    plant(
        "points",
        backwards,
        "r-2",
        &[Rule::PointsEffect, Rule::LedgerKey],
    )
    .await;
}

#[tokio::test]
async fn two_entries_of_one_key_in_the_ledger() {
    let again = "INSERT INTO ledger VALUES (6, 'ann', 'r-1', 2, 0, -30, 30, 0), (7, 'ann', 'r-1', 3, 0, 0, -30, 0);
                 UPDATE account SET available = 40";
    plant(
        "points",
        again,
        "r-1",
        &[Rule::LedgerKey, Rule::PointsEffect],
    )
    .await;
}

#[tokio::test]
async fn two_orders_of_one_submission() {
    let again = "INSERT INTO orders SELECT 'n-9', request_id, gid, 'again', user_id, sku, quantity, points, state, 0, 0
                 FROM orders WHERE gid = 'g-yes'";
    plant("order", again, "g-yes", &[Rule::OrderKey, Rule::OrderState]).await;
}

#[tokio::test]
async fn an_order_that_stands_elsewhere_than_its_transaction() {
    for statement in [
        "UPDATE orders SET state = 3 WHERE gid = 'g-yes'",
        "UPDATE orders SET state = 1 WHERE gid = 'g-yes'",
        "DELETE FROM orders WHERE gid = 'g-yes'",
        "UPDATE orders SET quantity = 3 WHERE gid = 'g-yes'",
    ] {
        plant("order", statement, "g-yes", &[Rule::OrderState]).await;
    }
    plant(
        "order",
        "UPDATE orders SET state = 2 WHERE gid = 'g-no'",
        "g-no",
        &[Rule::OrderState],
    )
    .await;
    plant(
        "order",
        "UPDATE orders SET gid = 'g-lost' WHERE gid = 'g-no'",
        "g-lost",
        &[Rule::OrderState],
    )
    .await;
}

#[tokio::test]
async fn a_spending_that_no_branch_knows() {
    let shop = Shop::new().await;
    shop.fence("points", "g-yes", "again", SPEND, 2).await;
    assert_found(&shop.check().await, "g-yes", &[Rule::Orphan]);
}

#[tokio::test]
async fn a_file_that_is_missing_is_an_error_and_not_a_pass() {
    let shop = Shop::new().await;
    std::fs::remove_file(shop.file("points")).unwrap();
    let error = tercet_checker::check_folder(shop.folder(), &Expected::settled())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("points.db"), "{error}");
    assert!(!error.is_retryable());
}
