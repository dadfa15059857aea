//! The language of `tercet reconcile`.

use clap::Args;
use tercet_service::ConfigDuration;

/// `tercet reconcile`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 everything agrees, or was mended; 1 something disagrees, or couldn't be compared."
)]
pub(crate) struct Reconcile {
    /// Mend what has exactly one right answer, and ask before the rest
    #[arg(long)]
    pub(crate) repair: bool,
    /// Ask nothing: what would have to be asked stays as it is
    #[arg(long, requires = "repair")]
    pub(crate) yes: bool,
    /// Where a participant is, instead of where the coordinator calls it; may be repeated
    #[arg(long, value_name = "NAME=ENDPOINT", value_parser = super::filters::label)]
    pub(crate) participant: Vec<(String, String)>,
    /// How long a disagreement must last to be one: what is under way settles meanwhile
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    pub(crate) settle: ConfigDuration,
    /// Days of the provider's statement to compare, today (UTC) included
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}
