//! What is printed after a rush: outcomes with their latencies, and every sum.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{plan::Sale, tally::Tally};
use crate::render::{
    checks::Check,
    columns::{Cell, Columns},
    style::Style,
};

/// The outcome of one rush.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) sale: Sale,
    pub(super) seed: u64,
    pub(super) took: Duration,
    pub(super) killed: Vec<&'static str>,
    pub(super) tally: Tally,
    pub(super) checks: Vec<Check>,
}

impl Report {
    /// Whether every sum is right.
    pub(super) fn is_right(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    fn rate(&self) -> f64 {
        let submissions = u32::try_from(self.tally.submissions).unwrap_or(u32::MAX);
        f64::from(submissions) / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// For people.
    pub(super) fn text(&self, style: Style) -> String {
        let mut table = Columns::new(&["SUBMISSION", "COUNT", "P50", "P99", "MAX"], style);
        for line in &self.tally.lines {
            row(&mut table, line.what.clone(), &line.times);
        }
        if !self.tally.paid.is_empty() {
            row(&mut table, "then paid".to_owned(), &self.tally.paid);
        }
        let unpaid = self
            .tally
            .unpaid
            .iter()
            .map(|(why, count)| format!("{} {count} not paid: {why}\n", style.bad("✗")));
        let unpaid: String = unpaid.collect();
        let checks: Vec<String> = self.checks.iter().map(|check| check.line(style)).collect();
        let wrong = self.checks.iter().filter(|check| !check.holds()).count();
        let verdict = if wrong == 0 {
            style.good(&format!("All {} hold.", self.checks.len()))
        } else {
            style.bad(&format!("{wrong} of {} don't hold.", self.checks.len()))
        };
        format!(
            "{}\n{}\n\n{}\n{unpaid}\n{}\n{}\n\n{}\n\n{verdict}\n",
            style.strong(&self.heading()),
            self.circumstances(),
            table.text(),
            self.buyers(style).text(),
            style.strong("What must hold"),
            checks.join("\n"),
        )
    }

    fn heading(&self) -> String {
        let Sale { users, stock, .. } = self.sale;
        format!(
            "{users} buyers, {stock} pieces: {} submissions in {:.1} s ({:.0} a second)",
            self.tally.submissions,
            self.took.as_secs_f64(),
            self.rate(),
        )
    }

    /// What was in the way, and how to have it again.
    fn circumstances(&self) -> String {
        let mut victims: BTreeMap<&str, u32> = BTreeMap::new();
        for victim in &self.killed {
            *victims.entry(victim).or_default() += 1;
        }
        let victims: Vec<String> = victims
            .into_iter()
            .map(|(victim, times)| format!("{victim} {times}×"))
            .collect();
        let killed = match victims.as_slice() {
            [] => "nothing killed".to_owned(),
            victims => format!("killed and started again: {}", victims.join(", ")),
        };
        let repeats = self.tally.repeats;
        format!("{killed}; {repeats} calls repeated; seed {}", self.seed)
    }

    /// Every buyer once: what it has, or why it has nothing.
    fn buyers(&self, style: Style) -> Columns {
        let mut table = Columns::new(&["BUYER", "COUNT", "WHICH MEANS"], style);
        for (told, count) in &self.tally.told {
            table.row([
                told.words().into(),
                Cell::right(&count.to_string()),
                told.meaning().to_owned().into(),
            ]);
        }
        let all: u64 = self.tally.told.values().sum();
        table.row([
            "all".to_owned().into(),
            Cell::right(&all.to_string()),
            String::new().into(),
        ]);
        table
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let lines: Vec<Value> = self
            .tally
            .lines
            .iter()
            .map(|line| times(&line.what, &line.times))
            .collect();
        let buyers: Vec<Value> = self
            .tally
            .told
            .iter()
            .map(|(told, count)| json!({ "what": told.words(), "count": count }))
            .collect();
        let checks: Vec<Value> = self.checks.iter().map(Check::json).collect();
        json!({
            "right": self.is_right(),
            "users": self.sale.users,
            "stock": self.sale.stock,
            "campaign": self.sale.name,
            "seed": self.seed,
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "per_second": self.rate(),
            "submissions": self.tally.submissions,
            "repeats": self.tally.repeats,
            "killed": self.killed,
            "outcomes": lines,
            "buyers": buyers,
            "paid": times("paid", &self.tally.paid),
            "unpaid": self.tally.unpaid,
            "checks": checks,
        })
        .to_string()
    }
}

fn times(what: &str, times: &Histogram<u64>) -> Value {
    json!({
        "what": what,
        "count": times.len(),
        "p50_micros": times.value_at_quantile(0.5),
        "p99_micros": times.value_at_quantile(0.99),
        "max_micros": times.max(),
    })
}

fn row(table: &mut Columns, what: String, times: &Histogram<u64>) {
    table.row([
        what.into(),
        Cell::right(&times.len().to_string()),
        Cell::right(&millis(times.value_at_quantile(0.5))),
        Cell::right(&millis(times.value_at_quantile(0.99))),
        Cell::right(&millis(times.max())),
    ]);
}

fn millis(micros: u64) -> String {
    let micros = f64::from(u32::try_from(micros).unwrap_or(u32::MAX));
    format!("{:.1} ms", micros / 1_000.0)
}
