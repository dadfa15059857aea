//! What the service's statements read of a server's tables doesn't grow with what has happened before: the server counts.
//! SQLite doesn't.

use super::super::Connection;
use super::super::refund::queries as refunds;
use super::super::retention::queries as retention;
use super::*;

/// Doublings of the history: 16,384 rows a table.
const DOUBLINGS: u32 = 14;
/// What a page may read, of tables eight times as long.
const READ_MAX: u64 = 2_000;
/// Rows a page.
const PAGE: i64 = 200;

/// Rows that statements of this session have read so far, through an index or without.
async fn rows_read(connection: &mut Connection) -> u64 {
    let counters: Vec<(String, String)> =
        sqlx::query_as("show session status like 'Handler_read%'")
            .persistent(false)
            .fetch_all(connection)
            .await
            .unwrap();
    let counts = counters
        .iter()
        .filter_map(|(_, count)| count.parse::<u64>().ok());
    counts.sum()
}

async fn fill(connection: &mut Connection) {
    for statement in [
        "insert into submission (request_id, order_no, user_id, sku, quantity, points, amount_cents, points_due, \
         created_at) values ('0', '0', 'u', 's', 1, 0, 0, 0, 1)",
        "insert into user_rate (campaign_id, user_id, window_start, count, ends_at) values ('c', '0', 0, 1, 1)",
        "insert into flow_round (name, round, changed_at) values ('cancel-0', 1, 1)",
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at, amount_cents, points_due, state_before, hold, refunded_cents, refunded_points, returned_pieces, \
         is_put_off, stock_ref, points_ref, version) \
         values ('0', '0', 'g0', 'b', 'u', 's', 1, 0, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0)",
        "insert into refund (refund_no, order_no, request_id, reason, state, is_return, amount_cents, points, pieces, \
         round, attempts, created_at) values ('0', '0', '0', '', 3, 0, 0, 0, 0, 0, 0, 1)",
    ] {
        sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    for doubling in 0..DOUBLINGS {
        let shift = 1_i64 << doubling;
        for statement in [
            "insert into submission (request_id, order_no, user_id, sku, quantity, points, amount_cents, points_due, \
             created_at) select cast(request_id as signed) + ?, order_no, user_id, sku, quantity, points, amount_cents, \
             points_due, created_at + ? from submission",
            "insert into user_rate (campaign_id, user_id, window_start, count, ends_at) select campaign_id, \
             cast(user_id as signed) + ?, window_start, count, ends_at + ? from user_rate",
            "insert into flow_round (name, round, changed_at) select concat('cancel-', cast(substr(name, 8) as signed) \
             + ?), round, changed_at + ? from flow_round",
            "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
             updated_at, amount_cents, points_due, state_before, hold, refunded_cents, refunded_points, \
             returned_pieces, is_put_off, stock_ref, points_ref, version) select cast(order_no as signed) + ?, \
             cast(request_id as signed) + ?, concat('g', cast(order_no as signed) + ?), branch, \
             user_id, sku, quantity, points, state, created_at, updated_at, amount_cents, points_due, state_before, \
             hold, refunded_cents, refunded_points, returned_pieces, is_put_off, stock_ref, points_ref, version from orders",
            "insert into refund (refund_no, order_no, request_id, reason, state, is_return, amount_cents, points, pieces, \
             round, attempts, created_at) select cast(refund_no as signed) + ?, order_no, cast(refund_no as signed) + ?, \
             reason, state, is_return, amount_cents, points, pieces, round, attempts, created_at + 1 from refund",
        ] {
            let mut query = sqlx::query(statement);
            for _ in 0..statement.matches('?').count() {
                query = query.bind(shift);
            }
            query.execute(&mut *connection).await.unwrap();
        }
    }
    for table in [
        "analyze table submission",
        "analyze table user_rate",
        "analyze table flow_round",
        "analyze table orders",
        "analyze table refund",
    ] {
        sqlx::query(table)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_long_history_costs_a_page() {
    let Some(home) = Home::new().await else {
        return;
    };
    if !Home::COUNTS_ROWS {
        return;
    }
    let database = database::open(&schema(), home.location()).await.unwrap();
    let mut writer = database.writer().acquire().await.unwrap();
    let connection: &mut Connection = &mut writer;
    fill(&mut *connection).await;
    let now = now_micros();

    macro_rules! check {
        ($what:literal, $rows:expr, $expected:expr) => {{
            let before = rows_read(&mut *connection).await;
            let rows = $rows.await.unwrap();
            let read = rows_read(&mut *connection).await - before;
            assert_eq!(rows.len(), $expected, $what);
            assert!(read <= READ_MAX, "{} reads {read} rows", $what);
        }};
    }
    for before in [0, now] {
        let expected = if before == 0 { 0 } else { 200 };
        check!(
            "submissions",
            retention::old_submissions(&mut *connection, before, PAGE),
            expected
        );
        check!(
            "rates",
            retention::old_rates(&mut *connection, before, PAGE),
            expected
        );
        check!(
            "rounds",
            retention::old_rounds(&mut *connection, before, PAGE),
            expected
        );
    }
    check!(
        "asked refunds",
        refunds::list(&mut *connection, Some(1), "", PAGE),
        0
    );
    check!(
        "given refunds",
        refunds::list(&mut *connection, Some(3), "", PAGE),
        200
    );
    check!(
        "more refunds",
        refunds::list(&mut *connection, Some(3), "100", PAGE),
        200
    );
    check!(
        "all refunds",
        refunds::list(&mut *connection, None, "100", PAGE),
        200
    );
    drop(writer);
    database.close().await;
}
