//! The SQL of orders and submissions, written once for every database.

use sqlx::{FromRow, QueryBuilder};
use tercet_participant::BranchContext;

use super::{Connection, Db};
use crate::order::{Hold, Order, Standing, Submission};
use crate::state::State;

const COLUMNS: &str = "select order_no, request_id, gid, user_id, sku, quantity, points, state, created_at, updated_at, \
                       campaign_id, amount_cents, points_due, state_before, hold, busy_gid, payment_no, refund_no, \
                       refunded_cents, refunded_points, returned_pieces, is_put_off, stock_ref, points_ref, version \
                       from orders";

/// A row as the database gives it, before anybody has checked it.
#[derive(FromRow)]
struct StoredOrder {
    order_no: String,
    request_id: String,
    gid: String,
    user_id: String,
    sku: String,
    quantity: i64,
    points: i64,
    state: i64,
    created_at: i64,
    updated_at: i64,
    campaign_id: Option<String>,
    amount_cents: i64,
    points_due: i64,
    state_before: i64,
    hold: i64,
    busy_gid: Option<String>,
    payment_no: Option<String>,
    refund_no: Option<String>,
    refunded_cents: i64,
    refunded_points: i64,
    returned_pieces: i64,
    is_put_off: i64,
    stock_ref: String,
    points_ref: String,
    version: i64,
}

fn bad(what: &str, code: i64) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} {code}").into())
}

impl TryFrom<StoredOrder> for Order {
    type Error = sqlx::Error;

    fn try_from(row: StoredOrder) -> Result<Self, sqlx::Error> {
        let state = State::from_code(row.state).ok_or_else(|| bad("order state", row.state))?;
        let hold = Hold::from_code(row.hold).ok_or_else(|| bad("hold", row.hold))?;
        Ok(Self {
            number: row.order_no,
            gid: row.gid,
            submission: Submission {
                request_id: row.request_id,
                user_id: row.user_id,
                sku: row.sku,
                quantity: row.quantity,
                points: row.points,
                campaign_id: row.campaign_id,
                amount_cents: row.amount_cents,
                points_due: row.points_due,
            },
            standing: Standing {
                state,
                before: State::from_code(row.state_before),
                hold,
                busy_gid: row.busy_gid,
                payment_no: row.payment_no,
                refund_no: row.refund_no,
                refunded_cents: row.refunded_cents,
                refunded_points: row.refunded_points,
                returned_pieces: row.returned_pieces,
                is_put_off: row.is_put_off != 0,
            },
            stock_ref: row.stock_ref,
            points_ref: row.points_ref,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Where a list goes on: after the order of this time and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) created_at: i64,
    pub(super) order_no: String,
}

/// Whether a plain insert wrote its row, or found one in its place.
pub(super) fn is_new<T>(inserted: sqlx::Result<T>) -> sqlx::Result<bool> {
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A pending order's keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewOrder<'a> {
    pub(super) order_no: &'a str,
    pub(super) hold: Hold,
    pub(super) stock_ref: &'a str,
    pub(super) points_ref: &'a str,
    pub(super) now: i64,
}

/// Writes a pending order; false when its number, its request or its branch has one already.
pub(super) async fn insert(
    connection: &mut Connection,
    context: &BranchContext,
    new: NewOrder<'_>,
    submission: &Submission,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at, campaign_id, amount_cents, points_due, state_before, hold, refunded_cents, refunded_points, \
         returned_pieces, is_put_off, stock_ref, points_ref, version) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0, ?, ?, 0)",
    )
    .bind(new.order_no)
    .bind(&submission.request_id)
    .bind(context.gid())
    .bind(context.branch())
    .bind(&submission.user_id)
    .bind(&submission.sku)
    .bind(submission.quantity)
    .bind(submission.points)
    .bind(State::Pending.code())
    .bind(new.now)
    .bind(new.now)
    .bind(&submission.campaign_id)
    .bind(submission.amount_cents)
    .bind(submission.points_due)
    .bind(new.hold.code())
    .bind(new.stock_ref)
    .bind(new.points_ref)
    .execute(connection)
    .await;
    is_new(inserted)
}

