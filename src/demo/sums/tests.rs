//! A sum that is off must be seen: each fault of these makes at least one check fail.

use super::*;

fn expected() -> Expected {
    Expected {
        sku: "tea",
        pieces: 10,
        accounts: vec![("alice", 100)],
        orders: vec![Placed {
            request_id: "r-1",
            user: "alice",
            quantity: 2,
            points: 30,
        }],
        refused: 1,
    }
}

fn right() -> Balances {
    Balances {
        skus: vec![Sku {
            name: "tea".to_owned(),
            available: 8,
            reserved: 0,
            held: 2,
            sold: 0,
        }],
        accounts: vec![Account {
            user: "alice".to_owned(),
            available: 70,
            frozen: 0,
            ledger_available: 70,
            ledger_frozen: 0,
            spends: 1,
        }],
        orders: vec![OrderRow {
            request_id: "r-1".to_owned(),
            gid: "g-1".to_owned(),
            state: CREATED,
        }],
        tried_branches: 0,
        confirmed_in_stock: vec![("g-1".to_owned(), 1)],
        transactions: Transactions {
            confirmed: 1,
            cancelled: 1,
            open: 0,
        },
    }
}

fn wrong(change: impl FnOnce(&mut Balances)) -> usize {
    let mut balances = right();
    change(&mut balances);
    let checks = check(&expected(), &balances);
    checks.iter().filter(|check| !check.holds()).count()
}

#[test]
fn what_is_right_holds() {
    assert_eq!(wrong(|_| {}), 0);
}

#[test]
fn every_fault_is_seen() {
    let faults: [fn(&mut Balances); 14] = [
        |it| it.skus[0].available += 1,
        |it| it.skus[0].reserved = 1,
        |it| {
            it.skus[0].held -= 1;
            it.skus[0].sold += 1;
        },
        |it| it.skus.clear(),
        |it| it.accounts[0].available -= 30,
        |it| it.accounts[0].frozen = 30,
        |it| it.accounts[0].ledger_available = 100,
        |it| it.accounts[0].spends = 2,
        |it| it.accounts.clear(),
        |it| it.orders[0].state = 1,
        |it| it.orders.push(it.orders[0].clone()),
        |it| it.confirmed_in_stock.clear(),
        |it| it.tried_branches = 1,
        |it| it.transactions.open = 1,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        assert!(wrong(fault) > 0, "fault {number} was not seen");
    }
}

#[test]
fn a_line_shows_what_was_found_and_what_was_expected() {
    assert_eq!(Check::new("tea", 5, 5).line(Style::Plain), "  ✓ tea = 5");
    assert_eq!(
        Check::new("tea", 5, 6).line(Style::Plain),
        "  ✗ tea = 5, expected 6"
    );
}

#[test]
fn the_table_has_both_columns() {
    let mut before = right();
    before.skus[0].available = 10;
    let text = table(&before, &right(), Style::Plain);
    assert!(
        text.contains("  stock   tea available        10      8"),
        "{text}"
    );
}
