//! Stock: nothing below zero, the sums, and each branch's pieces taken exactly once.

use std::collections::BTreeMap;

use super::fence_state::{CONFIRMED, TRIED};
use super::rows_of;
use crate::Expected;
use crate::blobs;
use crate::report::{Report, Rule};
use crate::snapshot::{Sku, Snapshot};

const PARTICIPANT: &str = "stock";
const RESERVE: &str = "shop.stock.v1.ReserveStockService";
const NOTIFY: &str = "shop.stock.v1.NotifyService";

/// What the branches of a SKU add up to, in pieces.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    tried: i64,
    confirmed: i64,
}

pub(super) fn check(snapshot: &Snapshot, expected: &Expected, report: &mut Report) {
    let mut taken = taken(snapshot, report);
    for sku in &snapshot.stock.skus {
        below_zero(sku, report);
        sum(sku, snapshot, expected, report);
        effect(sku, taken.remove(&sku.sku).unwrap_or_default(), report);
    }
    for (sku, _) in taken {
        report.add(Rule::StockEffect, &sku, "was reserved and doesn't exist");
    }
    for sku in expected.seeded.keys() {
        if !snapshot.stock.skus.iter().any(|found| found.sku == *sku) {
            report.add(Rule::StockSum, sku, "was seeded and doesn't exist");
        }
    }
    notices(snapshot, report);
}

fn below_zero(sku: &Sku, report: &mut Report) {
    for (name, pieces) in [
        ("available", sku.available),
        ("reserved", sku.reserved),
        ("held", sku.held),
        ("sold", sku.sold),
    ] {
        if pieces < 0 {
            report.add(Rule::BelowZero, &sku.sku, format!("{name} is {pieces}"));
        }
    }
}

fn sum(sku: &Sku, snapshot: &Snapshot, expected: &Expected, report: &mut Report) {
    let Some(seeded) = expected.seeded.get(&sku.sku) else {
        return;
    };
    let restocked = snapshot.stock.restocked.get(&sku.sku).copied();
    let came = seeded + restocked.unwrap_or_default();
    let there = sku.available + sku.reserved + sku.held + sku.sold;
    if there != came {
        report.add(
            Rule::StockSum,
            &sku.sku,
            format!("{came} pieces came in and {there} are there"),
        );
    }
}

fn taken(snapshot: &Snapshot, report: &mut Report) -> BTreeMap<String, Taken> {
    let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
    for (row, branch) in rows_of(snapshot, PARTICIPANT, RESERVE) {
        if !matches!(row.state, TRIED | CONFIRMED) {
            continue;
        }
        match blobs::reservation(&branch.payload) {
            Ok(reservation) => {
                let sum = taken.entry(reservation.sku).or_default();
                match row.state {
                    TRIED => sum.tried += reservation.quantity,
                    _ => sum.confirmed += reservation.quantity,
                }
            }
            Err(error) => report.add(Rule::StockEffect, &row.gid, error.to_string()),
        }
    }
    taken
}

/// What the branches took is what the table says was taken: no branch twice, none not at all.
fn effect(sku: &Sku, taken: Taken, report: &mut Report) {
    if sku.reserved != taken.tried {
        report.add(
            Rule::StockEffect,
            &sku.sku,
            format!(
                "{} are reserved, tried branches reserve {}",
                sku.reserved, taken.tried
            ),
        );
    }
    let gone = sku.held + sku.sold;
    if gone != taken.confirmed {
        report.add(
            Rule::StockEffect,
            &sku.sku,
            format!(
                "{gone} are held or sold, confirmed branches took {}",
                taken.confirmed
            ),
        );
    }
}

fn notices(snapshot: &Snapshot, report: &mut Report) {
    let mut written: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (gid, branch, subject) in &snapshot.stock.notices {
        written.entry((gid, branch)).or_default().push(subject);
    }
    for (row, branch) in rows_of(snapshot, PARTICIPANT, NOTIFY) {
        let found = written.remove(&(row.gid.as_str(), row.branch.as_str()));
        let found = found.unwrap_or_default();
        let asked = blobs::subject(&branch.payload).unwrap_or_default();
        if row.state == CONFIRMED && found != [asked.as_str()] {
            let what = format!(
                "branch {} asked for a notice about {asked:?}, there are {found:?}",
                row.branch
            );
            report.add(Rule::Notice, &row.gid, what);
        }
        if row.state != CONFIRMED && !found.is_empty() {
            report.add(
                Rule::Notice,
                &row.gid,
                "a notice was written by a branch that isn't confirmed",
            );
        }
    }
    for ((gid, branch), _) in written {
        report.add(
            Rule::Notice,
            gid,
            format!("a notice of branch {branch}, which has no fence row"),
        );
    }
}
