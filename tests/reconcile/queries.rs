//! How the tests tamper with a service's database, behind its back. Every statement is one that all databases take.

use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tercet_checker::Place;
use tercet_proto::shop::payment::v1::RefundState;

use crate::harness::PATIENCE;

/// One thing to do to a database.
#[derive(Debug, Clone)]
pub(crate) enum Tamper<'a> {
    /// Keep a copy of what the stock service has, as a backup would.
    Save,
    /// Put back the copy.
    Restore,
    /// The fence's row of a branch has another state.
    FenceState(&'a str, i64),
    /// The fence has no row of a transaction.
    NoFence(&'a str),
    /// The fence has a confirmed row that was last changed then, in microseconds.
    Fence(&'a str, i64),
    /// A SKU holds one more.
    Held(&'a str),
    /// A SKU has one piece more than was ever delivered.
    Available(&'a str),
    /// An account has a point more.
    Points(&'a str),
    /// More of an order's points of this account has come back, or is about to, than was spent.
    Refunded(&'a str, &'a str),
    /// A number of a payment is another one.
    Payment(&'a str, &'a str, i64),
    /// A payment has a refund of so many cents, in that state, which nobody will look after by himself.
    Refund(&'a str, i64, RefundState),
}

impl Tamper<'_> {
    fn statements(&self) -> Vec<String> {
        match self {
            Self::Save => TABLES
                .iter()
                .map(|table| format!("create table saved_{table} as select * from {table}"))
                .collect(),
            Self::Restore => TABLES
                .iter()
                .flat_map(|table| {
                    [
                        format!("delete from {table}"),
                        format!("insert into {table} select * from saved_{table}"),
                    ]
                })
                .collect(),
            Self::FenceState(gid, state) => {
                vec![format!(
                    "update tercet_fence set state = {state} where gid = '{gid}'"
                )]
            }
            Self::NoFence(gid) => vec![format!("delete from tercet_fence where gid = '{gid}'")],
            Self::Fence(gid, at) => vec![format!(
                "insert into tercet_fence (gid, branch, service, state, request, reply, try_deadline, ask_at, asked, \
                 unknown, created_at, changed_at) values ('{gid}', '1', 'shop.stock.v1.ReserveStockService', 2, x'', x'', \
                 {at}, {at}, 0, 0, {at}, {at})"
            )],
            Self::Held(sku) => vec![format!(
                "update sku set held = held + 1, available = available - 1 where sku = '{sku}'"
            )],
            Self::Available(sku) => {
                vec![format!(
                    "update sku set available = available + 1 where sku = '{sku}'"
                )]
            }
            Self::Points(user) => vec![format!(
                "update account set available = available + 1 where user_id = '{user}'"
            )],
            Self::Refunded(order_no, user) => vec![format!(
                "insert into order_points (order_no, user_id, spent, refunding, refunded) values \
                 ('{order_no}', '{user}', 100, 50, 60)"
            )],
            Self::Payment(payment_no, column, value) => vec![format!(
                "update payment set {column} = {value} where payment_no = '{payment_no}'"
            )],
            Self::Refund(payment_no, cents, state) => vec![
                format!(
                    "insert into refund (payment_no, refund_no, amount_cents, state, attempts, due_at, created_at) values \
                     ('{payment_no}', 'r-1', {cents}, {}, 0, null, 0)",
                    i32::from(*state)
                ),
                format!(
                    "update payment set refunded_cents = refunded_cents + {cents} where payment_no = '{payment_no}'"
                ),
            ],
        }
    }
}

/// How a server is told that this session's rows needn't hold to the tables' checks: a bad disk doesn't ask either.
const UNCHECKED: &str = "set session check_constraint_checks = 0";

/// What changes when pieces move.
const TABLES: [&str; 3] = ["tercet_fence", "order_stock", "sku"];

/// Does it.
pub(crate) async fn tamper(place: &Place, tamper: Tamper<'_>) {
    let is_unchecked = matches!(tamper, Tamper::Refunded(..));
    let statements = tamper.statements().into_iter().map(AssertSqlSafe);
    match place {
        Place::Sqlite(file) => {
            let options = SqliteConnectOptions::new().filename(file);
            // A backup that is put back isn't put back row by row.
            let options = options.foreign_keys(false).busy_timeout(PATIENCE);
            let checks = if is_unchecked { "on" } else { "off" };
            let options = options.pragma("ignore_check_constraints", checks);
            let mut connection: SqliteConnection = options.connect().await.unwrap();
            for statement in statements {
                connection.execute(statement).await.unwrap();
            }
            connection.close().await.unwrap();
        }
        Place::MySql(options) => {
            let mut connection = MySqlConnection::connect_with(options).await.unwrap();
            if is_unchecked {
                connection.execute(UNCHECKED).await.unwrap();
            }
            for statement in statements {
                connection.execute(statement).await.unwrap();
            }
            connection.close().await.unwrap();
        }
    }
}
