//! The order service's SQL, written once for every database.

use sqlx::{FromRow, QueryBuilder};
use tercet_participant::BranchContext;

use super::order::{Order, State, Submission};
use super::{Connection, Db};

const COLUMNS: &str = "select order_no, request_id, gid, user_id, sku, quantity, points, state, created_at, updated_at \
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
}

impl TryFrom<StoredOrder> for Order {
    type Error = sqlx::Error;

    fn try_from(row: StoredOrder) -> Result<Self, sqlx::Error> {
        let state = State::from_code(row.state)
            .ok_or_else(|| sqlx::Error::Decode(format!("order state {}", row.state).into()))?;
        Ok(Self {
            number: row.order_no,
            gid: row.gid,
            submission: Submission {
                request_id: row.request_id,
                user_id: row.user_id,
                sku: row.sku,
                quantity: row.quantity,
                points: row.points,
            },
            state,
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

/// Writes a pending order; false when its number, its request or its branch has one already.
pub(super) async fn insert(
    connection: &mut Connection,
    context: &BranchContext,
    order_no: &str,
    submission: &Submission,
    now: i64,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, \
         updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(order_no)
    .bind(&submission.request_id)
    .bind(context.gid())
    .bind(context.branch())
    .bind(&submission.user_id)
    .bind(&submission.sku)
    .bind(submission.quantity)
    .bind(submission.points)
    .bind(State::Pending.code())
    .bind(now)
    .bind(now)
    .execute(connection)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends the pending order of a branch; false when there is none.
pub(super) async fn settle(
    connection: &mut Connection,
    context: &BranchContext,
    to: State,
    now: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update orders set state = ?, updated_at = ? where gid = ? and branch = ? and state = ?",
    )
    .bind(to.code())
    .bind(now)
    .bind(context.gid())
    .bind(context.branch())
    .bind(State::Pending.code())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn by_number(
    connection: &mut Connection,
    order_no: &str,
) -> sqlx::Result<Option<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where order_no = ").push_bind(order_no);
    let row: Option<StoredOrder> = query.build_query_as().fetch_optional(connection).await?;
    row.map(Order::try_from).transpose()
}

pub(super) async fn by_request(
    connection: &mut Connection,
    request_id: &str,
) -> sqlx::Result<Option<Order>> {
    let mut query = QueryBuilder::<Db>::new(COLUMNS);
    query.push(" where request_id = ").push_bind(request_id);
    let row: Option<StoredOrder> = query.build_query_as().fetch_optional(connection).await?;
    row.map(Order::try_from).transpose()
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
