//! Orders: one for each submission and branch, standing where their transactions stand.

use std::collections::{BTreeMap, BTreeSet};

use super::fence_state::{CANCELLED, CONFIRMED, TRIED};
use super::{rows_of, transaction_state as state, transactions};
use crate::blobs::{self, Submission};
use crate::report::{Report, Rule};
use crate::snapshot::{Order, Snapshot};

const PARTICIPANT: &str = "order";
const CREATE: &str = "shop.order.v1.CreateOrderService";

const PENDING: i64 = 1;
const CREATED: i64 = 2;
const ORDER_CANCELLED: i64 = 3;

pub(super) fn check(snapshot: &Snapshot, report: &mut Report) {
    keys(snapshot, report);
    for order in &snapshot.orders {
        stands(order, snapshot, report);
    }
    branches(snapshot, report);
}

fn keys(snapshot: &Snapshot, report: &mut Report) {
    let (mut requests, mut branches) = (BTreeSet::new(), BTreeSet::new());
    for order in &snapshot.orders {
        if !requests.insert(&order.request) {
            report.add(
                Rule::OrderKey,
                &order.gid,
                format!("two orders for request {}", order.request),
            );
        }
        if !branches.insert((&order.gid, &order.branch)) {
            report.add(
                Rule::OrderKey,
                &order.gid,
                format!("two orders of branch {}", order.branch),
            );
        }
    }
}

/// What a customer sees of an order is what was decided about its transaction.
fn stands(order: &Order, snapshot: &Snapshot, report: &mut Report) {
    let Some(transaction) = snapshot.transactions.get(&order.gid) else {
        let what = format!(
            "order {} was written, the log has no transaction",
            order.number
        );
        report.add(Rule::OrderState, &order.gid, what);
        return;
    };
    let is_right = match order.state {
        PENDING => !matches!(transaction.state, state::CONFIRMED | state::CANCELLED),
        CREATED => matches!(transaction.state, state::CONFIRMING | state::CONFIRMED),
        ORDER_CANCELLED => matches!(transaction.state, state::CANCELLING | state::CANCELLED),
        _ => false,
    };
    if !is_right {
        let what = format!(
            "order {} is {} and its transaction is {}",
            order.number,
            word(order.state),
            transactions::word(transaction.state)
        );
        report.add(Rule::OrderState, &order.gid, what);
    }
}

/// Each branch has written its order, once, with what it was asked for.
fn branches(snapshot: &Snapshot, report: &mut Report) {
    let mut orders: BTreeMap<(&str, &str), &Order> = BTreeMap::new();
    for order in &snapshot.orders {
        orders.insert((&order.gid, &order.branch), order);
    }
    for (row, branch) in rows_of(snapshot, PARTICIPANT, CREATE) {
        let order = orders.remove(&(row.gid.as_str(), row.branch.as_str()));
        let found = order.map(|order| order.state);
        let is_right = match row.state {
            TRIED => found == Some(PENDING),
            CONFIRMED => found == Some(CREATED),
            // Cancelled before its try came, it has written nothing.
            CANCELLED => matches!(found, None | Some(ORDER_CANCELLED)),
            _ => true,
        };
        if !is_right {
            let found = found.map_or_else(|| "missing".to_owned(), word);
            let what = format!(
                "the fence row of branch {} is in state {} and its order is {found}",
                row.branch, row.state
            );
            report.add(Rule::OrderState, &row.gid, what);
        }
        let asked = blobs::submission(&branch.payload);
        if order.is_some_and(|order| asked != Ok(content(order))) {
            report.add(
                Rule::OrderState,
                &row.gid,
                "the order isn't what its branch was asked for",
            );
        }
    }
    for ((gid, branch), _) in orders {
        report.add(
            Rule::OrderState,
            gid,
            format!("an order of branch {branch}, which has no fence row"),
        );
    }
}

fn content(order: &Order) -> Submission {
    Submission {
        request: order.request.clone(),
        user: order.user.clone(),
        sku: order.sku.clone(),
        quantity: order.quantity,
        points: order.points,
    }
}

fn word(order: i64) -> String {
    match order {
        PENDING => "pending".to_owned(),
        CREATED => "created".to_owned(),
        ORDER_CANCELLED => "cancelled".to_owned(),
        other => format!("in state {other}"),
    }
}
