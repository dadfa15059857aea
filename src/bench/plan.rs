//! What is run, in which order: in each round every subject takes its turn, at every number in flight.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    echo::PARTICIPANTS,
    load::{self, Gids, Loaded},
    subject::{Participants, Receiver, Subject},
    watch::Watch,
};
use crate::{cli::Bench, failure::Failure};

/// What one subject did in all rounds, at one number in flight.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) subject: String,
    pub(super) in_flight: usize,
    pub(super) is_floor: bool,
    /// The place of the series that is the same without telemetry, where this one has it.
    pub(super) plain: Option<usize>,
    /// In the order of the rounds.
    pub(super) turns: Vec<Turn>,
}

/// One subject's turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Transactions a second, from the first call to the last confirm.
    pub(super) rate: f64,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
    /// Entries a batch of the log; none for the floor.
    pub(super) batch: Option<f64>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) rounds: usize,
    pub(super) turn: Duration,
    pub(super) series: Vec<Series>,
    /// Calls with spans that the receiver of traces got; none where nothing was traced.
    pub(super) exports: Option<u64>,
}

/// Starts the processes and goes through the rounds.
pub(super) async fn run(command: &Bench) -> Result<Results, Failure> {
    let participants = Participants::start().await?;
    let mut subjects = vec![Subject::floor(&participants).await?];
    let receiver = if command.telemetry {
        Some(Receiver::start().await?)
    } else {
        None
    };
    let sqlite = (!command.no_sqlite).then_some(None);
    for url in sqlite.into_iter().chain(command.log.iter().map(Some)) {
        let url = url.map(String::as_str);
        subjects.push(Subject::coordinator(&participants, url, None).await?);
        if receiver.is_some() {
            let watched = Subject::coordinator(&participants, url, receiver.as_ref()).await?;
            subjects.push(watched);
        }
    }
    let mut series: Vec<Series> = command
        .in_flight
        .iter()
        .flat_map(|in_flight| subjects.iter().map(|subject| (subject, *in_flight)))
        .enumerate()
        .map(|(place, (subject, in_flight))| Series {
            subject: subject.name.clone(),
            in_flight,
            is_floor: subject.is_floor,
            // It stands before.
            plain: subject.watched.as_ref().and(place.checked_sub(1)),
            turns: Vec::with_capacity(command.rounds),
        })
        .collect();
    let runner = Runner {
        participants,
        gids: Arc::new(Gids::new()),
        turn: command.turn.get(),
    };
    let bar = progress((command.rounds + 1) * series.len());
    // The round before the first warms up connections, caches and the log's file, and isn't counted.
    for round in 0..=command.rounds {
        for (index, series) in series.iter_mut().enumerate() {
            let subject = &subjects[index % subjects.len()];
            bar.set_message(format!(
                "{}, {} in flight",
                series.subject, series.in_flight
            ));
            let turn = runner.turn(subject, series.in_flight).await?;
            if round > 0 {
                series.turns.push(turn);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let exports = match &receiver {
        Some(receiver) => Some(receiver.exports().await?),
        None => None,
    };
    Ok(Results {
        exports,
        rounds: command.rounds,
        turn: command.turn.get(),
        series,
    })
}

/// What every turn needs.
struct Runner {
    participants: Participants,
    gids: Arc<Gids>,
    turn: Duration,
}

impl Runner {
    async fn turn(&self, subject: &Subject, in_flight: usize) -> Result<Turn, Failure> {
        let ended_before = self.participants.ended().await?;
        let log_before = subject.status().await?;
        let watch = subject.watched.as_deref().map(Watch::start);
        let loaded = load::run(&subject.channel, &self.gids, in_flight, self.turn).await?;
        if let Some(watch) = watch {
            watch.stop().await?;
        }
        if loaded.failed > 0 {
            let why = loaded.failure.unwrap_or_default();
            let name = &subject.name;
            return Err(Failure::failed(format!(
                "{name}: {} of {} calls failed, the first: {why}",
                loaded.failed,
                loaded.failed + loaded.answered
            )));
        }
        // What was answered isn't finished yet: its confirms count too, or a subject could put them off.
        let owed = loaded.answered * PARTICIPANTS as u64;
        let drained = self.participants.wait_for(ended_before + owed).await?;
        let log_after = subject.status().await?;
        let batch = log_before.zip(log_after).map(|(before, after)| {
            let batches = after.log_batches - before.log_batches;
            ratio(after.log_entries - before.log_entries, batches)
        });
        Ok(turn(&loaded, drained, batch))
    }
}

fn turn(loaded: &Loaded, drained: Duration, batch: Option<f64>) -> Turn {
    let seconds = (loaded.took + drained).as_secs_f64();
    Turn {
        rate: f64::from(u32::try_from(loaded.answered).unwrap_or(u32::MAX)) / seconds,
        p50_micros: loaded.latency.value_at_quantile(0.5),
        p99_micros: loaded.latency.value_at_quantile(0.99),
        batch,
    }
}

pub(super) fn ratio(sum: u64, count: u64) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if count == 0 {
        0.0
    } else {
        number(sum) / number(count)
    }
}

/// Shown on a terminal only, on standard error.
pub(super) fn progress(turns: usize) -> ProgressBar {
    let bar = ProgressBar::new(turns as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {eta} left  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
