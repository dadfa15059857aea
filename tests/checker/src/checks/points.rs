//! Points: nothing below zero, accounts are the sums of their ledger, and each branch's points move exactly once.

use std::collections::{BTreeMap, BTreeSet};

use super::fence_state::{CONFIRMED, TRIED};
use super::rows_of;
use crate::blobs::{self, Spending};
use crate::report::{Report, Rule};
use crate::snapshot::{LedgerEntry, Snapshot};

const PARTICIPANT: &str = "points";
const SPEND_SERVICE: &str = "shop.points.v1.SpendPointsService";

const SEED: i64 = 1;
const FREEZE: i64 = 2;
const SPEND: i64 = 3;
const UNFREEZE: i64 = 4;

pub(super) fn check(snapshot: &Snapshot, report: &mut Report) {
    accounts(snapshot, report);
    keys(snapshot, report);
    for entry in &snapshot.points.ledger {
        deltas(entry, report);
    }
    effects(snapshot, report);
}

fn accounts(snapshot: &Snapshot, report: &mut Report) {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for entry in &snapshot.points.ledger {
        let sum = sums.entry(&entry.user).or_default();
        sum.0 += entry.available;
        sum.1 += entry.frozen;
    }
    for account in &snapshot.points.accounts {
        let (available, frozen) = (account.available, account.frozen);
        if available < 0 || frozen < 0 {
            let what = format!("available is {available}, frozen is {frozen}");
            report.add(Rule::BelowZero, &account.user, what);
        }
        let sum = sums.remove(account.user.as_str()).unwrap_or_default();
        if sum != (available, frozen) {
            let what = format!(
                "has {available} available and {frozen} frozen, the ledger sums up to {} and {}",
                sum.0, sum.1
            );
            report.add(Rule::PointsSum, &account.user, what);
        }
    }
    for (user, _) in sums {
        report.add(Rule::PointsSum, user, "has a ledger and no account");
    }
}

/// One entry for each order, kind and number, whatever the table's own constraint says.
fn keys(snapshot: &Snapshot, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for entry in &snapshot.points.ledger {
        let Some(order) = &entry.order else { continue };
        if !seen.insert((order, entry.kind, entry.number)) {
            let what = format!(
                "two entries of kind {} and number {}",
                entry.kind, entry.number
            );
            report.add(Rule::LedgerKey, order, what);
        }
    }
}

/// A kind moves points only one way.
fn deltas(entry: &LedgerEntry, report: &mut Report) {
    let (available, frozen) = (entry.available, entry.frozen);
    let is_right = match entry.kind {
        SEED => available >= 0 && frozen == 0,
        FREEZE => available < 0 && frozen == -available,
        SPEND => available == 0 && frozen < 0,
        UNFREEZE => available > 0 && frozen == -available,
        _ => false,
    };
    if !is_right {
        let subject = entry.order.as_deref().unwrap_or(&entry.user);
        let what = format!(
            "an entry of kind {} moves {available} and {frozen}",
            entry.kind
        );
        report.add(Rule::PointsEffect, subject, what);
    }
}

/// The branches that spend for one order.
#[derive(Debug, Default)]
struct Branches {
    tried: Vec<Spending>,
    confirmed: Vec<Spending>,
}

/// The ledger's entries for one order.
#[derive(Debug, Default)]
struct Entries<'a> {
    freeze: Vec<&'a LedgerEntry>,
    spend: Vec<&'a LedgerEntry>,
    unfreeze: Vec<&'a LedgerEntry>,
}

/// Order by order: what was spent is what confirmed branches were to spend, and what was frozen and isn't spent has
/// been given back, or waits in a tried branch.
fn effects(snapshot: &Snapshot, report: &mut Report) {
    let mut branches: BTreeMap<String, Branches> = BTreeMap::new();
    for (row, branch) in rows_of(snapshot, PARTICIPANT, SPEND_SERVICE) {
        match blobs::spending(&branch.payload) {
            Ok(spending) => {
                let of_order = branches.entry(spending.order.clone()).or_default();
                match row.state {
                    TRIED => of_order.tried.push(spending),
                    CONFIRMED => of_order.confirmed.push(spending),
                    _ => {}
                }
            }
            Err(error) => report.add(Rule::PointsEffect, &row.gid, error.to_string()),
        }
    }
    let mut entries: BTreeMap<&str, Entries<'_>> = BTreeMap::new();
    for entry in &snapshot.points.ledger {
        let Some(order) = &entry.order else { continue };
        let of_order = entries.entry(order).or_default();
        match entry.kind {
            FREEZE => of_order.freeze.push(entry),
            SPEND => of_order.spend.push(entry),
            UNFREEZE => of_order.unfreeze.push(entry),
            _ => {}
        }
    }
    for (order, branches) in &branches {
        let entries = entries.remove(order.as_str()).unwrap_or_default();
        effect(order, branches, &entries, report);
    }
    for (order, _) in entries {
        report.add(
            Rule::PointsEffect,
            order,
            "has entries in the ledger and no branch at the fence",
        );
    }
}

fn effect(order: &str, branches: &Branches, entries: &Entries<'_>, report: &mut Report) {
    let counts = (
        entries.freeze.len(),
        entries.spend.len(),
        entries.unfreeze.len(),
    );
    let (tried, confirmed) = (branches.tried.len(), branches.confirmed.len());
    if counts.1 != confirmed || counts.0 != counts.1 + counts.2 + tried {
        let what = format!(
            "{tried} branches tried and {confirmed} confirmed; the ledger has {} frozen, {} spent, {} given back",
            counts.0, counts.1, counts.2
        );
        report.add(Rule::PointsEffect, order, what);
        return;
    }
    let asked = branches.confirmed.iter().zip(&entries.spend);
    for (asked, entry) in asked {
        if (asked.user.as_str(), -asked.points) != (entry.user.as_str(), entry.frozen) {
            let what = format!(
                "{} of {} were to be spent, {} of {} were",
                asked.points, asked.user, -entry.frozen, entry.user
            );
            report.add(Rule::PointsEffect, order, what);
        }
    }
}
