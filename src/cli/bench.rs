//! The language of `tercet bench`.

use clap::{Args, Subcommand};
use tercet_service::ConfigDuration;

/// `tercet bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Measure a release build. Nothing is asserted: read the ratios, which come from one run on one machine."
)]
pub(crate) struct Bench {
    /// Measure a coordinator on this log too, `mysql://USER:PASSWORD@HOST:3306/DATABASE` for instance; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) log: Vec<String>,
    /// Leave out the coordinator on an SQLite file
    #[arg(long)]
    pub(crate) no_sqlite: bool,
    /// Measure each coordinator once more with its figures asked for every second, an overview of the console open, and one trace in a hundred sent to a receiver
    #[arg(long)]
    pub(crate) telemetry: bool,
    /// Measure instead what a dead and a slow participant do to transactions that don't touch it
    #[arg(long, conflicts_with_all = ["telemetry", "log", "no_sqlite"])]
    pub(crate) isolation: bool,
    /// Transactions at a time; several are measured in turn
    #[arg(long, value_delimiter = ',', default_value = "1,64", value_parser = at_least_one)]
    pub(crate) in_flight: Vec<usize>,
    /// Rounds that count; one more before them warms up
    #[arg(long, default_value = "5", value_parser = at_least_one)]
    pub(crate) rounds: usize,
    /// How long each subject's turn in a round takes
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    pub(crate) turn: ConfigDuration,
}

/// The programs that a measurement needs besides the coordinator.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchPart {
    /// The participants, which answer at once
    Participants,
    /// A receiver of traces
    Receiver,
    /// The floor over these participants
    Floor {
        /// Where the participants listen, HOST:PORT
        participants: Vec<String>,
    },
}

/// Nothing can be measured with none.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}
