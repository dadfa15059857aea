//! `tercet bench --isolation`: what one dead or slow participant of four does to transactions that don't touch it.
//!
//! In each turn a coordinator of its own, over three participants that answer at once and a fourth that is well, dead (nobody
//! listens) or slow, has two loads: callers whose transactions have branches at the three, which are measured, and new
//! transactions for the fourth at a fixed rate, the same in every turn. Half of those are messages, which no breaker refuses
//! once they are decided: they pile up and are repeated. The turn begins with a time that isn't measured, in which they do.
//!
//! A coordinator of its own for each turn, because what one has left to repeat would disturb the next.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tercet_client::proto::{
    ExecuteTransactionRequest, transaction_service_client::TransactionServiceClient,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::transport::Channel;

use super::{
    echo::{PARTICIPANTS, SLOW},
    load::{self, Gids, branch_at},
    plan::progress,
    report::Spread,
    subject::{Participants, Subject},
};
use crate::{
    cli::Bench,
    failure::Failure,
    render::{
        columns::{Cell, Columns},
        style::Style,
    },
};

/// New transactions for the fourth participant a second.
const FOR_THE_FOURTH: u32 = 100;
/// Those of them that may be unanswered at a time; more are left out.
const UNANSWERED_MAX: usize = 512;

/// How the fourth participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fourth {
    Well,
    Dead,
    Slow,
}

impl Fourth {
    const ALL: [Self; 3] = [Self::Well, Self::Dead, Self::Slow];

    fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Dead => "dead",
            Self::Slow => "slow",
        }
    }

    /// It, in a coordinator's file. Its number is [`PARTICIPANTS`].
    fn table(self, participants: &Participants) -> Result<String, Failure> {
        let address = participants.addresses.get(PARTICIPANTS);
        let address = address.ok_or_else(|| Failure::failed("there is no fourth participant"))?;
        let (address, service) = match self {
            Self::Well => (address.as_str(), "bench.v1.WorkService"),
            // The port for discarding: nobody listens there.
            Self::Dead => ("127.0.0.1:9", "bench.v1.WorkService"),
            Self::Slow => (address.as_str(), "bench.v1.SlowService"),
        };
        Ok(format!(
            "[participants.bench-{PARTICIPANTS}]\nendpoints = [\"http://{address}\"]\n\
             [participants.bench-{PARTICIPANTS}.actions]\nwork = \"{service}\"\n\
             message = {{ service = \"{service}\", verbs = [\"confirm\"] }}\n"
        ))
    }
}

/// What the others' transactions did in one turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    rate: f64,
    p50_micros: u64,
    p99_micros: u64,
}

/// All turns of one state and number in flight, in the order of the rounds.
#[derive(Debug)]
struct Series {
    fourth: Fourth,
    in_flight: usize,
    turns: Vec<Turn>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Results {
    rounds: usize,
    turn: Duration,
    series: Vec<Series>,
}

/// Goes through the rounds; in each, every state of the fourth has its turn at every number in flight.
pub(super) async fn run(command: &Bench) -> Result<Results, Failure> {
    let participants = Participants::start().await?;
    let gids = Arc::new(Gids::new());
    let turn = command.turn.get();
    let mut series: Vec<Series> = command
        .in_flight
        .iter()
        .flat_map(|in_flight| Fourth::ALL.map(|fourth| (fourth, *in_flight)))
        .map(|(fourth, in_flight)| Series {
            fourth,
            in_flight,
            turns: Vec::with_capacity(command.rounds),
        })
        .collect();
    let bar = progress(command.rounds * series.len());
    for _ in 0..command.rounds {
        for series in &mut series {
            let fourth = series.fourth;
            bar.set_message(format!("{}, {} in flight", fourth.name(), series.in_flight));
            let table = fourth.table(&participants)?;
            let subject = Subject::beside(&participants, &table).await?;
            let made = one_turn(&subject.channel, &gids, series.in_flight, turn).await?;
            series.turns.push(made);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(Results {
        rounds: command.rounds,
        turn,
        series,
    })
}

async fn one_turn(
    channel: &Channel,
    gids: &Arc<Gids>,
    in_flight: usize,
    turn: Duration,
) -> Result<Turn, Failure> {
    let mut for_the_fourth = JoinSet::new();
    for_the_fourth.spawn(load_the_fourth(channel.clone(), Arc::clone(gids)));
    load::run(channel, gids, in_flight, turn / 2).await?;
    let loaded = load::run(channel, gids, in_flight, turn).await?;
    drop(for_the_fourth);
    if loaded.failed > 0 {
        let why = loaded.failure.unwrap_or_default();
        let failed = loaded.failed;
        return Err(Failure::failed(format!(
            "{failed} calls failed, the first: {why}"
        )));
    }
    let answered = f64::from(u32::try_from(loaded.answered).unwrap_or(u32::MAX));
    Ok(Turn {
        rate: answered / loaded.took.as_secs_f64(),
        p50_micros: loaded.latency.value_at_quantile(0.5),
        p99_micros: loaded.latency.value_at_quantile(0.99),
    })
}

/// Begins transactions for the fourth at a fixed rate, whatever becomes of them. Never ends.
async fn load_the_fourth(channel: Channel, gids: Arc<Gids>) {
    let unanswered = Arc::new(Semaphore::new(UNANSWERED_MAX));
    let mut callers = JoinSet::new();
    let mut turns = tokio::time::interval(Duration::from_secs(1) / FOR_THE_FOURTH);
    for number in 0_u64.. {
        turns.tick().await;
        while callers.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&unanswered).try_acquire_owned() else {
            continue;
        };
        let action = if number % 2 == 0 { "work" } else { "message" };
        let request = ExecuteTransactionRequest {
            gid: gids.next(),
            branches: vec![branch_at(PARTICIPANTS, action)],
            ..ExecuteTransactionRequest::default()
        };
        let mut service = TransactionServiceClient::new(channel.clone());
        callers.spawn(async move {
            let _place = place;
            // Refused or not: what counts is what the others feel.
            let _answer = service.execute_transaction(request).await;
        });
    }
}

impl Results {
    /// Each round's p99 beside that of the same round with the fourth well.
    fn to_well(&self, series: &Series) -> Spread {
        let well = self
            .series
            .iter()
            .find(|other| other.fourth == Fourth::Well && other.in_flight == series.in_flight);
        let well = well.map_or(&series.turns, |well| &well.turns);
        let ratios: Vec<f64> = series
            .turns
            .iter()
            .zip(well)
            .map(|(turn, well)| micros(turn.p99_micros) / micros(well.p99_micros))
            .collect();
        Spread::of(&ratios, |ratio| *ratio)
    }
}

fn micros(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX))
}

