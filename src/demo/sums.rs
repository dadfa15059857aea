//! What must hold after the story, and what the balances were and are. Pure: `queries` reads them.

use crate::render::{
    checks::Check,
    columns::{Cell, Columns},
    style::Style,
};

/// Everything that is read from the four files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Balances {
    pub(super) skus: Vec<Sku>,
    pub(super) accounts: Vec<Account>,
    pub(super) orders: Vec<OrderRow>,
    /// Branches of all three fences that still wait for phase two.
    pub(super) tried_branches: i64,
    /// Branches of the stock fence that are confirmed, by gid and with their number.
    pub(super) confirmed_in_stock: Vec<(String, i64)>,
    pub(super) transactions: Transactions,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sku {
    pub(super) name: String,
    pub(super) available: i64,
    pub(super) reserved: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
}

/// An account beside what its ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) available: i64,
    pub(super) frozen: i64,
    pub(super) ledger_available: i64,
    pub(super) ledger_frozen: i64,
    /// How often points were spent for good.
    pub(super) spends: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderRow {
    pub(super) request_id: String,
    pub(super) gid: String,
    /// 1 pending, 2 created, 3 cancelled.
    pub(super) state: i64,
}

const CREATED: i64 = 2;

/// How many transactions the coordinator's log has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    pub(super) confirmed: i64,
    pub(super) cancelled: i64,
    pub(super) open: i64,
}

/// What the story should have left behind.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) sku: &'static str,
    pub(super) pieces: i64,
    pub(super) accounts: Vec<(&'static str, i64)>,
    pub(super) orders: Vec<Placed>,
    pub(super) refused: usize,
}

/// An order that was placed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) request_id: &'static str,
    pub(super) user: &'static str,
    pub(super) quantity: i64,
    pub(super) points: i64,
}

/// Every check, in the order in which it is shown.
pub(super) fn check(expected: &Expected, found: &Balances) -> Vec<Check> {
    let mut checks = stock(expected, found);
    checks.extend(points(expected, found));
    checks.extend(orders(expected, found));
    checks
}

fn stock(expected: &Expected, found: &Balances) -> Vec<Check> {
    let name = expected.sku;
    let Some(sku) = found.skus.iter().find(|sku| sku.name == name) else {
        return vec![Check::new(format!("{name}: rows"), 0, 1)];
    };
    let Sku {
        available,
        reserved,
        held,
        sold,
        ..
    } = sku;
    let ordered = expected.orders.iter().map(|order| order.quantity).sum();
    vec![
        Check::new(
            format!(
                "{name}: available {available} + reserved {reserved} + held {held} + sold {sold}"
            ),
            available + reserved + held + sold,
            expected.pieces,
        ),
        Check::new(
            format!("{name}: held for the placed orders"),
            *held,
            ordered,
        ),
        Check::new(format!("{name}: still reserved"), *reserved, 0),
    ]
}

fn points(expected: &Expected, found: &Balances) -> Vec<Check> {
    let mut checks = Vec::new();
    for (user, seeded) in &expected.accounts {
        let Some(account) = found.accounts.iter().find(|account| account.user == *user) else {
            checks.push(Check::new(format!("{user}: accounts"), 0, 1));
            continue;
        };
        let own = || expected.orders.iter().filter(|order| order.user == *user);
        let spent: i64 = own().map(|order| order.points).sum();
        let orders = i64::try_from(own().count()).unwrap_or(i64::MAX);
        checks.extend([
            Check::new(
                format!("{user}: points left of {seeded}"),
                account.available,
                seeded - spent,
            ),
            Check::new(format!("{user}: points still frozen"), account.frozen, 0),
            Check::new(
                format!("{user}: the ledger's sum"),
                account.ledger_available + account.ledger_frozen,
                account.available + account.frozen,
            ),
            Check::new(
                format!("{user}: spent, once an order"),
                account.spends,
                orders,
            ),
        ]);
    }
    checks
}

fn orders(expected: &Expected, found: &Balances) -> Vec<Check> {
    let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
    let created = |request_id: &str| {
        let rows = found.orders.iter();
        rows.filter(|row| row.request_id == request_id && row.state == CREATED)
            .count()
    };
    let mut checks: Vec<Check> = Vec::new();
    for order in &expected.orders {
        let id = order.request_id;
        checks.push(Check::new(
            format!("{id}: orders placed"),
            count(created(id)),
            1,
        ));
        let gid = found.orders.iter().find(|row| row.request_id == id);
        let confirmed: i64 = found
            .confirmed_in_stock
            .iter()
            .filter(|(confirmed, _)| gid.is_some_and(|row| row.gid == *confirmed))
            .map(|(_, count)| count)
            .sum();
        checks.push(Check::new(
            format!("{id}: confirmed by stock"),
            confirmed,
            1,
        ));
    }
    let all_created = found.orders.iter().filter(|row| row.state == CREATED);
    let placed = count(expected.orders.len());
    let Transactions {
        confirmed,
        cancelled,
        open,
    } = found.transactions;
    checks.extend([
        Check::new("orders placed in all", count(all_created.count()), placed),
        Check::new("branches that wait for phase two", found.tried_branches, 0),
        Check::new("transactions confirmed", confirmed, placed),
        Check::new("transactions cancelled", cancelled, count(expected.refused)),
        Check::new("transactions open", open, 0),
    ]);
    checks
}

/// The balances before and after.
pub(super) fn table(before: &Balances, after: &Balances, style: Style) -> String {
    let mut columns = Columns::new(&["BALANCE", "BEFORE", "AFTER"], style);
    let mut row = |name: String, before: i64, after: i64| {
        let text = after.to_string();
        let painted = if before == after {
            style.faint(&text)
        } else {
            style.strong(&text)
        };
        columns.row([
            Cell::from(name),
            Cell::right(&before.to_string()),
            Cell::right_painted(&text, painted),
        ]);
    };
    for (old, new) in before.skus.iter().zip(&after.skus) {
        let sku = &new.name;
        row(
            format!("stock   {sku} available"),
            old.available,
            new.available,
        );
        row(
            format!("stock   {sku} reserved"),
            old.reserved,
            new.reserved,
        );
        row(format!("stock   {sku} held"), old.held, new.held);
        row(format!("stock   {sku} sold"), old.sold, new.sold);
    }
    for (old, new) in before.accounts.iter().zip(&after.accounts) {
        let user = &new.user;
        row(
            format!("points  {user} available"),
            old.available,
            new.available,
        );
        row(format!("points  {user} frozen"), old.frozen, new.frozen);
    }
    let placed = |balances: &Balances| {
        let rows = balances.orders.iter().filter(|row| row.state == CREATED);
        i64::try_from(rows.count()).unwrap_or(i64::MAX)
    };
    row("order   placed".to_owned(), placed(before), placed(after));
    let heading = style.strong("Balances");
    let lines: Vec<String> = columns
        .text()
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    format!("{heading}\n\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests;