/// Changes an order that still is as it was read; false when it isn't.
pub(super) async fn shift(
    connection: &mut Connection,
    order: &Order,
    after: &Standing,
    now: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update orders set state = ?, state_before = ?, hold = ?, busy_gid = ?, payment_no = ?, refund_no = ?, \
         refunded_cents = ?, refunded_points = ?, returned_pieces = ?, is_put_off = ?, updated_at = ?, \
         version = version + 1 where order_no = ? and state = ? and hold = ? and version = ?",
    )
    .bind(after.state.code())
    .bind(after.before.map_or(0, State::code))
    .bind(after.hold.code())
    .bind(&after.busy_gid)
    .bind(&after.payment_no)
    .bind(&after.refund_no)
    .bind(after.refunded_cents)
    .bind(after.refunded_points)
    .bind(after.returned_pieces)
    .bind(i64::from(after.is_put_off))
    .bind(now)
    .bind(&order.number)
    .bind(order.standing.state.code())
    .bind(order.standing.hold.code())
    .bind(order.version)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes an order that came to nothing, if it still is as it was read.
pub(super) async fn delete_refused(
    connection: &mut Connection,
    order: &Order,
) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from orders where order_no = ? and state = ? and version = ?")
        .bind(&order.number)
        .bind(State::Cancelled.code())
        .bind(order.version)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn one(
    connection: &mut Connection,
    mut query: QueryBuilder<Db>,
) -> sqlx::Result<Option<Order>> {
    let row: Option<StoredOrder> = query.build_query_as().fetch_optional(connection).await?;
    row.map(Order::try_from).transpose()
}

pub(super) async fn by_number(
    connection: &mut Connection,
    order_no: &str,
) -> sqlx::Result<Option<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where order_no = ").push_bind(order_no);
    one(connection, query).await
}

pub(super) async fn by_request(
    connection: &mut Connection,
    request_id: &str,
) -> sqlx::Result<Option<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where request_id = ").push_bind(request_id);
    one(connection, query).await
}

pub(super) async fn by_branch(
    connection: &mut Connection,
    context: &BranchContext,
) -> sqlx::Result<Option<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where gid = ").push_bind(context.gid());
    query.push(" and branch = ").push_bind(context.branch());
    one(connection, query).await
}

/// Orders, newest first, of one user or of all.
pub(super) async fn list(
    connection: &mut Connection,
    user_id: Option<&str>,
    after: Option<&Position>,
    limit: i64,
) -> sqlx::Result<Vec<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where 1 = 1");
    if let Some(user_id) = user_id {
        query.push(" and user_id = ").push_bind(user_id);
    }
    if let Some(after) = after {
        query
            .push(" and (created_at, order_no) < (")
            .push_bind(after.created_at)
            .push(", ")
            .push_bind(&after.order_no)
            .push(")");
    }
    query
        .push(" order by created_at desc, order_no desc limit ")
        .push_bind(limit);
    let rows: Vec<StoredOrder> = query.build_query_as().fetch_all(connection).await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// How many transactions of this name were cancelled.
pub(super) async fn round(connection: &mut Connection, name: &str) -> sqlx::Result<i64> {
    let round: Option<i64> = sqlx::query_scalar("select round from flow_round where name = ?")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(round.unwrap_or(0))
}

/// The transaction of this round was cancelled: the next one has another gid. Whoever says so first counts.
pub(super) async fn next_round(
    connection: &mut Connection,
    name: &str,
    round: i64,
    now: i64,
) -> sqlx::Result<()> {
    if round == 0 {
        let inserted =
            sqlx::query("insert into flow_round (name, round, changed_at) values (?, 1, ?)")
                .bind(name)
                .bind(now)
                .execute(connection)
                .await;
        return is_new(inserted).map(|_| ());
    }
    sqlx::query(
        "update flow_round set round = round + 1, changed_at = ? where name = ? and round = ?",
    )
    .bind(now)
    .bind(name)
    .bind(round)
    .execute(connection)
    .await
    .map(|_| ())
}