/// The table.
pub(super) fn text(results: &Results, style: Style) -> String {
    let heads = [
        "IN FLIGHT",
        "THE FOURTH",
        "PER SECOND",
        "P50",
        "P99",
        "P99 TO WELL",
        "SPREAD",
    ];
    let mut table = Columns::new(&heads, style);
    for series in &results.series {
        let of = |value: fn(&Turn) -> f64| Spread::of(&series.turns, value).median;
        let to_well = results.to_well(series);
        table.row(vec![
            Cell::right(&series.in_flight.to_string()),
            series.fourth.name().to_owned().into(),
            Cell::right(&format!("{:.0}", of(|turn| turn.rate))),
            Cell::right(&format!(
                "{:.2} ms",
                of(|turn| micros(turn.p50_micros)) / 1e3
            )),
            Cell::right(&format!(
                "{:.2} ms",
                of(|turn| micros(turn.p99_micros)) / 1e3
            )),
            Cell::right(&format!("{:.2}", to_well.median)),
            Cell::right(&format!("{:.2} to {:.2}", to_well.least, to_well.most)),
        ]);
    }
    format!(
        "{}\nMedians of {} rounds of {} each. The figures are those of transactions at three participants that are well, while a fourth \n\
         gets {FOR_THE_FOURTH} new transactions a second: it is well, dead (nobody listens), or slow ({} a call).\n\
         P99 TO WELL is the median of the rounds' ratios to the same round with the fourth well.\n",
        table.text(),
        results.rounds,
        humantime::format_duration(results.turn),
        humantime::format_duration(SLOW),
    )
}

/// The same, for programs.
pub(super) fn json(results: &Results) -> String {
    let series: Vec<Value> = results
        .series
        .iter()
        .map(|series| {
            let of = |value: fn(&Turn) -> f64| Spread::of(&series.turns, value).median;
            let to_well = results.to_well(series);
            json!({
                "fourth": series.fourth.name(),
                "in_flight": series.in_flight,
                "per_second": of(|turn| turn.rate),
                "p50_micros": of(|turn| micros(turn.p50_micros)),
                "p99_micros": of(|turn| micros(turn.p99_micros)),
                "p99_to_well": { "median": to_well.median, "least": to_well.least, "most": to_well.most },
            })
        })
        .collect();
    let turn = u64::try_from(results.turn.as_millis()).unwrap_or(u64::MAX);
    json!({ "rounds": results.rounds, "turn_ms": turn, "series": series }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_is_compared_with_its_own_where_all_are_well() {
        let turn = |p99_micros| Turn {
            rate: 100.0,
            p50_micros: 1_000,
            p99_micros,
        };
        let series = |fourth, p99s: [u64; 3]| Series {
            fourth,
            in_flight: 8,
            turns: p99s.map(turn).to_vec(),
        };
        let results = Results {
            rounds: 3,
            turn: Duration::from_secs(2),
            series: vec![
                series(Fourth::Well, [1_000, 2_000, 4_000]),
                series(Fourth::Dead, [1_100, 2_000, 6_000]),
            ],
        };
        let spread = results.to_well(&results.series[1]);
        assert!((spread.median - 1.1).abs() < 1e-9);
        assert!((spread.least - 1.0).abs() < 1e-9);
        assert!((spread.most - 1.5).abs() < 1e-9);
        let text = text(&results, Style::Plain);
        let line = text
            .lines()
            .find(|line| line.contains("dead"))
            .unwrap_or_default();
        for part in ["8", "100", "1.00 ms", "2.00 ms", "1.10", "1.00 to 1.50"] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }
}
