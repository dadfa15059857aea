//! What is printed: medians over the rounds, their spread, and the ratio to the floor of the same rounds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plan::{Results, Series, Turn};
use crate::render::{
    columns::{Cell, Columns},
    style::Style,
};

/// The table.
pub(super) fn text(results: &Results, style: Style) -> String {
    let mut table = Columns::new(
        &[
            "IN FLIGHT",
            "SUBJECT",
            "PER SECOND",
            "SPREAD",
            "TO FLOOR",
            "P50",
            "P99",
            "BATCH",
        ],
        style,
    );
    for series in &results.series {
        let rates = Spread::of(&series.turns, |turn| turn.rate);
        let batch = series.turns.iter().any(|turn| turn.batch.is_some());
        let batch = batch.then(|| Spread::of(&series.turns, |turn| turn.batch.unwrap_or_default()));
        table.row(vec![
            Cell::right(&series.in_flight.to_string()),
            series.subject.clone().into(),
            Cell::right(&format!("{:.0}", rates.median)),
            Cell::right(&format!("{:.0} to {:.0}", rates.least, rates.most)),
            Cell::right(&format!("{:.2}", to_floor(results, series))),
            Cell::right(&millis(&series.turns, |turn| turn.p50_micros)),
            Cell::right(&millis(&series.turns, |turn| turn.p99_micros)),
            Cell::right(&batch.map_or_else(String::new, |batch| format!("{:.1}", batch.median))),
        ]);
    }
    let mut beside = String::new();
    for series in &results.series {
        if let Some(spread) = to_plain(results, series) {
            let _ = writeln!(
                beside,
                "{} in flight, {}: {:.3} of the throughput without ({:.3} to {:.3}).",
                series.in_flight, series.subject, spread.median, spread.least, spread.most
            );
        }
    }
    if let Some(exports) = results.exports {
        let _ = writeln!(
            beside,
            "Telemetry: figures asked for every second, an overview of the console open, one trace in a hundred sent ({exports} calls with spans came)."
        );
    }
    format!(
        "{}\n{beside}Medians of {} rounds of {} each; 3 branches; every subject takes its turn in every round.\n\
         TO FLOOR is the median of the rounds' ratios to the floor, which has no log and repeats nothing.\n\
         PER SECOND counts until the last confirm; P50 and P99 are to the decision, in milliseconds.\n",
        table.text(),
        results.rounds,
        humantime::format_duration(results.turn),
    )
}

/// The same, for programs.
pub(super) fn json(results: &Results) -> String {
    let series: Vec<Value> = results
        .series
        .iter()
        .map(|series| {
            let rates = Spread::of(&series.turns, |turn| turn.rate);
            json!({
                "subject": series.subject,
                "in_flight": series.in_flight,
                "per_second": { "median": rates.median, "least": rates.least, "most": rates.most },
                "to_floor": to_floor(results, series),
                "to_plain": to_plain(results, series).map(|spread| spread.median),
                "p50_micros": median(series.turns.iter().map(|turn| micros(turn.p50_micros))),
                "p99_micros": median(series.turns.iter().map(|turn| micros(turn.p99_micros))),
                "batch": series.turns.iter().map(|turn| turn.batch).collect::<Option<Vec<_>>>()
                    .map(|batches| median(batches.into_iter())),
            })
        })
        .collect();
    let document = json!({
        "trace_exports": results.exports,
        "rounds": results.rounds,
        "turn_ms": u64::try_from(results.turn.as_millis()).unwrap_or(u64::MAX),
        "series": series,
    });
    document.to_string()
}

/// Each round is compared with its own floor: what disturbed the machine then disturbed both.
fn to_floor(results: &Results, series: &Series) -> f64 {
    let floor = results
        .series
        .iter()
        .find(|other| other.is_floor && other.in_flight == series.in_flight);
    let floor = floor.map_or(&series.turns, |floor| &floor.turns);
    let turns = series.turns.iter().zip(floor);
    median(turns.map(|(turn, floor)| turn.rate / floor.rate))
}

/// Each round with telemetry beside its own without; nothing for a series that has none.
fn to_plain(results: &Results, series: &Series) -> Option<Spread> {
    let plain = results.series.get(series.plain?)?;
    let turns = series.turns.iter().zip(&plain.turns);
    let ratios: Vec<f64> = turns.map(|(turn, plain)| turn.rate / plain.rate).collect();
    Some(Spread::of(&ratios, |ratio| *ratio))
}

fn millis(turns: &[Turn], value: impl Fn(&Turn) -> u64) -> String {
    let micros = median(turns.iter().map(|turn| micros(value(turn))));
    format!("{:.2} ms", micros / 1_000.0)
}

fn micros(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX))
}

/// The middle and the ends of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of<T>(turns: &[T], value: impl Fn(&T) -> f64) -> Self {
        let values = || turns.iter().map(&value);
        Self {
            least: values().fold(f64::INFINITY, f64::min),
            median: median(values()),
            most: values().fold(0.0, f64::max),
        }
    }
}

/// The middle one; of an even number the mean of the two in the middle; nought of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn turn(rate: f64, batch: Option<f64>) -> Turn {
        Turn {
            rate,
            p50_micros: 1_500,
            p99_micros: 9_000,
            batch,
        }
    }

    fn results() -> Results {
        let series = |subject: &str, is_floor, turns| Series {
            subject: subject.to_owned(),
            in_flight: 64,
            is_floor,
            plain: None,
            turns,
        };
        Results {
            rounds: 3,
            turn: Duration::from_secs(2),
            exports: None,
            series: vec![
                series(
                    "floor",
                    true,
                    vec![turn(100.0, None), turn(50.0, None), turn(200.0, None)],
                ),
                series(
                    "log",
                    false,
                    vec![
                        turn(60.0, Some(4.0)),
                        turn(45.0, Some(2.0)),
                        turn(190.0, Some(3.0)),
                    ],
                ),
            ],
        }
    }

    #[test]
    fn each_round_is_compared_with_its_own_floor() {
        let results = results();
        // The rounds' ratios are 0.6, 0.9 and 0.95; the ratio of the medians would be 0.6.
        assert!((to_floor(&results, &results.series[1]) - 0.9).abs() < 1e-9);
        assert!((to_floor(&results, &results.series[0]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn with_telemetry_each_round_is_compared_with_its_own_without() {
        let mut results = results();
        assert_eq!(to_plain(&results, &results.series[1]), None);
        results.series[1].plain = Some(0);
        let spread = to_plain(&results, &results.series[1]).unwrap_or(Spread {
            least: 0.0,
            median: 0.0,
            most: 0.0,
        });
        let far = |a: f64, b: f64| (a - b).abs() > 1e-9;
        assert!(!far(spread.median, 0.9) && !far(spread.least, 0.6) && !far(spread.most, 0.95));
        let text = text(&results, Style::Plain);
        assert!(
            text.contains("0.900 of the throughput without (0.600 to 0.950)"),
            "{text}"
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_series() {
        let text = text(&results(), Style::Plain);
        let line = text
            .lines()
            .find(|line| line.contains(" log"))
            .unwrap_or_default();
        for part in ["64", "60", "45 to 190", "0.90", "1.50 ms", "9.00 ms", "3.0"] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }

    #[test]
    fn a_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert!((median([4.0, 1.0, 3.0, 2.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median(std::iter::empty()).abs() < 1e-9);
    }
}
